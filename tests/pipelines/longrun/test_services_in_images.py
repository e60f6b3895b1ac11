"""Services in a container image; where podman cannot give one a network most of these are skipped by name."""

import os
import signal

import pytest

from headwater.pipelines.longrun.service import is_exposed
from headwater.pipelines.runtime.launch.processes import descendants
from tests.pipelines.longrun.conftest import Place
from tests.pipelines.longrun.test_services import ask
from tests.pipelines.longrun.test_spouts_killed import worker
from tests.servers.docker_engine import DockerEngine
from tests.servers.podman import Podman
from tests.waiting import until

# Answers with what lies in its input when it is asked, and what it is told of that.
_SERVE = """
import os, pathlib, signal, socket, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
folder = pathlib.Path(os.environ["data"])
with socket.create_server((os.environ["HEADWATER_HOST"], int(os.environ["PORT"]))) as server:
    print("listening", flush=True)
    while True:
        link, _ = server.accept()
        with link:
            try:
                if link.recv(10_000):
                    files = {one.name: one.read_text() for one in sorted(folder.iterdir())}
                    said = f"{files} {os.environ['data_COMMIT']} {os.environ['KEY']}"
                    link.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\n" + said.encode())
            except OSError:
                pass
"""

pytestmark = pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)


def _serve(place: Place, podman: Podman) -> None:
    place.put({"/a.txt": "one"})
    secrets = {"KEY": "env:TEST_KEY"}
    place.service({"serve.py": _SERVE}, command=("python3", "serve.py"), image=podman.image, secrets=secrets)


@pytest.mark.usefixtures("podman_network")
def test_a_service_in_an_image_answers_with_the_newest_commit_and_ends(
    place: Place, podman: Podman, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY", "well-kept")
    _serve(place, podman)

    with place.working():
        first = until(lambda: ask(place))
        [old] = podman.containers()
        published = podman.run("port", old).stdout
        commit = place.put({"/a.txt": None, "/b.txt": "two"})
        second = until(lambda: answer if "two" in (answer := ask(place)) else None)
        status = place.status()
        until(lambda: old not in podman.containers())
        there = podman.containers()
        place.set_state("paused")
        until(lambda: place.state() == "stopped")

        assert podman.containers() == []
    assert first.startswith("{'a.txt': 'one'}")
    assert second == f"{{'b.txt': 'two'}} {commit.id} well-kept"
    assert "listening" in place.log()
    assert len(there) == 1
    assert published.partition(" -> ")[2].startswith("127.0.0.1:")
    assert status is not None
    assert status.port is not None
    assert not is_exposed(status.port)


@pytest.mark.usefixtures("podman_network")
def test_no_container_of_a_service_stays_of_a_worker_that_was_killed(
    place: Place, podman: Podman, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY", "well-kept")
    _serve(place, podman)

    with worker(place) as process:
        until(lambda: ask(place))
        [first] = podman.containers(running=True)
        os.kill(descendants(process.pid)[0], signal.SIGKILL)  # the launcher, which would have ended it
        process.kill()
        left = podman.containers(running=True)
    with worker(place):
        [second] = until(lambda: [one for one in podman.containers(running=True) if one != first])
        until(lambda: podman.containers() == [second])
        until(lambda: ask(place))
    until(lambda: not podman.containers())  # the launcher has ended it

    assert left == [first]


def test_docker_is_told_to_publish_on_the_loopback_only(place: Place, docker_engine: DockerEngine) -> None:
    place.put({"/a.txt": "one"})
    place.service({}, command=("serve",), image="localhost/not-looked-for:latest")

    with place.working():
        until(lambda: (found := place.status()) is not None and docker_engine.refusal in (found.error or ""))
    asked = docker_engine.asked[0]
    [(inside, [outside])] = asked["HostConfig"]["PortBindings"].items()

    assert place.state() == "restarting"
    assert outside["HostIp"] == "127.0.0.1"
    assert inside == f"{outside['HostPort']}/tcp"
    assert {"HEADWATER_HOST=0.0.0.0", f"PORT={outside['HostPort']}", "data=/pfs/data"} <= set(asked["Env"])
    assert not asked["WorkingDir"]
    assert [bind.partition(":")[2] for bind in asked["HostConfig"]["Binds"]] == ["/pfs/data:ro"]
