"""Processes that are killed at a bad moment: nothing is lost, nothing is half there, nothing is done twice."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import headwater as hw
from headwater.workspace import Workspace
from tests.stories.program import PROGRAM, Command, Start, environment, query
from tests.waiting import until

REQUEST = """\
model: iris
data: iris@main:/iris.csv
targets: all
features: {exclude: [ResultLabel]}
algorithm: {params: {n_estimators: 400}}
"""
PUTS = 12
# A file within the catalog, one that becomes an object, and one that is cut into chunks.
SIZES = {"small.txt": 1_000, "middle.txt": 400_000, "large.txt": 1_500_000}


@pytest.fixture
def impatient(headwater: Command, tmp_path: Path, test_data: Path) -> Command:
    """Runs `headwater` in a workspace where a dead worker's task is free after two seconds."""
    shutil.copy(test_data / "iris.csv", tmp_path)
    (tmp_path / "iris.yaml").write_text(REQUEST)
    headwater("init")
    with (tmp_path / ".headwater" / "headwater.toml").open("a") as settings:
        settings.write("\n[workers]\nlease_s = 2.0\nidle_exit_s = 1.0\n")
    headwater("repo", "create", "iris")
    headwater("put", "iris@main", "iris.csv")
    return headwater


def test_a_worker_killed_while_it_trains_loses_nothing_that_was_accepted(
    impatient: Command, tmp_path: Path, start: Start
) -> None:
    waiting = start("train", "-f", "iris.yaml", "--wait", "--json")
    until(lambda: _accepted(tmp_path) or None, "the first fit to be accepted")
    (first,) = _workers(tmp_path)
    children = _children(first)

    os.kill(first, signal.SIGKILL)
    accepted = _accepted(tmp_path)
    until(lambda: not any(map(_is_alive, children)), "the dead worker's children to follow it")
    seen: list[dict[int, str]] = []

    def look() -> bool:
        seen.append(_accepted(tmp_path))
        return not waiting.is_running

    until(look, "another worker to finish")
    ended = waiting.wait()

    assert len(children) >= 1
    assert 1 <= len(accepted) <= 5
    assert [parts for parts in seen if parts and not accepted.items() <= parts.items()] == []
    assert ended.status == 0, ended
    assert ended.document["ref"] == "iris@1"
    assert len(ended.document["targets"]) == 5
    job = impatient("request", "show", ended.document["request"], "--json").document
    assert (job["state"], job["datums"]) == (
        "succeeded",
        {"run": 6, "kept": 0, "dropped": 0, "failed": 0, "recovered": 0},
    )
    versions = impatient("model", "versions", "iris", "--json").document["items"]
    assert versions == [ended.document]
    assert len(impatient("log", "models/iris", "--json").document["items"]) == 1
    (attempts,) = query(tmp_path, "SELECT attempt FROM tasks")
    assert attempts[0] >= 2


def test_a_killed_put_is_there_as_a_whole_or_not_at_all(headwater: Command, tmp_path: Path) -> None:
    headwater("init")
    headwater("repo", "create", "texts")
    started_s = time.monotonic()
    acknowledged = {_put(tmp_path, 0, None)["id"]: 0}
    whole_s = time.monotonic() - started_s

    killed = 0
    for number in range(1, PUTS + 1):
        made = _put(tmp_path, number, whole_s * (0.2 + number / PUTS))
        if made is None:
            killed += 1
        else:
            acknowledged[made["id"]] = number
    acknowledged[_put(tmp_path, PUTS + 1, None)["id"]] = PUTS + 1

    assert killed > 0
    with hw.open(tmp_path) as workspace:
        commits = workspace.log("texts", limit=100).items
        held = {commit.id: _held(workspace, commit.id) for commit in commits}
        assert [commit.state for commit in commits if commit.state != "finished"] == []
    assert all(len(numbers) == 1 for numbers in held.values()), held
    for commit, number in acknowledged.items():
        assert held[commit] == {number}
    order = [number for numbers in reversed(held.values()) for number in numbers]
    assert order == sorted(order)


def test_two_puts_at_once_on_one_branch_both_land(headwater: Command, tmp_path: Path, start: Start) -> None:
    headwater("init")
    headwater("repo", "create", "texts")
    for name in ("left", "right"):
        (tmp_path / f"{name}.txt").write_text(f"{name}\n" * 100_000)

    both = [start("put", "texts@main", f"{name}.txt", "-m", name, "--json") for name in ("left", "right")]
    ended = [one.wait() for one in both]

    assert [one.status for one in ended] == [0, 0], ended
    history = headwater("log", "texts", "--json").document["items"]
    assert {one["id"] for one in history} == {one.document["id"] for one in ended}
    assert history[0]["parent"] == history[1]["id"]
    assert history[1]["parent"] is None
    assert [row["path"] for row in headwater("ls", "texts", "--json").document["items"]] == [
        "/left.txt",
        "/right.txt",
    ]
    for name in ("left", "right"):
        assert headwater("cat", f"texts@main:/{name}.txt").out == f"{name}\n" * 100_000


def _accepted(folder: Path) -> dict[int, str]:
    """Returns the results that are accepted and not yet part of a version, by the number of their datum set."""
    return dict(query(folder, "SELECT number, hex(results) FROM job_parts"))


def _workers(folder: Path) -> list[int]:
    return [pid for (pid,) in query(folder, "SELECT pid FROM workers")]


def _children(parent: int) -> list[int]:
    return [pid for pid, owner in _processes() if owner == parent]


def _processes() -> Iterator[tuple[int, int]]:
    for place in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            yield int(place.parent.name), int(place.read_text().rpartition(")")[2].split()[1])


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _put(folder: Path, number: int, killed_after_s: float | None) -> Any:
    """Puts files that all hold one number; returns the commit, or none where the process was killed first."""
    sources = folder / "sources"
    sources.mkdir(exist_ok=True)
    for name, size in SIZES.items():
        line = f"{number}\n"
        (sources / name).write_text(line * (size // len(line)))
    process = subprocess.Popen(
        [*PROGRAM, "put", "texts@main", "sources", "--json"],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        out, _ = process.communicate(timeout=killed_after_s)
    except subprocess.TimeoutExpired:
        process.kill()
        out, _ = process.communicate()
    with suppress(ValueError):
        return json.loads(out)
    assert process.returncode == -signal.SIGKILL, process.returncode
    return None


def _held(workspace: Workspace, commit: str) -> set[int]:
    """Returns the numbers that the files of a commit hold."""
    view = workspace.repo("texts").at(commit)
    numbers = {int(line) for name in SIZES for line in set(view.read(name).split())}
    assert [file.size for file in view.list("/")] == [
        size // len(f"{number}\n") * len(f"{number}\n")
        for number in numbers
        for _, size in sorted(SIZES.items())
    ]
    return numbers
