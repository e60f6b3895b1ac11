"""What a job holds while it lives, and what is lost of it when something is given up: no more than that."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from headwater.execution import Beat
from headwater.pipelines import PipelineRoots, store
from headwater.pipelines.engine import store as rows
from headwater.pipelines.engine.accepted import read_set
from headwater.pipelines.engine.memo import open_memo
from headwater.pipelines.engine.records import Known, known_of
from headwater.pipelines.engine.reserve import Reserve, Stash
from headwater.pipelines.spec import DatumSet
from headwater.storage import SegmentsGone
from headwater.storage.tables import segments
from tests.clocks import HandClock
from tests.pipelines.costs.counting import counted
from tests.pipelines.engine.conftest import Bench, open_bench
from tests.waiting import until

DAY_MS = 24 * 3600 * 1000


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def bench(tmp_path: Path, catalog_url: str, clock: HandClock) -> Iterator[Bench]:
    with open_bench(tmp_path, catalog_url, clock=clock) as bench:
        bench.create(datum_set=DatumSet(number=1), parallelism=3)
        yield bench


def sweep(bench: Bench) -> None:
    bench.storage.sweep([bench.repos.roots, PipelineRoots()])


def first_expiry(bench: Bench) -> int:
    with bench.catalog.read() as conn:
        pending = sa.select(sa.func.min(segments.c.expires_ms)).where(segments.c.state == "pending")
        return int(conn.execute(pending).scalar() or 0)


def give_up(bench: Bench, ids: set[int], **values: object) -> None:
    with bench.catalog.write() as conn:
        conn.execute(sa.update(segments).where(segments.c.id.in_(ids)).values(**values))


def test_a_job_that_lasts_for_weeks_keeps_what_it_has(bench: Bench, clock: HandClock, tmp_path: Path) -> None:
    pipe, marks = tmp_path / "pipe", tmp_path / "marks"
    os.mkfifo(pipe)
    bench.put({"a.txt": f"large mark {marks}", "b.txt": f"gate {pipe} large mark {marks}"})
    worker = threading.Thread(target=bench.work, daemon=True)
    worker.start()
    until(lambda: bench.last().datums.run == 1)

    for _ in range(3):
        clock.ms += 5 * DAY_MS
        until(lambda: first_expiry(bench) > clock.ms + 6 * DAY_MS)
        sweep(bench)
    pipe.write_text("go on")
    worker.join()

    job = bench.last()
    assert (job.state, job.datums.run) == ("succeeded", 2)
    assert sorted(marks.read_text().split()) == ["a.txt", "b.txt"]


def test_leases_are_extended_in_one_statement_however_many_there_are(bench: Bench, clock: HandClock) -> None:
    reserve = Reserve(bench.catalog, bench.storage, clock, Stash())
    for _ in range(40):
        reserve.take(50)
    with counted(bench.storage) as early:
        reserve.renew()
    clock.ms += DAY_MS

    with counted(bench.storage) as due:
        reserve.renew()
    with counted(bench.storage) as again:
        reserve.renew()

    assert (early.statements, due.rows >= 2_000, again.statements) == (0, True, 0)
    assert due.statements <= 3  # with the beginning and the end of the transaction
    assert first_expiry(bench) == clock.ms + 7 * DAY_MS


def test_a_lease_that_ran_out_is_heard_of(bench: Bench, clock: HandClock) -> None:
    reserve = Reserve(bench.catalog, bench.storage, clock, Stash())
    reserve.take(1)
    clock.ms += 8 * DAY_MS
    sweep(bench)

    with pytest.raises(SegmentsGone):
        reserve.renew()


def test_what_ran_out_before_a_job_took_it_over_unused_is_no_loss(bench: Bench, clock: HandClock) -> None:
    stash = Stash()
    early = Reserve(bench.catalog, bench.storage, clock, stash)
    early.give_back(early.take(1))
    early.hand_over()
    clock.ms += 8 * DAY_MS
    late = Reserve(bench.catalog, bench.storage, clock, stash)
    late.take(1)
    sweep(bench)
    clock.ms += DAY_MS

    late.renew()
    released = late.hand_over()

    assert (released, len(stash.take())) == (None, 15)


def test_reservations_that_lay_about_for_too_long_are_not_handed_on(bench: Bench, clock: HandClock) -> None:
    stash = Stash()
    early = Reserve(bench.catalog, bench.storage, clock, stash)
    early.give_back(early.take(1))
    assert early.hand_over() is None
    clock.ms += 5 * DAY_MS
    late = Reserve(bench.catalog, bench.storage, clock, stash)
    taken = late.take(1)

    released = late.hand_over()

    assert taken.expires_ms == clock.ms + 7 * DAY_MS
    assert released is not None
    assert len(released.segments) == 16  # the early ones; the next job finds those that are fresh
    assert len(stash.take()) == 15


def test_after_a_pause_only_what_is_gone_is_computed_again(bench: Bench, tmp_path: Path) -> None:
    pipe, marks = tmp_path / "pipe", tmp_path / "marks"
    os.mkfifo(pipe)
    bench.put(dict.fromkeys(("a.txt", "b.txt"), f"large mark {marks}") | {"c.txt": f"gate {pipe}"})
    stop = threading.Event()
    worker = threading.Thread(target=bench.work, kwargs={"stop": stop}, daemon=True)
    worker.start()
    until(lambda: bench.last().datums.run == 2)
    stop.set()
    worker.join()
    with bench.catalog.read() as conn:
        first = read_set(next(iter(rows.parts_of(conn, bench.last().id))).results)

    give_up(bench, {one.id for one in first.segments}, expires_ms=0)
    sweep(bench)
    worker = threading.Thread(target=bench.work, daemon=True)
    worker.start()
    pipe.write_text("go on")
    worker.join()

    lost = first.labels[0].removeprefix("texts:/")
    assert (bench.last().state, bench.last().datums.run) == ("succeeded", 3)
    assert sorted(marks.read_text().split()) == sorted(["a.txt", "b.txt", lost])


def attempt(bench: Bench, clock: HandClock) -> None:
    """Has a worker try the next task, which fails for something that was given up, and waits until it is due again."""
    claim = bench.queue.claim("w", ("pipeline",))
    assert claim is not None
    with pytest.raises(SegmentsGone):
        bench.coordinator.handle(claim, Beat(threading.Event()))
    bench.queue.release(claim, error="gone")
    clock.ms += 1_000


def remembered(bench: Bench, commit: str | None) -> Known:
    """Returns what the memo knows of a commit's only datum."""
    meta = bench.storage.map_tree(bench.repos.commit_by_id(commit or "").roots.meta)
    [entry] = meta.entries()
    with bench.catalog.read() as conn:
        pipeline = store.find_pipeline(conn, "out")
    assert pipeline is not None
    known = open_memo(bench.catalog, bench.storage, pipeline).recall(known_of(entry).record.memo)
    assert known is not None
    return known


def test_what_is_known_outlives_an_attempt_that_lost_something(
    bench: Bench, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.put_and_work({"a.txt": "one"})
    bench.put_and_work({"a.txt": "two"})
    bench.put({"a.txt": "one"})

    def lose(_: object) -> str:
        raise SegmentsGone([1])

    with monkeypatch.context() as once:
        once.setattr(bench.kind, "message", lose)
        attempt(bench, clock)
    job = bench.work()

    assert (job.state, job.datums.run, job.datums.kept) == ("succeeded", 0, 1)


def test_what_is_known_and_gone_is_computed_again_and_nothing_else(bench: Bench, clock: HandClock) -> None:
    early = bench.put_and_work({"a.txt": "one"})
    late = bench.put_and_work({"a.txt": "one two"})
    bench.put_and_work({"a.txt": "one two three"})
    give_up(bench, {remembered(bench, early.commit).places[0].segment}, state="quarantined")

    bench.put({"a.txt": "one"})
    attempt(bench, clock)
    mended = bench.work()
    again = bench.put_and_work({"a.txt": "one two"})

    assert (mended.state, mended.datums.run) == ("succeeded", 1)
    assert (again.state, again.datums.run) == ("succeeded", 0)
    assert remembered(bench, late.commit)
