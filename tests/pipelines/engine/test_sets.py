"""Datum sets: how they are cut, what becomes of one that is lost, and what counts as a try."""

from collections import Counter
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from headwater.execution import PureCall
from headwater.pipelines.engine.pace import MOST, Pace
from headwater.pipelines.sets import SetPayload
from headwater.pipelines.spec import DatumSet
from headwater.pipelines.tables import job_parts
from tests.clocks import HandClock
from tests.pipelines.engine.conftest import Bench, open_bench
from tests.waiting import until


class Watched:
    """Notes the datum sets that an executor is given."""

    def __init__(self, bench: Bench) -> None:
        self._executor = bench.executor
        self.sets: list[SetPayload] = []
        self._running: set[Future[bytes]] = set()
        self.most_at_once = 0

    def submit(self, call: PureCall) -> Future[bytes]:
        self.sets.append(msgspec.msgpack.decode(call.payload, type=SetPayload))
        future = self._executor.submit(call)
        self._running = {one for one in self._running if not one.done()} | {future}
        self.most_at_once = max(self.most_at_once, len(self._running))
        return future

    def places(self) -> int:
        return self._executor.places()

    def stop(self, future: Future[bytes]) -> None:
        self._executor.stop(future)

    def close(self) -> None:
        self._executor.close()

    def tries_of(self, label: str) -> list[list[str]]:
        """Returns the sets that a datum was in, each as its labels."""
        sets = [[datum.label for datum in one.datums] for one in self.sets]
        return [one for one in sets if label in one]


@pytest.fixture
def watched(bench: Bench) -> Watched:
    bench.executor = watched = Watched(bench)
    return watched


def files(count: int, **special: str) -> dict[str, str]:
    return {f"{number:03}.txt": "one" for number in range(count)} | {
        f"{name}.txt": text for name, text in special.items()
    }


def test_tiny_datums_travel_together(bench: Bench, watched: Watched) -> None:
    bench.create()

    job = bench.put_and_work(files(300))

    assert (job.state, job.datums.run) == ("succeeded", 300)
    assert len(watched.sets) < 40


@pytest.mark.parametrize(
    ("wish", "sizes"),
    [(DatumSet(number=4), {4, 2}), (DatumSet(size=9), {3, 1}), (DatumSet(per_worker=1), {5})],
)
def test_the_spec_says_how_many_datums_make_a_set(
    bench: Bench, watched: Watched, wish: DatumSet, sizes: set[int]
) -> None:
    bench.create(datum_set=wish, parallelism=2)

    bench.put_and_work(files(10))

    assert {len(one.datums) for one in watched.sets} == sizes


@pytest.mark.parametrize("parallelism", [1, 3])
def test_no_more_sets_run_at_once_than_the_spec_allows(
    bench: Bench, watched: Watched, parallelism: int
) -> None:
    bench.create(parallelism=parallelism, datum_set=DatumSet(number=1))

    bench.put_and_work(files(8))

    assert 1 <= watched.most_at_once <= parallelism


def test_a_datum_that_kills_its_process_is_found_and_takes_no_other_with_it(
    bench: Bench, watched: Watched
) -> None:
    bench.create(datum_set=DatumSet(number=16), datum_tries=2)

    job = bench.put_and_work(files(15, killer="die"))

    assert (job.state, job.datums.run, job.datums.failed) == ("failed", 15, 1)
    assert "killer.txt: the process that computed it died 2 times" in (job.error or "")
    assert watched.tries_of("texts:/killer.txt")[-2:] == [["texts:/killer.txt"]] * 2


def test_a_process_that_dies_once_costs_only_time(bench: Bench, tmp_path: Path) -> None:
    bench.create(datum_set=DatumSet(number=8), datum_tries=1)

    job = bench.put_and_work(files(7, killer=f"die-once {tmp_path / 'died'}"))

    assert (job.state, job.datums.run) == ("succeeded", 8)


def test_what_failed_in_the_users_code_is_tried_again_as_often_as_the_spec_says(
    bench: Bench, watched: Watched, tmp_path: Path
) -> None:
    bench.create(datum_tries=3)

    job = bench.put_and_work({"a.txt": "poison", "b.txt": f"once {tmp_path / 'tried'}"})

    assert (job.datums.run, job.datums.failed) == (1, 1)
    last = [
        datum.is_last_try for one in watched.sets for datum in one.datums if datum.label == "texts:/a.txt"
    ]
    assert last == [False, False, True]


def test_datums_that_were_not_begun_are_handed_out_again(bench: Bench, tmp_path: Path) -> None:
    bench.create(datum_set=DatumSet(number=4))

    job = bench.put_and_work(files(3, late=f"skip-once {tmp_path / 'skipped'}"))

    assert (job.state, job.datums.run) == ("succeeded", 4)


def test_a_datum_that_is_never_begun_fails_in_the_end(bench: Bench) -> None:
    bench.create(datum_tries=2)

    job = bench.put_and_work({"a.txt": "skip", "b.txt": "one"})

    assert (job.state, job.datums.run, job.datums.failed) == ("failed", 1, 1)


def test_what_datums_share_stands_in_a_payload_once(bench: Bench, watched: Watched) -> None:
    from headwater.pipelines.spec import CrossInput, FilesInput

    bench.repos.create("models")
    bench.put({"model.bin": "weights " * 100}, repo="models")
    both = CrossInput((FilesInput("texts", "texts", glob="/*"), FilesInput("model", "models", glob="/")))
    bench.create(input=both, datum_set=DatumSet(number=10))

    job = bench.put_and_work(files(10))

    assert job.datums.run == 10
    [whole] = [one for one in watched.sets if len(one.datums) > 1]
    assert Counter(piece.input for piece in whole.pieces) == {"texts": 10, "model": 1}


def test_a_job_that_takes_too_long_is_ended_and_its_successes_are_remembered(
    tmp_path: Path, catalog_url: str
) -> None:
    import os
    import threading

    pipe, clock = tmp_path / "pipe", HandClock()
    os.mkfifo(pipe)
    with open_bench(tmp_path, catalog_url, clock=clock) as bench:
        bench.create(job_timeout_s=60.0, datum_set=DatumSet(number=1))
        bench.put({"a.txt": "one", "b.txt": f"hold {pipe}"})
        worker = threading.Thread(target=bench.work)
        worker.start()
        assert pipe.read_text() == "holding"
        until(lambda: bench.last().datums.run == 1)
        clock.ms += 60_000
        worker.join()

        job = bench.last()
        assert (job.state, job.datums.run) == ("failed", 1)
        assert "job_timeout" in (job.error or "")
        job = bench.put_and_work({"b.txt": "two"})
        assert (job.state, job.datums.run, job.datums.kept) == ("succeeded", 1, 1)


def test_a_cancelled_job_ends_the_processes_of_its_datums(bench: Bench, tmp_path: Path) -> None:
    import os
    import threading

    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    bench.create()
    bench.put({"a.txt": f"hold {pipe}"})
    worker = threading.Thread(target=bench.work)
    worker.start()
    assert pipe.read_text() == "holding"

    bench.jobs.cancel(bench.last().id)
    worker.join()

    bench.put_and_work({"a.txt": None, "b.txt": "one", "c.txt": "two"})
    assert bench.last().state == "succeeded"  # two processes are there again


def test_short_sets_are_accepted_together(bench: Bench, tmp_path: Path) -> None:
    import os
    import threading

    def hear(conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if statement.startswith("INSERT") and job_parts.name in statement:
            told.append(statement)

    pipe, told = tmp_path / "pipe", list[str]()
    os.mkfifo(pipe)
    bench.create(datum_set=DatumSet(number=1))
    bench.put(files(16, z=f"hold {pipe}"))
    worker = threading.Thread(target=bench.work)
    sa.event.listen(sa.Engine, "after_cursor_execute", hear)
    worker.start()
    assert pipe.read_text() == "holding"

    until(lambda: bench.last().datums.run == 16)
    sa.event.remove(sa.Engine, "after_cursor_execute", hear)
    bench.jobs.cancel(bench.last().id)
    worker.join()

    assert 1 <= len(told) < 8


@pytest.mark.parametrize(
    ("took_s", "expected"), [([0.001, 0.004, 0.016], [1, 4, 16, 64]), ([0.5, 0.5], [1, 1, 1])]
)
def test_sets_grow_while_they_are_quick(took_s: list[float], expected: list[int]) -> None:
    pace = Pace(None)

    seen = [pace.next().datums]
    for took in took_s:
        pace.ended(seen[-1], took)
        seen.append(pace.next().datums)

    assert seen == expected


def test_sets_shrink_again_and_never_pass_the_limit() -> None:
    pace = Pace(None, batch=8)

    for _ in range(10):
        pace.ended(pace.next().datums, 0.0001)
    assert pace.next().datums == MOST
    pace.ended(MOST, 2.0)
    assert pace.next().datums == 96  # whole calls of the code
    pace.ended(96, 100.0)
    assert pace.next().datums == 8  # what one call of the code takes


def test_sets_hold_whole_calls_of_the_code() -> None:
    pace = Pace(None, batch=4)

    pace.ended(4, 0.13)  # six would fit

    assert pace.next().datums == 4


def test_the_last_sets_are_shorter_so_that_all_processes_end_together() -> None:
    pace, left = Pace(None, batch=4, at_once=4), 100
    for _ in range(4):
        pace.ended(pace.next().datums, 0.01 * pace.next().datums)

    sizes = []
    while left:
        sizes.append(min(left, pace.next(left if left <= pace.reach else None).datums))
        left -= sizes[-1]

    assert sizes == [20, 20, 12, 12, 8, 4, 4, 4, 4, 4, 4, 4]
