"""Services: answering with the newest input commit, replaced without a gap, healthy or not."""

import http.client
import os
import signal
import socket
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from headwater.execution import Beat
from headwater.pipelines.longrun import KINDS, service
from headwater.pipelines.longrun.service import ServiceHandler, answers, is_exposed
from headwater.pipelines.longrun.store import Status
from headwater.pipelines.tables import pipeline_versions
from tests.pipelines.longrun.conftest import Place
from tests.waiting import PATIENCE_S, until

# Answers with what lies in its input when it is asked, and its own process id.
_COMMAND = """#!/usr/bin/env python3
import http.server, os, pathlib
folder = pathlib.Path(os.environ["data"])
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        files = {str(f.relative_to(folder)): f.read_text() for f in sorted(folder.rglob("*")) if f.is_file()}
        body = f"{files} {os.environ['data_COMMIT']} {os.getpid()}".encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): print("asked")
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answer).serve_forever()
"""

_FUNCTION = """
import socket
def serve(data, port, stop, state):
    text = " ".join(f"{file.path}={file.read_text()}" for file in data.files())
    with socket.create_server(("127.0.0.1", port)) as server:
        server.settimeout(0.05)
        while not stop.is_set():
            try:
                link, _ = server.accept()
            except TimeoutError:
                continue
            with link:
                link.sendall(f"{state} {text} {len(list(data.folder.iterdir()))}".encode())
    print("ended in peace")
def ready():
    return "loaded"
"""


def running(place: Place) -> Status | None:
    found = place.status()
    return found if found is not None and found.state == "running" else None


def ask(place: Place) -> str:
    """Asks where the service is said to be, and there once more if it has moved meanwhile."""
    for _ in range(2):
        found = running(place)
        if found is None or found.port is None:
            return ""
        link = http.client.HTTPConnection("127.0.0.1", found.port, timeout=5)
        try:
            link.request("GET", "/")
            return link.getresponse().read().decode()
        except OSError:
            continue
        finally:
            link.close()
    return ""


def test_a_command_answers_with_the_newest_commit(place: Place) -> None:
    place.put({"/a.txt": "one", "/b/c.txt": "two"})
    place.service({"serve.py": _COMMAND}, command=("./serve.py",))

    with place.working():
        first = until(lambda: ask(place))
        commit = place.put({"/a.txt": "uno", "/b/c.txt": None})
        second = until(lambda: answer if "uno" in (answer := ask(place)) else None)
        status = place.status()

    assert "{'a.txt': 'one', 'b/c.txt': 'two'}" in first
    assert f"{{'a.txt': 'uno'}} {commit.id}" in second
    assert status is not None
    assert status.commits == [commit.id]
    assert "asked" in place.log()


def test_a_function_gets_its_inputs_and_a_port(place: Place) -> None:
    place.put({"/m.txt": "model"})
    place.service({"code.py": _FUNCTION}, function="code:serve", setup="code:ready")

    def answer() -> str:
        found = running(place)
        if found is None or found.port is None:
            return ""
        with socket.create_connection(("127.0.0.1", found.port), 5) as link:
            return link.recv(100).decode()

    with place.working():
        said = until(answer)

    assert said == "loaded m.txt=model 1"
    assert "ended in peace" in place.log()


def test_somebody_answers_at_any_moment_while_one_replaces_the_other(place: Place) -> None:
    place.put({"/a": "0"})
    place.service({"serve.py": _COMMAND}, command=("./serve.py",))
    unanswered = 0

    with place.working():
        until(lambda: ask(place))
        for number in range(1, 4):
            place.put({"/a": str(number)})
            while f"'{number}'" not in (answer := ask(place)):
                unanswered += not answer

    assert unanswered == 0


def test_a_fixed_port_is_kept(place: Place) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place.put({"/a": "one"})
    place.service({"serve.py": _COMMAND}, command=("./serve.py",), port=port)

    with place.working():
        until(lambda: "one" in ask(place))
        place.put({"/a": "two"})
        until(lambda: "two" in ask(place))
        status = place.status()

    assert status is not None
    assert status.port == port


def test_a_service_waits_for_its_first_commit(place: Place) -> None:
    place.service({"serve.py": _COMMAND}, command=("./serve.py",))

    with place.working():
        until(lambda: place.state() == "waiting")
        place.put({"/a": "one"})
        until(lambda: "one" in ask(place))


def test_an_input_that_breaks_the_new_process_leaves_the_old_one_at_work(place: Place) -> None:
    strict = _COMMAND.replace("folder =", "import sys\nfolder =").replace(
        "class Answer", 'if (folder / "poison").exists(): sys.exit("poisoned")\nclass Answer'
    )
    place.put({"/a": "good"})
    place.service({"serve.py": strict}, command=("./serve.py",))

    with place.working():
        until(lambda: "good" in ask(place))
        place.put({"/poison": "x", "/a": "bad"})
        until(lambda: (found := place.status()) is not None and "poisoned" in (found.error or ""))
        still = ask(place)
        place.put({"/poison": None, "/a": "mended"})
        until(lambda: "mended" in ask(place))

    assert "good" in still


def test_a_process_that_dies_is_started_again(place: Place) -> None:
    place.put({"/a": "one"})
    place.service({"serve.py": _COMMAND}, command=("./serve.py",))

    with place.working():
        pid = int(until(lambda: ask(place)).rpartition(" ")[2])
        os.kill(pid, signal.SIGKILL)
        answer = until(lambda: found if not (found := ask(place)).endswith(f" {pid}") else None)
        other = int(answer.rpartition(" ")[2])
        status = place.status()

    assert other != pid
    assert status is not None
    assert "SIGKILL" in (status.error or "")


def test_a_process_that_does_not_answer_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headwater.pipelines.longrun.service.GRACE_S", 0.3)
    place.put({"/a": "one"})
    place.service({"run.sh": "#!/bin/sh\nexec sleep 60\n"}, command=("./run.sh",))

    with place.working():
        until(lambda: place.state() == "unhealthy")
        status = place.status()

    assert status is not None
    assert "Nothing answers at 127.0.0.1" in (status.error or "")


def test_only_what_the_glob_matches_is_laid_out(place: Place) -> None:
    place.put({"/a.csv": "1", "/b.txt": "2", "/sub/c.csv": "3"})
    place.service({"serve.py": _COMMAND}, command=("./serve.py",), glob="/*.csv")

    with place.working():
        first = until(lambda: ask(place))
        place.put({"/d.csv": "4", "/a.csv": None})
        until(lambda: "{'d.csv': '4'}" in ask(place))

    assert "{'a.csv': '1'}" in first


def test_a_version_that_a_worker_does_not_know_is_left_to_a_newer_one(place: Place) -> None:
    place.put({"/a": "one"})
    place.service({"serve.py": _COMMAND}, command=("./serve.py",))
    with place.catalog.write() as conn:
        known = conn.execute(sa.select(pipeline_versions.c.spec)).scalar_one()
        spec = known.replace(b'"kind":', b'"weather":"fine","kind":')
        conn.execute(sa.update(pipeline_versions).values(spec=spec))
    claim = place.queue.claim("older", KINDS)
    assert claim is not None

    ServiceHandler(place, place.files_at).handle(claim, Beat(threading.Event()))

    status = place.status()
    assert status is not None
    assert "does not know a part of its spec" in (status.error or "")
    assert place.queue.counts()["delayed"] == 1


def test_pausing_ends_it_and_nothing_is_left_running(place: Place) -> None:
    place.put({"/a": "one"})
    place.service({"serve.py": _COMMAND}, command=("./serve.py",))

    with place.working():
        pid = int(until(lambda: ask(place)).rpartition(" ")[2])
        place.set_state("paused")
        until(lambda: place.state() == "stopped")

        assert not Path(f"/proc/{pid}").exists()
    status = place.status()
    assert status is not None
    assert status.port is None


def test_a_port_whose_holder_hangs_up_is_no_answer_where_it_is_published(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        quiet = answers(port, is_published=True)
        hanging_up = threading.Thread(target=_hang_up, args=(server,))
        hanging_up.start()
        monkeypatch.setattr(service, "_HANG_UP_S", PATIENCE_S)  # the thread above may take its time
        held_for_nobody = answers(port, is_published=True)
        hanging_up.join()

    assert quiet
    assert not held_for_nobody


def _hang_up(server: socket.socket) -> None:
    """Takes the connection that waits, and the next one, and closes both."""
    for _ in range(2):
        server.accept()[0].close()


def test_a_socket_on_every_interface_is_noticed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as inside:
        assert not is_exposed(inside.getsockname()[1])
