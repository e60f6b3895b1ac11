"""Processes die while a pipeline runs: at any moment, any of them, again and again.

Whatever was killed, the output is what it must be and each datum counts once.
A worker that is only stopped for longer than its lease comes back, finds its
job taken, and changes nothing.
"""

import fcntl
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from headwater.workspace import Workspace
from tests.conftest import LARGE
from tests.waiting import until

_STEP = """
import time
import headwater as hw

@hw.pipeline(input=hw.files("texts", glob="/*"))
def shouted(texts, out):
    time.sleep(0.02)
    out.write(texts.file.name, texts.file.read_text().upper())
"""
_FILES = 80
_DEADLINE_S = 110.0


class Workers:
    """Worker processes of one workspace, which are killed and come back."""

    def __init__(self, place: Path, count: int) -> None:
        self._place, self._count = place, count
        self._running: list[subprocess.Popen[bytes]] = []

    def fill(self) -> None:
        """Starts as many as are missing."""
        self._running = [one for one in self._running if one.poll() is None]
        environment = {**os.environ, "HEADWATER_WORKSPACE": str(self._place)}
        command = [sys.executable, "-P", "-m", "headwater", "worker", "--processes", "2", "--idle-exit", "60"]
        while len(self._running) < self._count:
            with (self._place / "worker.log").open("ab") as log:
                self._running.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))

    def family(self) -> list[int]:
        """Returns the process ids of the workers and of all that they have started."""
        parents: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                except OSError:
                    continue
                parents.setdefault(int(fields[1]), []).append(int(entry.name))
        found, waiting = list[int](), [one.pid for one in self._running if one.poll() is None]
        while waiting:
            pid = waiting.pop()
            found.append(pid)
            waiting += parents.get(pid, [])
        return found

    @property
    def first(self) -> int:
        return self._running[0].pid

    def end(self) -> None:
        for one in self._running:
            one.kill()
            one.wait()


@contextmanager
def workers(place: Path, count: int) -> Iterator[Workers]:
    found = Workers(place, count)
    try:
        found.fill()
        yield found
    finally:
        found.end()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Makes a workspace whose leases are short, with a pipeline."""
    place = tmp_path / "workspace"
    (tmp_path / "steps.py").write_text(_STEP)
    with Workspace.create(str(place)) as workspace:
        workspace.create_repo("texts")
        workspace.pipelines.create(tmp_path / "steps.py")
    with (place / ".headwater" / "headwater.toml").open("a") as settings:
        settings.write("\n[workers]\nlease_s = 1.0\n")
    return place


def _ended(workspace: Workspace, commit: str) -> bool:
    jobs = workspace.jobs.of_set(workspace.show_commit(commit).set)
    return bool(jobs) and all(job.state in ("succeeded", "failed", "cancelled", "skipped") for job in jobs)


def _stop_between_writes(pid: int, place: Path) -> None:
    """Stops a process where it does not hold the writer's turn, for which all others would wait until it goes on."""
    while True:
        os.kill(pid, signal.SIGSTOP)
        with (place / ".headwater" / "catalog.db.lock").open() as turn, suppress(BlockingIOError):
            fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        os.kill(pid, signal.SIGCONT)


def _check(workspace: Workspace, texts: dict[str, str]) -> None:
    job = workspace.jobs.newest("shouted")
    assert (job.state, job.error) == ("succeeded", None)
    assert (job.datums.run, job.datums.failed, job.total) == (len(texts), 0, len(texts))
    view = workspace.repo("shouted").at("main")
    assert {file.path: view.read(file.path).decode() for file in view.walk()} == {
        f"/{name}": text.upper() for name, text in texts.items()
    }


@pytest.mark.timeout(150)
@pytest.mark.parametrize("seed", range(30 if LARGE else 2))
def test_any_process_may_be_killed_at_any_moment(place: Path, seed: int) -> None:
    chance = random.Random(seed)
    texts = {f"{number}.txt": f"film {number}" for number in range(_FILES)}
    with Workspace.open(str(place)) as workspace, workers(place, 2) as running:
        with workspace.repo("texts").commit() as commit:
            for name, text in texts.items():
                commit.put(f"/{name}", text)
        until_s, kills = time.monotonic() + _DEADLINE_S, 6
        while not _ended(workspace, commit.id):
            assert time.monotonic() < until_s, (place / "worker.log").read_text()[-2_000:]
            time.sleep(chance.uniform(0.05, 0.4))
            family = running.family()
            if kills and family:
                os.kill(chance.choice(family), signal.SIGKILL)
                kills -= 1
            running.fill()
        _check(workspace, texts)


@pytest.mark.timeout(150)
def test_a_worker_that_was_stopped_for_longer_than_its_lease_changes_nothing_any_more(place: Path) -> None:
    texts = {f"{number}.txt": f"film {number}" for number in range(_FILES)}
    with Workspace.open(str(place)) as workspace, workers(place, 1) as running:
        with workspace.repo("texts").commit() as commit:
            for name, text in texts.items():
                commit.put(f"/{name}", text)
        until(lambda: workspace.jobs.newest("shouted").datums.run, "the first datum")
        _stop_between_writes(running.first, place)
        with workers(place, 1):
            until(lambda: _ended(workspace, commit.id), "another worker to finish")
            os.kill(running.first, signal.SIGCONT)
            with workspace.repo("texts").commit() as later:
                later.put("/more.txt", "one more")
            until(lambda: _ended(workspace, later.id), "the job of one more file")
        job = workspace.jobs.newest("shouted")
        assert (job.state, job.datums.run, job.datums.kept) == ("succeeded", 1, _FILES)
        assert len(workspace.repo("shouted").log("main").items) == 2
