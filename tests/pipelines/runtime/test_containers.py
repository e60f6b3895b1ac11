"""Commands in a container image; where podman does not work these are skipped by name."""

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from headwater.pipelines.runtime.containers import Tool, find_tool, run_options
from headwater.pipelines.runtime.launch.launches import Program
from headwater.pipelines.runtime.launch.launching import Launching
from headwater.pipelines.runtime.launch.processes import descendants
from headwater.pipelines.spec import Transform
from tests.pipelines.runtime.runner import Runner, piece
from tests.servers.docker_engine import DockerEngine
from tests.servers.podman import Podman
from tests.waiting import until

IMAGE = "localhost/not-looked-for:latest"
ONE = [piece("a.txt", "input")]


def test_a_command_in_an_image_sees_its_datum(runner: Runner, podman: Podman) -> None:
    lines = (
        "cat $reviews /pfs/reviews/a.txt > /pfs/out/twice",
        "cat words.txt > $HEADWATER_OUTPUT/code",
        "echo $MODE $KEY $HEADWATER_INPUT $HEADWATER_JOB",
        "echo no > /pfs/reviews/no",
    )
    transform = Transform(command=("sh",), stdin=lines, image=podman.image, env={"MODE": "fast"})

    results = runner.run(
        transform, ONE, code={"words.txt": "words"}, secrets={"KEY": "named"}, is_last_try=False
    )

    assert results.log().splitlines()[0] == "fast *** /pfs job-1"
    assert results.error()[0] == "command-failed"
    assert "Read-only file system" in results.error()[1]


def test_what_a_container_writes_is_output(runner: Runner, podman: Podman) -> None:
    line = "cat $reviews words.txt > $HEADWATER_OUTPUT/both"

    results = runner.run(
        Transform(command=("sh", "-c", line), image=podman.image), ONE, code={"words.txt": b" words"}
    )

    assert results.files() == {"both": b"input words"}


def test_a_container_that_never_ends_is_ended(runner: Runner, podman: Podman) -> None:
    transform = Transform(command=("sleep", "1000"), image=podman.image)

    results = runner.run(transform, ONE, datum_timeout_s=1)

    assert results.error()[0] == "datum-timeout"
    assert podman.containers() == []


def test_an_image_or_a_program_that_is_not_there_is_named(runner: Runner, podman: Podman) -> None:
    no_image = runner.run(Transform(command=("true",), image="localhost/no-such-image:1"), ONE)
    no_program = runner.run(Transform(command=("no-such-program",), image=podman.image), ONE)

    assert no_image.error()[0] == "image-unavailable"
    assert "'localhost/no-such-image:1' is not here and cannot be pulled: Error: " in no_image.error()[1]
    assert [one.one.error and one.one.error.scope for one in (no_image, no_program)] == ["job", "job"]
    assert no_program.error()[0] == "command-not-found"
    assert "'no-such-program'" in no_program.error()[1]


def test_a_command_in_an_image_may_end_with_the_statuses_of_the_tool(runner: Runner, podman: Podman) -> None:
    for line in ("exit 125", "no-such-program", "echo bad; exit 126"):
        results = runner.run(Transform(command=("sh", "-c", line), image=podman.image), ONE)

        error = results.one.error
        assert error is not None
        assert (error.kind, error.scope) == ("command-failed", "datum")


@pytest.mark.parametrize(
    ("said", "scope"),
    [
        ("Error: initializing source docker://x: reading manifest: manifest unknown", "job"),
        ("Error: pinging container registry x: Get https://x/v2/: dial tcp: i/o timeout", "job-for-now"),
        ("toomanyrequests: you have reached your pull rate limit", "job-for-now"),
    ],
)
def test_an_image_is_pulled_once_and_what_may_pass_is_told_apart(
    runner: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, scope: str
) -> None:
    tool, asked = tmp_path / "podman", tmp_path / "asked"
    tool.write_text(
        f"""#!/bin/sh
echo "$1" >> {asked}
case "$1" in
    image) exit 1;;
    pull) [ -e {tmp_path}/there ] && exit 0; echo "{said}" >&2; exit 125;;
esac
"""
    )
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    transform = Transform(command=("true",), image="registry.example/x:1")

    refused = runner.run(transform, ONE)
    (tmp_path / "there").touch()
    results = runner.run(transform, [piece(f"{number}.txt") for number in range(3)])

    error = refused.one.error
    assert error is not None
    assert (error.kind, error.scope) == ("image-unavailable", scope)
    assert said in error.message
    assert results.states == ["succeeded"] * 3
    assert asked.read_text().split().count("pull") == 2


@contextmanager
def _a_worker_that_is_killed(runner: Runner, podman: Podman) -> Iterator[int]:
    """Has another process run a container that does not end by itself, and kills it after the block."""
    own = Runner(runner.folder / "killed")
    (own.folder / "objects").mkdir(parents=True)
    worker = os.fork()
    if worker == 0:
        try:
            own.run(Transform(command=("sleep", "1000"), image=podman.image), ONE)
        finally:
            os._exit(1)
    try:
        until(lambda: podman.containers(running=True))
        yield worker
    finally:
        os.kill(worker, signal.SIGKILL)
        os.waitpid(worker, 0)


def test_no_container_stays_of_a_worker_that_was_killed(runner: Runner, podman: Podman) -> None:
    with _a_worker_that_is_killed(runner, podman):
        there = podman.containers()

    assert there
    until(lambda: not podman.containers())


def test_a_tool_starts_nothing_any_more_when_its_container_is_ended(tmp_path: Path) -> None:
    launching = Launching()
    line = 'while :; do : > "$0"; done'  # as a tool that starts its container after it was ended
    program = Program(
        ["/bin/sh", "-c", line, str(tmp_path / "container")], dict(os.environ), str(tmp_path), []
    )
    launching.afterwards([shutil.which("rm") or "", str(tmp_path / "container")])

    launching.start(program, [])
    until((tmp_path / "container").exists)
    launching.close()

    assert not (tmp_path / "container").exists()


def test_what_nobody_could_end_is_ended_by_the_next_worker(runner: Runner, podman: Podman) -> None:
    with _a_worker_that_is_killed(runner, podman) as worker:
        os.kill(descendants(worker)[0], signal.SIGKILL)  # the launcher, which would have ended it
    left = podman.containers(running=True)

    runner.run(Transform(command=("env",), image=podman.image), ONE)

    assert left
    assert podman.containers() == []


def test_a_container_may_take_what_its_datum_may_and_no_more(runner: Runner, podman: Podman) -> None:
    code = "import os\nprint(os.environ['OMP_NUM_THREADS'], flush=True)\nheld = bytearray(20_000_000)"
    transform = Transform(command=("python3", "-c", code), image=podman.image)
    # Podman itself takes more than that, which is not the datum's.
    enough = runner.run(transform, ONE, cpu=2, memory=45_000_000)
    little = runner.run(transform, ONE, cpu=2, memory=15_000_000)
    is_limited = "memory" in find_tool().limits

    assert enough.states == ["succeeded"] or not is_limited
    assert enough.log() == "2\n"
    assert little.error()[0] == "out-of-memory"
    assert is_limited == ("memory" in podman.run("info", "--format", "{{.Host.CgroupControllers}}").stdout)


def test_a_gpu_that_is_not_there_is_told(runner: Runner, podman: Podman) -> None:
    results = runner.run(Transform(command=("env",), image=podman.image), ONE, gpu=1)

    error = results.one.error
    assert error is not None
    assert "could not be given a GPU" in error.message
    assert "nvidia-ctk cdi generate" in error.hint


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("2,GPU-1a2b", ["--device", "nvidia.com/gpu=2", "--device", "nvidia.com/gpu=GPU-1a2b"]),
        (None, ["--device", "nvidia.com/gpu=all"]),
        ("", []),
    ],
)
def test_podman_gives_the_gpus_of_the_call(
    named: str | None, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if named is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    podman = Tool("/usr/bin/podman", frozenset())

    asked = run_options(podman, "x", None, cpu=0, memory=0, gpu=0.5)
    not_asked = run_options(podman, "x", None, cpu=0, memory=0, gpu=0)

    assert [*not_asked, *expected] == asked


def _asked(runner: Runner, engine: DockerEngine, **recipe: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Runs a datum by docker; returns what its engine was to create, and the part of it about the host."""
    runner.run(Transform(command=("sh", "-c", "x"), image=IMAGE, env={"MODE": "fast"}), ONE, **recipe)
    [asked] = engine.asked
    engine.asked.clear()
    return asked, asked["HostConfig"]


def test_dockers_command_line_understands_what_it_is_told(
    runner: Runner, docker_engine: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,3")

    asked, host = _asked(
        runner, docker_engine, cpu=1.5, memory=50_000_000, gpu=2, code={"a": "b"}, secrets={"KEY": "named"}
    )

    assert asked["Image"] == IMAGE
    assert asked["Cmd"] == ["sh", "-c", "x"]
    assert {"MODE=fast", "KEY=named", "HEADWATER_INPUT=/pfs", "OMP_NUM_THREADS=2"} <= set(asked["Env"])
    assert asked["WorkingDir"] == "/headwater/code"
    assert asked["StopTimeout"] == 0
    assert sorted(bind.split(":", 1)[1] for bind in host["Binds"]) == [
        "/headwater/code:ro",
        "/pfs/out",
        "/pfs/reviews:ro",
    ]
    assert (host["NanoCpus"], host["Memory"], host["MemorySwap"]) == (1_500_000_000, 50_000_000, 50_000_000)
    assert host["AutoRemove"]
    [device] = host["DeviceRequests"]
    assert (device["DeviceIDs"], device["Capabilities"]) == (["0", "3"], [["gpu"]])


def test_dockers_defaults_are_left_alone(
    runner: Runner, docker_engine: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    plain, host = _asked(runner, docker_engine)
    _, with_gpus = _asked(runner, docker_engine, gpu=1)

    assert not plain["WorkingDir"]
    assert (host["NanoCpus"], host["Memory"]) == (0, 0)
    assert not host["DeviceRequests"]
    assert with_gpus["DeviceRequests"][0]["Count"] == -1  # all


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("no such image", "could not be run: docker: Error response from daemon: no such image"),
        (
            'could not select device driver "" with capabilities: [[gpu]]',
            "could not be given a GPU: docker: Err",
        ),
    ],
)
def test_what_dockers_engine_says_is_handed_on(
    said: str, message: str, runner: Runner, docker_engine: DockerEngine
) -> None:
    docker_engine.refusal = said

    results = runner.run(Transform(command=("sh",), image=IMAGE), ONE)

    assert results.error()[0] == "image-unavailable"
    assert message in results.error()[1]


def test_docker_without_its_engine_says_why(docker_only: Path, runner: Runner) -> None:
    results = runner.run(Transform(command=("true",), image=IMAGE), ONE)

    assert results.error()[0] == "no-container-tool"
    assert "podman is not installed; docker does not work (" in results.error()[1]
    assert f"unix://{docker_only}" in results.error()[1]


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


def test_what_runs_is_the_image_with_the_id_though_its_name_means_another(
    runner: Runner, podman: Podman
) -> None:
    first = podman.run("image", "inspect", "--format", "{{.Id}}", podman.image).stdout.strip()
    name = f"{podman.image.partition(':')[0]}:moved"
    podman.run("tag", first, name)
    transform = Transform(command=("sh", "-c", "cat /new > $HEADWATER_OUTPUT/new || true"), image=name)
    with _scratch(podman, "echo new > /new", name):
        by_id = runner.run(transform, ONE, image_id=first)
        by_name = runner.run(transform, ONE)

    assert by_id.files() == {"new": b""}
    assert by_name.files() == {"new": b"new\n"}


@pytest.mark.parametrize("pulled", ["exit 0", "echo 'Error: no route to host' >&2; exit 125"])
def test_an_image_of_the_same_name_that_is_another_one_is_not_run(
    runner: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pulled: str
) -> None:
    tool = tmp_path / "podman"
    tool.write_text(
        f"""#!/bin/sh
case "$1 $3" in
    "image registry.example/x:1") exit 0;;
    "image "*) exit 1;;
    "pull "*) {pulled};;
    "run "*) touch {tmp_path}/ran;;
esac
"""
    )
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    transform = Transform(command=("true",), image="registry.example/x:1")

    kind, message = runner.run(transform, ONE, image_id="0a1b").error()

    assert kind == "image-unavailable"
    assert "is another one by now, or on this machine, than the 0a1b that the job began with" in message
    assert not (tmp_path / "ran").exists()


@contextmanager
def _scratch(podman: Podman, line: str, name: str) -> Iterator[None]:
    """Has a name mean another image, which a line of shell has made of that of the tests."""
    made = f"headwater-made-{os.getpid()}"
    podman.run("run", "--name", made, podman.image, "sh", "-c", line)
    podman.run("commit", made, name)
    podman.run("rm", "--force", "--time", "0", made)
    try:
        yield
    finally:
        podman.run("rmi", "--force", name)
