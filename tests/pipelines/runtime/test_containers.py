"""Commands in a container image; where podman is not installed these are skipped by name."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from headwater.pipelines.spec import Transform
from tests.pipelines.runtime.runner import Runner, piece

IMAGE = "localhost/headwater-test-minimal:latest"
PROGRAMS = ("sh", "cat", "ls", "sleep", "env")
ONE = [piece("a.txt", "input")]
# What podman needs to run as root where it may set up neither networks nor high limits.
CONF = """[containers]
default_ulimits=["nofile=1024:1024","nproc=4096:4096"]
netns="host"
[engine]
runtime="runc"
"""


@pytest.fixture(scope="module")
def _image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    podman = shutil.which("podman")
    if podman is None:
        pytest.skip("podman is not installed; install it with: apt-get install podman runc")
    folder = tmp_path_factory.mktemp("image")
    conf = folder / "containers.conf"
    conf.write_text(CONF)
    with pytest.MonkeyPatch.context() as patch:
        if os.geteuid() == 0:
            patch.setenv("CONTAINERS_CONF", str(conf))
        root = folder / "root"
        _minimal(root)
        archive = folder / "root.tar"
        subprocess.run(["tar", "-C", str(root), "-cf", str(archive), "."], check=True)
        done = subprocess.run(
            [podman, "import", str(archive), IMAGE], capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"podman does not work here: {done.stderr.strip().splitlines()[-1]}")
        yield
        subprocess.run([podman, "rmi", "--force", IMAGE], capture_output=True, check=False)


@pytest.mark.usefixtures("_image")
def test_a_command_in_an_image_sees_its_datum(runner: Runner) -> None:
    lines = (
        "cat $reviews /pfs/reviews/a.txt > /pfs/out/twice",
        "cat words.txt > $HEADWATER_OUTPUT/code",
        "echo $MODE $KEY $HEADWATER_INPUT $HEADWATER_JOB",
        "ls /root 2>&1; echo no > /pfs/reviews/no",
    )
    transform = Transform(command=("sh",), stdin=lines, image=IMAGE, env={"MODE": "fast"})

    results = runner.run(
        transform, ONE, code={"words.txt": "words"}, secrets={"KEY": "named"}, is_last_try=False
    )

    assert results.log().splitlines()[0] == "fast *** /pfs job-1"
    assert results.error()[0] == "command-failed"
    assert "Read-only file system" in results.error()[1]


@pytest.mark.usefixtures("_image")
def test_what_a_container_writes_is_output(runner: Runner) -> None:
    line = "cat $reviews words.txt > $HEADWATER_OUTPUT/both"

    results = runner.run(
        Transform(command=("sh", "-c", line), image=IMAGE), ONE, code={"words.txt": b" words"}
    )

    assert results.files() == {"both": b"input words"}


@pytest.mark.usefixtures("_image")
def test_a_container_that_never_ends_is_ended(runner: Runner) -> None:
    transform = Transform(command=("sleep", "1000"), image=IMAGE)

    results = runner.run(transform, ONE, datum_timeout_s=1)

    assert results.error()[0] == "datum-timeout"
    running = subprocess.run(["podman", "ps", "--quiet"], capture_output=True, text=True, check=True)
    assert running.stdout == ""


@pytest.mark.usefixtures("_image")
def test_an_image_or_a_program_that_is_not_there_is_named(runner: Runner) -> None:
    no_image = runner.run(Transform(command=("true",), image="localhost/no-such-image:1"), ONE)
    no_program = runner.run(Transform(command=("no-such-program",), image=IMAGE), ONE)

    assert no_image.error()[0] == "command-failed"
    assert "'localhost/no-such-image:1' could not be run" in no_image.error()[1]
    assert no_program.error()[0] == "command-not-found"
    assert "'no-such-program'" in no_program.error()[1]


def test_without_a_tool_an_image_says_what_to_install(
    runner: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    results = runner.run(Transform(command=("true",), image=IMAGE), ONE)

    error = results.one.error
    assert error is not None
    assert error.kind == "no-container-tool"
    assert "podman is not installed; docker is not installed" in error.message
    assert "apt-get install podman" in error.hint


def test_a_tool_that_does_not_work_says_why(
    runner: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "docker"
    tool.write_text("#!/bin/sh\necho 'Cannot connect to the engine' >&2\nexit 1\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    results = runner.run(Transform(command=("true",), image=IMAGE), ONE)

    assert "docker does not work (Cannot connect to the engine)" in results.error()[1]


def _minimal(root: Path) -> None:
    """Makes a root with a few programs of this machine and the libraries that they load."""
    files = {Path(found).resolve(): Path("bin", name) for name in PROGRAMS if (found := shutil.which(name))}
    for program in list(files):
        listed = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True).stdout
        for word in listed.split():
            if word.startswith("/"):
                files[Path(word).resolve()] = Path(word).relative_to("/")
    for source, place in files.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, root / place)
