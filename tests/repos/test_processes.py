"""Several processes on one branch, and processes killed in the middle of a commit."""

import random
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from headwater.clock import SystemClock
from headwater.db import Catalog
from headwater.repos import Repos
from headwater.storage import Storage, open_store

OPEN = """
import os, sys
from headwater.clock import SystemClock
from headwater.db import Catalog
from headwater.repos import Repos
from headwater.storage import Storage, open_store
url, objects, name, count = *sys.argv[1:4], int(sys.argv[4])
catalog = Catalog.open(url)
repo = Repos(catalog, Storage(catalog, open_store(objects), clock=SystemClock()), clock=SystemClock()).get("reviews")
print("ready", flush=True)
sys.stdin.readline()
"""

WRITE = (
    OPEN
    + """
for number in range(count):
    with repo.commit(message=f"{name} {number}") as commit:
        commit.put(f"/{name}/{number}", f"{name} {number}")
        commit.put("/log", f"{name} {number}\\n", append=True)
    print(commit.id, flush=True)
"""
)

# Every third commit is larger than what a row of the catalog holds, so it is an object.
ACKNOWLEDGE = (
    OPEN
    + """
for number in range(count):
    large = os.urandom(700_000) if number % 3 == 2 else b""
    with repo.commit() as commit:
        commit.put(f"/{name}/{number}/a", f"{name} {number}")
        commit.put(f"/{name}/{number}/b", large)
    print(commit.id, number, len(large), flush=True)
"""
)


@pytest.fixture
def objects(tmp_path: Path) -> str:
    return f"file:{tmp_path}/objects"


def start(program: str, url: str, objects: str, name: str, count: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", program, url, objects, name, str(count)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def together(url: str, objects: str, writers: int, commits: int) -> dict[str, list[str]]:
    """Lets processes commit at the same moment; returns the ids that each was given."""
    processes = {str(n): start(WRITE, url, objects, str(n), commits) for n in range(writers)}
    for process in processes.values():
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes.values():
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = {name: process.communicate()[0].split() for name, process in processes.items()}
    assert all(process.returncode == 0 for process in processes.values())
    return outputs


@pytest.mark.parametrize(("writers", "commits"), [(2, 25), (16, 4)])
def test_processes_that_commit_to_one_branch_at_once_all_land_in_one_line(
    catalog: Catalog, repos: Repos, url: str, objects: str, writers: int, commits: int
) -> None:
    repos.create("reviews")

    made = together(url, objects, writers, commits)

    reviews = repos.get("reviews")
    history = [info.id for info in reviews.log(limit=1_000).items][::-1]
    assert len(history) == writers * commits
    assert set(history) == {commit for ids in made.values() for commit in ids}
    for ids in made.values():
        assert sorted(ids, key=history.index) == ids
    view = reviews.at("main")
    assert view.files == writers * commits + 1
    lines = view.read("/log").decode().splitlines()
    assert lines == [reviews.resolve(commit).message for commit in history]


def test_of_processes_killed_while_they_commit_only_what_they_announced_is_there(
    catalog: Catalog, repos: Repos, url: str, objects: str
) -> None:
    repos.create("reviews")
    chance = random.Random(7)
    announced: dict[str, tuple[str, int, int]] = {}

    for attempt in range(12):
        process = start(ACKNOWLEDGE, url, objects, str(attempt), 10_000)
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "ready\n"
        process.stdin.write("go\n")
        process.stdin.flush()
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=chance.uniform(0.0, 0.15))  # a kill at any moment is what is tested
        process.send_signal(signal.SIGKILL)
        for line in process.communicate()[0].splitlines():
            commit, number, size = line.split()
            announced[commit] = (str(attempt), int(number), int(size))

    check_history(repos, announced)
    check_afresh(url, objects, announced)


def check_history(repos: Repos, announced: dict[str, tuple[str, int, int]]) -> None:
    """Everything announced is on the one line; each commit that is not must be the last of its process."""
    reviews = repos.get("reviews")
    history = [info.id for info in reviews.log(limit=100_000).items]
    assert set(announced) <= set(history)
    assert announced
    silent = [reviews.resolve(commit) for commit in history if commit not in announced]
    assert len(silent) <= 12  # committed, but killed before they could say so
    for commit, (name, number, size) in announced.items():
        view = reviews.at(commit)
        assert view.read(f"/{name}/{number}/a") == f"{name} {number}".encode()
        assert len(view.read(f"/{name}/{number}/b")) == size
    assert [info.files for info in reviews.log(limit=100_000).items[::-1]] == [
        2 * number for number in range(1, len(history) + 1)
    ]
    head = reviews.at("main")
    assert head.files == 2 * len(history)
    assert sum(1 for _ in head.walk()) == head.files
    assert all(len(head.read(file.path)) == file.size for file in head.walk())


def check_afresh(url: str, objects: str, announced: dict[str, tuple[str, int, int]]) -> None:
    """A process that starts now sees the same, and goes on."""
    catalog = Catalog.open(url)
    storage = Storage(catalog, open_store(objects), clock=SystemClock())
    reviews = Repos(catalog, storage, clock=SystemClock()).get("reviews")
    with reviews.commit() as commit:
        commit.put("/after", "1")
    assert reviews.at("main").read("/after") == b"1"
    assert {info.id for info in reviews.log(limit=100_000).items} >= {*announced, commit.id}
    catalog.close()
