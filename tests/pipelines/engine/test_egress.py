"""Copying out what a job has made, before it counts as succeeded."""

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from headwater.pipelines import JobFailed
from headwater.pipelines.spec import Egress
from tests.pipelines.engine.conftest import Bench, open_bench

# Works on the queue, and kills itself as soon as the commit is finished and before anything is copied.
VICTIM = """
import os, signal, sys
from pathlib import Path
from headwater.pipelines.egress import Egress
from tests.pipelines.engine.conftest import open_bench

Egress.send = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
with open_bench(Path(sys.argv[1]), sys.argv[2], create=False) as bench:
    bench.work(ttl_s=0.5)
"""


def files(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.rglob("*.txt")}


def test_an_output_is_copied_out_before_its_job_succeeds(bench: Bench, tmp_path: Path) -> None:
    bench.create(egress=Egress(url=f"file://{tmp_path / 'outside'}"))

    job = bench.put_and_work({"a.txt": "one", "b.txt": "one two"})
    assert (job.state, files(tmp_path / "outside")) == ("succeeded", {"a.txt": "1", "b.txt": "2"})

    bench.put_and_work({"a.txt": None, "b.txt": "one"})
    assert files(tmp_path / "outside") == {"b.txt": "1"}


def test_an_egress_that_cannot_be_fails_its_job_and_leaves_the_commit(bench: Bench, tmp_path: Path) -> None:
    bench.create(egress=Egress(url="env:HEADWATER_TEST_NO_SUCH_SECRET"))

    job = bench.put_and_work({"a.txt": "one"})

    with pytest.raises(JobFailed):
        bench.jobs.wait(job.id)
    assert (job.state, job.datums.run, job.total) == ("failed", 1, 1)
    assert bench.output() == {"a.txt": "1"}
    bench.create(egress=Egress(url=f"file://{tmp_path / 'outside'}"))
    job = bench.put_and_work({"b.txt": "one"})
    assert (job.state, job.datums.run, job.datums.kept) == ("succeeded", 1, 1)
    assert files(tmp_path / "outside") == {"a.txt": "1", "b.txt": "1"}


def test_a_place_that_takes_nothing_just_now_is_tried_for_as_long_as_that_lasts(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headwater.pipelines.engine.ending.SEND_AGAIN_S", 0.01)
    monkeypatch.setattr("headwater.pipelines.egress.connection._BUSY_S", 0.01)
    bench.create(egress=Egress(url=f"sqlite:///{tmp_path}/x.db", format="csv", columns=("words",)))
    tries = 0

    def count(*_: object) -> bool:
        nonlocal tries
        tries += 1
        if tries == 12:  # more often than a task may fail
            lock.close()
        return True

    lock = sqlite3.connect(tmp_path / "x.db", isolation_level=None, check_same_thread=False)
    lock.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr("headwater.pipelines.egress.connection.SqliteTarget.passes", staticmethod(count))
    job = bench.put_and_work({"a/b.txt": "one two"})

    assert (job.state, job.error, tries) == ("succeeded", None, 12)


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
def test_a_coordinator_killed_before_the_egress_leaves_it_to_its_successor(
    tmp_path: Path, catalog_url: str
) -> None:
    marks = tmp_path / "marks"
    with open_bench(tmp_path, catalog_url) as bench:
        bench.create(egress=Egress(url=f"file://{tmp_path / 'outside'}"))
        bench.put({"a.txt": f"mark {marks} one"})

        command = [sys.executable, "-c", VICTIM, str(tmp_path), catalog_url]
        ended = subprocess.run(command, check=False, timeout=60).returncode

        assert ended == -signal.SIGKILL
        assert (bench.last().state, bench.output()) == ("finishing", {"a.txt": "1"})
        job = bench.work()
        assert (job.state, job.datums.run) == ("succeeded", 1)
        assert files(tmp_path / "outside") == {"a.txt": "1"}
        assert marks.read_text().split() == ["a.txt"]
