"""Data flows one way, into repos that belong to one pipeline; and clocks go on."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from headwater.execution import Beat
from headwater.pipelines.dag.ticking import TICK
from headwater.pipelines.errors import InvalidSpec, InvalidTrigger
from headwater.pipelines.spec import BranchTrigger, CronInput, CrossInput, FilesInput, LoadedSpec, OutputSpec
from tests.clocks import HandClock
from tests.pipelines.dag.conftest import Flow, open_flow, spec_over


def ticking(name: str, into: str) -> LoadedSpec:
    """Returns a pipeline with a clock whose ticks go to a repo."""
    clock = CronInput("tick", "@every 10s", into, overwrite=True)
    return LoadedSpec(spec_over(name, "a", input=CrossInput((FilesInput("in0", "a", glob="/*"), clock))))


@pytest.fixture
def made(flow: Flow) -> Flow:
    """Gives a workspace with data, and a pipeline of it."""
    flow.source("a", "precious")
    flow.put("a", "1")
    flow.put("precious", "dear")
    flow.create("p", "a")
    return flow


def test_an_update_does_not_let_a_clock_tick_into_data(made: Flow) -> None:
    with pytest.raises(InvalidSpec, match="'precious', which is there already"):
        made.pipelines.update(ticking("p", "precious"))


def test_a_clock_does_not_tick_into_what_another_pipeline_writes(made: Flow) -> None:
    with pytest.raises(InvalidSpec, match="'p', which belongs to the pipeline 'p'"):
        made.pipelines.create(ticking("q", "p"))


def test_two_clocks_do_not_tick_into_one_repo_and_nothing_else_is_written_there(made: Flow) -> None:
    made.pipelines.create(ticking("q", "ticks"))

    with pytest.raises(InvalidSpec, match="'ticks', which belongs to the pipeline 'q'"):
        made.pipelines.create(ticking("r", "ticks"))
    with pytest.raises(InvalidSpec, match="a clock of the pipeline 'q' ticks into 'ticks'"):
        made.create("s", "a", output=OutputSpec("ticks"))


def test_a_pipeline_keeps_its_clock_when_it_is_updated(made: Flow) -> None:
    made.pipelines.create(ticking("q", "ticks"))
    told = ticking("q", "ticks")

    shown = made.pipelines.update(LoadedSpec(spec_over("q", "a", input=told.spec.input, coalesce=False)))

    assert shown.version == 2


def test_a_pipeline_does_not_read_a_branch_that_its_own_input_lets_follow_its_output(made: Flow) -> None:
    back = FilesInput("back", "p", "staging", "/*", trigger=BranchTrigger("main", commits=1))

    with pytest.raises(InvalidSpec, match="p → p@staging → p"):
        made.pipelines.update(
            LoadedSpec(spec_over("p", "a", input=CrossInput((FilesInput("in0", "a", glob="/*"), back)))),
            allow_empty=True,
        )


def test_a_branch_does_not_follow_what_is_made_of_it(made: Flow) -> None:
    with made.catalog.write() as conn:
        made.repos.make_branch(conn, "p", "staging")
    made.create("q", "p@staging")
    made.pipelines.update(LoadedSpec(spec_over("p", "a", "q")), allow_empty=True)

    with pytest.raises(InvalidTrigger, match="staging → q → p → main"):
        made.pipelines.triggers.set("p", "staging", BranchTrigger("main", commits=1))


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def by_hand(tmp_path: Path, catalog_url: str, clock: HandClock) -> Iterator[Flow]:
    with open_flow(tmp_path, catalog_url, clock=clock) as flow:
        yield flow


def test_a_machine_whose_clock_is_behind_ticks_and_follows_once_per_moment(
    by_hand: Flow, clock: HandClock
) -> None:
    by_hand.source("a")
    by_hand.put("a", "1")
    by_hand.pipelines.create(ticking("p", "ticks"))
    with by_hand.catalog.write() as conn:
        by_hand.repos.make_branch(conn, "a", "daily")
    by_hand.pipelines.triggers.set("a", "daily", BranchTrigger("main", cron="@every 10s"))
    clock.sleep(10)

    behind = replace(by_hand.pipelines.ticker, clock=HandClock(clock.ms - 5_000))
    handled = 0
    while claim := by_hand.queue.claim("worker", behind.handlers):
        behind.handlers[claim.task.kind](claim, Beat(threading.Event()))
        handled += 1
        assert handled <= 2

    assert (handled, by_hand.states("p")) == (2, ["queued"])


def test_a_clock_goes_on_however_long_its_ticks_could_not_be(by_hand: Flow, clock: HandClock) -> None:
    by_hand.source("a")
    by_hand.put("a", "1")
    by_hand.pipelines.create(ticking("p", "ticks"))

    for _ in range(8):
        clock.sleep(120)
        claim = by_hand.queue.claim("worker", {TICK})
        assert claim is not None
        by_hand.queue.release(claim, error="the object store does not answer")
    by_hand.work()

    assert by_hand.states("p") == ["queued"]
