"""A spout in a container image; where podman is not installed this is skipped by name."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipelines.longrun.conftest import Place, until

IMAGE = "localhost/headwater-test-spout:latest"
# What podman needs to run as root where it may set up neither networks nor high limits.
CONF = """[containers]
default_ulimits=["nofile=1024:1024","nproc=4096:4096"]
netns="host"
[engine]
runtime="runc"
"""
_LINES = (
    "mkdir /pfs/out/draft && cat said.txt > /pfs/out/draft/a.txt && echo $KEY >> /pfs/out/draft/a.txt",
    "mv /pfs/out/draft $HEADWATER_OUTPUT/ready/first",
    "sleep 100",
)


@pytest.fixture
def _image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    podman = shutil.which("podman")
    if podman is None:
        pytest.skip("podman is not installed; install it with: apt-get install podman runc")
    if os.geteuid() == 0:
        (tmp_path / "containers.conf").write_text(CONF)
        monkeypatch.setenv("CONTAINERS_CONF", str(tmp_path / "containers.conf"))
    root, archive = tmp_path / "root", tmp_path / "root.tar"
    for program in ("sh", "cat", "mkdir", "mv", "sleep"):
        _copy(program, root)
    subprocess.run(["tar", "-C", str(root), "-cf", str(archive), "."], check=True)
    done = subprocess.run(
        [podman, "import", str(archive), IMAGE], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"podman does not work here: {done.stderr.strip().splitlines()[-1]}")
    yield
    subprocess.run([podman, "rmi", "--force", IMAGE], capture_output=True, check=False)


def _copy(program: str, root: Path) -> None:
    """Copies a program of this machine into a root, with the libraries that it loads."""
    source = Path(str(shutil.which(program))).resolve()
    listed = subprocess.run(["ldd", str(source)], capture_output=True, text=True, check=True).stdout
    places = {source: root / "bin" / program}
    places |= {Path(word).resolve(): root / word[1:] for word in listed.split() if word.startswith("/")}
    for file, place in places.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, place)


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
@pytest.mark.usefixtures("_image")
def test_a_command_in_an_image_hands_over_and_ends_with_its_pipeline(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY", "named")
    place.spout(
        {"said.txt": "said\n"}, command=("sh",), stdin=_LINES, image=IMAGE, secrets={"KEY": "env:TEST_KEY"}
    )

    with place.working():
        until(place.commits)
        place.set_state("paused")
        until(lambda: place.state() == "stopped")

    assert place.files() == {"a.txt": "said\nnamed\n"}
    running = subprocess.run(["podman", "ps", "--quiet"], capture_output=True, text=True, check=True)
    assert not running.stdout


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
def test_without_a_tool_an_image_says_what_to_install(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    place.spout({"x": "1"}, command=("sh",), image=IMAGE)

    with place.working():
        until(
            lambda: (found := place.status()) is not None and "podman is not installed" in (found.error or "")
        )

    assert place.state() == "restarting"
