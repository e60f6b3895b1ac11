"""Datums of the next job, computed while the last ones of a job run."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from headwater.pipelines import store
from headwater.pipelines.engine import compute
from tests.pipelines.engine.conftest import Bench
from tests.waiting import until


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute, "_TAIL_S", 0.1)
    monkeypatch.setattr(compute, "_POLL_S", 0.05)


@contextmanager
def working(bench: Bench, gate: Path) -> Iterator[None]:
    """Works in a thread, and at the end opens the gate that the first job's last datum waits at."""
    worker = threading.Thread(target=bench.work)
    worker.start()
    try:
        yield
    finally:
        gate.write_text("go on")
        worker.join()


def is_marked(marks: Path, *names: str) -> bool:
    return marks.exists() and set(names) <= set(marks.read_text().split())


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "gate")
    return tmp_path / "gate"


def test_what_came_meanwhile_is_computed_before_the_job_has_ended(
    bench: Bench, gate: Path, tmp_path: Path
) -> None:
    marks = tmp_path / "marks"
    bench.create()
    bench.put({"slow.txt": f"gate {gate}", "a.txt": "one"})
    with working(bench, gate):
        until(lambda: bench.last().state == "running")
        bench.put({"b.txt": f"mark {marks} two words"})
        until(lambda: is_marked(marks, "b.txt"))
        assert [job.state for job in bench.jobs.list().items] == ["queued", "running"]

    second, first = bench.jobs.list().items
    assert (first.state, first.datums.run) == ("succeeded", 2)
    assert (second.state, second.datums.run, second.datums.kept) == ("succeeded", 1, 2)
    assert marks.read_text().split() == ["b.txt"]
    assert bench.output()["b.txt"] == "2"
    assert bench.records(second.commit)["texts:/b.txt"].record.job == second.id


def test_it_is_not_lost_when_the_next_job_is_taken_together_with_a_newer_one(
    bench: Bench, gate: Path, tmp_path: Path
) -> None:
    marks = tmp_path / "marks"
    bench.create()
    bench.put({"slow.txt": f"gate {gate}"})
    with working(bench, gate):
        until(lambda: bench.last().state == "running")
        bench.put({"b.txt": f"mark {marks} one"})
        until(lambda: is_marked(marks, "b.txt"))
        bench.put({"c.txt": f"mark {marks} one"})

    newest, covered, _ = bench.jobs.list().items
    assert (newest.state, covered.state) == ("succeeded", "skipped")
    assert newest.datums.run == 2
    assert sorted(marks.read_text().split()) == ["b.txt", "c.txt"]
    with bench.catalog.read() as conn:
        from headwater.pipelines.engine import store as rows

        assert not [part for job in (newest, covered) for part in rows.parts_of(conn, job.id)]
        assert store.jobs_in(conn, 1, store.TAKEN) == []


def test_what_fails_ahead_of_its_job_is_tried_by_the_job(bench: Bench, gate: Path, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    bench.create(datum_tries=1)
    bench.put({"slow.txt": f"gate {gate}"})
    with working(bench, gate):
        until(lambda: bench.last().state == "running")
        bench.put({"b.txt": f"mark {marks} once {tmp_path / 'tried'}"})
        until(lambda: is_marked(marks, "b.txt"))

    assert (bench.last().state, bench.last().datums.run) == ("succeeded", 1)
    assert marks.read_text().split() == ["b.txt", "b.txt"]
