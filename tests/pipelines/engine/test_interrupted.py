"""Jobs that are cancelled, taken away or interrupted in the middle."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from headwater.db import LeaseLost
from headwater.execution import Beat
from headwater.pipelines import JobFailed, store
from headwater.pipelines.engine import compute
from headwater.pipelines.errors import DatumInterrupted
from headwater.pipelines.tables import job_parts
from headwater.repos import BranchMoved
from headwater.storage import SegmentsGone
from headwater.storage.tables import segments
from tests.pipelines.conftest import Engine


def pending_segments(engine: Engine) -> int:
    with engine.catalog.read() as conn:
        query = sa.select(sa.func.count()).select_from(segments).where(segments.c.state == "pending")
        return int(conn.execute(query).scalar_one())


def parts_left(engine: Engine) -> int:
    with engine.catalog.read() as conn:
        return int(conn.execute(sa.select(sa.func.count()).select_from(job_parts)).scalar_one())


def before(engine: Engine, step: str, act: Callable[[], None]) -> None:
    """Lets something happen once, at the moment when the kind is asked for `step`."""
    original = getattr(engine.kind, step)
    left = [act]

    def asked(*args: Any) -> Any:
        while left:
            left.pop()()
        return original(*args)

    setattr(engine.kind, step, asked)


def test_a_job_cancelled_while_it_computes_ends_at_once_and_the_next_one_runs(
    engine: Engine, tmp_path: Path
) -> None:
    started = tmp_path / "started"
    os.mkfifo(started)
    engine.put(a=f"hang {started}", b="fine")
    job = engine.submit()
    worker = threading.Thread(target=engine.work)
    worker.start()
    assert started.read_text() == "hanging"

    engine.jobs.cancel(job.id)
    worker.join()
    engine.put(a="one")
    engine.work()

    assert engine.jobs.get(job.id).state == "cancelled"
    assert engine.last().state == "succeeded"
    assert engine.queue.counts()["running"] == engine.queue.counts()["ready"] == 0
    assert parts_left(engine) == 0


@pytest.mark.parametrize("step", ["due", "datums", "closing", "seal"])
def test_a_job_cancelled_at_any_step_stays_cancelled(engine: Engine, step: str) -> None:
    engine.put(a="one")
    job = engine.submit()

    def cancel() -> None:
        engine.jobs.cancel(job.id)

    before(engine, step, cancel)

    engine.work()

    assert engine.jobs.get(job.id).state == "cancelled"
    assert parts_left(engine) == 0
    engine.put(a="two")
    engine.work()
    assert engine.last().state == "succeeded"


def test_a_coordinator_that_believes_its_lease_lost_leaves_task_and_job_to_others(engine: Engine) -> None:
    engine.put(a="one")
    job = engine.submit()
    claim = engine.queue.claim("w", ("pipeline",), ttl_s=0)
    assert claim is not None
    beat = Beat(threading.Event())
    before(engine, "datums", beat.lose)

    with pytest.raises(LeaseLost):
        engine.coordinator.handle(claim, beat)

    engine.work()
    assert engine.jobs.wait(job.id).state == "succeeded"


def test_a_worker_that_is_asked_to_stop_gives_its_job_back(engine: Engine, tmp_path: Path) -> None:
    started = tmp_path / "started"
    os.mkfifo(started)
    engine.put(a=f"hang first {started}", b="fine")
    job = engine.submit()
    stop = threading.Event()
    worker = threading.Thread(target=engine.work, kwargs={"stop": stop})
    worker.start()
    assert started.read_text() == "hanging"

    stop.set()
    worker.join()

    assert engine.jobs.get(job.id).state == "running"
    engine.work()
    assert engine.jobs.wait(job.id).state == "succeeded"


def test_a_full_disk_interrupts_the_attempt_and_not_the_job(engine: Engine, tmp_path: Path) -> None:
    log = tmp_path / "log"
    engine.put(a=f"full once {tmp_path / 'full'}", b=f"logged in {log}")
    job = engine.submit()
    claim = engine.queue.claim("w", ("pipeline",))
    assert claim is not None

    with pytest.raises(DatumInterrupted) as caught:
        engine.coordinator.handle(claim, Beat(threading.Event()))

    assert "a.txt could not be computed: No space left on device" in caught.value.message
    engine.queue.release(claim)
    engine.work()
    assert engine.jobs.wait(job.id).state == "succeeded"


@pytest.mark.parametrize("text", ["fine", "poison", "bug", "die once {marker}"])
def test_reservations_that_nobody_wrote_are_released(engine: Engine, tmp_path: Path, text: str) -> None:
    engine.put(a=text.format(marker=tmp_path / "died"), b="fine")
    job = engine.submit()

    engine.work()
    engine.parts.close()  # what jobs leave to those after them

    kept = {"fine": 0, "poison": 0}.get(text, 16)  # a call that died or raised may have written some
    assert pending_segments(engine) == kept
    assert engine.jobs.get(job.id).state in ("failed", "succeeded")


def test_what_a_job_used_up_of_its_attempts_is_not_counted_against_the_next(engine: Engine) -> None:
    engine.put(a="one")
    engine.submit()
    for _ in range(4):
        claim = engine.queue.claim("w", ("pipeline",))
        assert claim is not None
        engine.queue.release(claim, error="its worker died")
    last = engine.queue.claim("w", ("pipeline",))
    assert last is not None
    assert last.attempt == 5
    before(engine, "seal", lambda: engine.put(b="two"))  # comes while the first one runs

    engine.coordinator.handle(last, Beat(threading.Event()))

    again = engine.queue.claim("w", ("pipeline",))
    assert again is not None
    assert again.attempt == 1
    engine.coordinator.handle(again, Beat(threading.Event()))
    assert [one.state for one in engine.jobs.list().items] == ["succeeded", "succeeded"]


def test_an_attempt_that_lost_something_is_repeated(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute, "_SHORT_S", 0.0)
    engine.put(a="one")
    job = engine.submit()
    claim = engine.queue.claim("w", ("pipeline",))
    assert claim is not None
    run = []

    def lose_segments() -> None:
        run.append(parts_left(engine))
        raise SegmentsGone([1])

    before(engine, "message", lose_segments)

    with pytest.raises(SegmentsGone):
        engine.coordinator.handle(claim, Beat(threading.Event()))

    engine.queue.release(claim)
    engine.work()

    assert run == [2]
    assert parts_left(engine) == 0
    assert engine.jobs.wait(job.id).state == "succeeded"


def test_a_job_whose_output_branch_moved_meanwhile_comes_after_what_is_there_now(engine: Engine) -> None:
    engine.put(a="one")
    job = engine.submit()
    claim = engine.queue.claim("w", ("pipeline",))
    assert claim is not None

    def somebody_commits() -> None:
        with engine.repos.get("count", system=True).commit() as commit:
            commit.put("/by-hand.txt", "x")

    before(engine, "seal", somebody_commits)
    with pytest.raises(BranchMoved):
        engine.coordinator.handle(claim, Beat(threading.Event()))

    engine.queue.release(claim)
    engine.work()
    assert engine.jobs.wait(job.id).datums.run == 2
    made = engine.repos.resolve("count@main")
    assert (made.id, made.parent) == (job.commit, engine.repos.resolve("count@main^").id)
    assert engine.output().keys() == {
        "/a.txt",
        "/total.txt",
        "/sealed.txt",
    }  # what its inputs make, and no more


def test_a_branch_beside_the_output_moves_without_disturbing_the_job(engine: Engine) -> None:
    engine.put(a="one")
    engine.submit()
    engine.work()
    first = engine.last().commit
    assert first is not None
    engine.put(a="one two")

    def promote() -> None:
        engine.repos.get("count", system=True).create_branch("prod", first)

    before(engine, "seal", promote)
    engine.work()

    assert engine.last().state == "succeeded"
    assert engine.repos.resolve("count@main").parent == engine.repos.resolve("count@prod").id == first


def test_a_running_job_tells_how_many_datums_are_done(engine: Engine) -> None:
    engine.put(a="one", b="two")
    job = engine.submit()
    seen: list[int] = []

    before(engine, "closing", lambda: seen.append(engine.jobs.get(job.id).datums.run))
    before(engine, "seal", lambda: seen.append(engine.jobs.get(job.id).datums.run))
    engine.work()

    assert seen == [0, 3]


def test_two_workers_at_once_run_each_job_once(engine: Engine, tmp_path: Path) -> None:
    log = tmp_path / "log"
    engine.put(**dict.fromkeys("abcd", f"logged in {log}"))
    job = engine.submit()
    workers = [threading.Thread(target=engine.work) for _ in range(2)]

    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert engine.jobs.wait(job.id).state == "succeeded"
    assert sorted(log.read_text().split()) == ["a.txt", "b.txt", "c.txt", "d.txt"]
    assert len(engine.repos.get("count").log().items) == len(engine.kind.finished_commits) == 1


def test_a_bug_of_a_kind_ends_the_job_and_not_the_pipeline(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def buggy(_: object) -> None:
        raise KeyError("bug")

    engine.put(a="one")
    job = engine.submit()
    monkeypatch.setattr(engine.kind, "datums", buggy)
    for _ in range(5):
        claim = engine.queue.claim("w", ("pipeline",))
        assert claim is not None
        with pytest.raises(KeyError):
            engine.coordinator.handle(claim, Beat(threading.Event()))
        engine.queue.release(claim, error="KeyError: 'bug'")
    with pytest.raises(JobFailed, match="KeyError: 'bug'"):
        engine.jobs.wait(job.id)

    monkeypatch.undo()
    engine.put(a="two")
    engine.work()

    assert engine.last().state == "succeeded"
    with engine.catalog.read() as conn:
        assert not store.jobs_in(conn, 1, store.TAKEN)
