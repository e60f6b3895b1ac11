"""How much a job has to do: known while it runs, and right when it has ended."""

import os
import random
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from headwater.api.documents import DatumCounts, JobInfo
from headwater.errors import InvalidInput
from headwater.pipelines.engine import compute, totals
from headwater.pipelines.engine.plan import Drop, Plan, Step
from headwater.pipelines.keys import datum_key, memo_key
from headwater.pipelines.kind import Datum, ListPlanner
from headwater.pipelines.spec import DatumSet
from tests.pipelines.engine.conftest import Bench
from tests.waiting import until

ONE_BY_ONE: dict[str, Any] = {"datum_set": DatumSet(number=1), "parallelism": 1}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(totals, "_BEGIN_S", 0.0)
    monkeypatch.setattr(totals, "_SLICE_S", 0.0)  # a step at once, so that there are many slices
    monkeypatch.setattr(totals, "_REST_S", 0.001)
    monkeypatch.setattr(compute, "_POLL_S", 0.05)


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "gate")
    return tmp_path / "gate"


@contextmanager
def held_up(bench: Bench, gate: Path) -> Iterator[JobInfo]:
    """Works until the job's total is known, while one of its datums waits; then lets it end."""
    worker = threading.Thread(target=bench.work)
    worker.start()
    try:
        yield until(lambda: job if (job := bench.last()).total is not None else None, "the total")
    finally:
        gate.write_text("go on")
        worker.join()


@pytest.mark.parametrize("code", ["code-1", "code-2"], ids=["from-the-difference", "all-gone-through"])
def test_a_job_that_lasts_tells_what_runs_is_kept_and_dropped_before_it_is_planned_to_the_end(
    code: str, bench: Bench, gate: Path
) -> None:
    bench.create(**ONE_BY_ONE, reprocess="until_success" if code == "code-2" else "on_code_change")
    bench.put_and_work({f"{name}.txt": "one" for name in "abcdef"})
    bench.create(code, **ONE_BY_ONE, reprocess="until_success" if code == "code-2" else "on_code_change")
    bench.put(
        {"a.txt": f"gate {gate}", "b.txt": None, "c.txt": None, **dict.fromkeys(["x", "y", "z"], "new")}
    )

    with held_up(bench, gate) as seen:
        assert (seen.state, seen.total, seen.to_run) == ("running", 7, 4)
        assert seen.datums == DatumCounts(run=0, kept=3, dropped=2)
        assert seen.progress == "0 of 4 run, 3 kept, 2 dropped"

    ended = bench.last()
    assert (ended.state, ended.total, ended.to_run) == ("succeeded", 7, 4)
    assert ended.datums == DatumCounts(run=4, kept=3, dropped=2)


def test_a_plan_that_ends_first_is_the_count(
    bench: Bench, gate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(totals, "_BEGIN_S", 1_000.0)
    bench.create(parallelism=2)
    bench.put({"a.txt": f"gate {gate}", "b.txt": "one"})

    with held_up(bench, gate) as seen:
        assert (seen.state, seen.total, seen.datums.kept) == ("running", 2, 0)


def planned(bench: Bench, datums: Iterable[Datum]) -> Plan:
    """Returns a plan from nothing."""
    nothing = bench.storage.map_tree(None)
    keys = lambda datum: (datum_key(datum), memo_key(datum, ""))  # noqa: E731
    return Plan(ListPlanner(datums), keys, nothing, nothing, recall=lambda _: None, whole=True)


def test_a_coordinator_that_is_never_idle_counts_all_the_same(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(totals, "_SHARE", 1e-9)
    found = totals.Totals(planned(bench, [Datum(str(number), (), "", b"", b"", "") for number in range(9)]))
    ended: Future[bytes] = Future()
    ended.set_result(b"")

    slices = 0
    while not (news := found.news()):
        assert found.wait([ended], 60.0) == {ended}
        slices += 1

    assert news == {"total": 9, "kept": 0, "dropped": 0}
    assert 9 <= slices <= 11  # no more than a step each, for an arrival waits meanwhile


def test_a_count_that_comes_to_an_error_is_left_to_the_end_of_the_plan(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unlistable(_: Plan) -> Iterator[Step | Drop]:
        raise InvalidInput("This cannot be listed.", hint="Mend it.")

    plan = planned(bench, [Datum("a", (), "", b"", b"", "")])
    found = totals.Totals(plan)
    with monkeypatch.context() as once:
        once.setattr(Plan, "again", unlistable)
        met = found.wait([Future()], 0.05)
        before = found.news()

    steps = list(found.heard(plan.steps()))

    assert (met, before, len(steps)) == (set(), {}, 1)
    assert found.news() == {"total": 1, "kept": 0, "dropped": 0}


def test_a_job_that_fails_without_a_result_keeps_nothing_of_what_it_counted(bench: Bench, gate: Path) -> None:
    bench.create(**ONE_BY_ONE)
    bench.put_and_work({"a.txt": "write same", "b.txt": "one"})
    bench.put({"c.txt": f"gate {gate} write same"})

    with held_up(bench, gate) as seen:
        assert seen.datums.kept == 2

    ended = bench.last()
    assert (ended.state, ended.total, ended.datums.kept) == ("failed", 3, 0)


def test_dropped_is_what_was_there_and_is_no_more_however_the_job_came_about(bench: Bench) -> None:
    chance = random.Random(150)
    names = [f"{letter}.txt" for letter in "abcdefgh"]
    there: set[str] = set()
    asked: list[dict[str, Any]] = [{}, {"reprocess": "every_job"}, {"forced": True}]
    bench.create()
    for number in range(6):
        how = asked[number % 3]
        before = there.copy()
        edit = {name: "one" if chance.random() < 0.6 else None for name in chance.sample(names, 4)}
        there = {name for name in names if edit.get(name, "one" if name in there else None) is not None}
        with bench.repos.get("texts").commit("main") as commit:
            for name, text in edit.items():
                if text is not None:
                    commit.put(f"/{name}", f"{text} {number}")
                elif name in before:
                    commit.delete(f"/{name}")
        bench.create(follow=False, **{key: value for key, value in how.items() if key != "forced"})
        bench.start(forced=bool(how.get("forced")))

        job = bench.work()

        assert job.datums.dropped == len(before - there), (number, how)
        assert job.total == len(there)
