"""Jobs that wait: in which order they run, what lets them go on, and what they read."""

import msgspec
import pytest

from headwater.ids import random_id
from headwater.pipelines import Jobs, store
from headwater.pipelines.dag import take
from headwater.pipelines.errors import JobNotFound
from tests.pipelines.dag.conftest import Flow, spec_over


def update(flow: Flow, name: str, *inputs: str, **changes: bool) -> None:
    """Gives a pipeline another version, without a job of its own."""
    with flow.catalog.write() as conn:
        row = store.find_pipeline(conn, name)
        assert row is not None
        store.add_version(conn, row, spec_over(name, *inputs, **changes), store.NewVersion(random_id(), 1))


def settle(flow: Flow) -> None:
    """Does, as coordinators do, what the tasks that wait ask for, and nothing else."""
    while (claim := flow.queue.claim("worker", {"pipeline"})) is not None:
        while True:
            with flow.catalog.write() as conn:
                row = store.pipeline_by_id(conn, int(claim.task.payload))
                assert row is not None
                job = take(conn, flow.repos, row, flow.trigger, flow.clock)
                if job is None:
                    flow.queue.finish(conn, claim)
                    break
            flow.finish(job)


def jobs_of(flow: Flow) -> Jobs:
    return Jobs(flow.catalog, flow.repos, flow.clock, trigger=flow.trigger)


def test_jobs_that_run_one_by_one_wait_for_older_ones_that_are_taken_together(flow: Flow) -> None:
    flow.source("a")
    flow.add("p", "a")
    flow.put("a", "1")
    flow.put("a", "2")
    update(flow, "p", "a", coalesce=False)
    flow.put("a", "3")
    flow.put("a", "4")

    ran = []
    while (job := flow.run("p")) is not None:
        ran.append((job.version, flow.output("p")["a@main"]))

    assert ran == [(1, "2"), (2, "3"), (2, "4")]


@pytest.mark.parametrize("coalesce", [True, False])
@pytest.mark.parametrize("how", ["cancelled", "blocked"])
def test_a_job_goes_on_when_the_one_that_it_waited_for_in_the_queue_never_runs(
    flow: Flow, how: str, coalesce: bool
) -> None:
    flow.source("a", "b")
    flow.add("up", "a")
    flow.add("p", "up", "b", coalesce=False)
    flow.put("b", "1")
    flow.put("a", "1")
    made = flow.take("up")
    assert made is not None
    update(flow, "p", "b", coalesce=coalesce)
    flow.put("b", "2")
    settle(flow)
    assert flow.states("p") == ["queued", "queued"]

    if how == "blocked":
        flow.fail(made)
    else:
        jobs_of(flow).cancel(flow.jobs("p")[0].id)
    settle(flow)

    assert flow.states("p") == [how, "succeeded"]


@pytest.mark.parametrize("levels", [1, 2])
def test_a_job_that_reads_two_commits_which_will_not_be_does_with_the_last_good_ones(
    flow: Flow, levels: int
) -> None:
    flow.source("a", "b")
    flow.add("up", "a")
    flow.add("left", "up")
    flow.add("right", "up")
    names = ["up", "left", "right"]
    if levels > 1:
        flow.add("lower", "left")
        names.append("lower")
    flow.add("join", "lower" if levels > 1 else "left", "right", "b")
    flow.put("b", "b1")
    flow.put("a", "a1")
    flow.drain(*names, "join")
    flow.put("a", "a2")
    job = flow.take("up")
    assert job is not None
    flow.put("b", "b2")

    flow.fail(job)
    flow.drain(*names, "join")

    assert flow.states("join")[-2:] == ["blocked", "succeeded"]
    assert flow.output("join")["b@main"] == "b2"
    assert flow.output("join")["right@main"] == {"up@main": {"a@main": "a1"}}


def test_below_a_paused_pipeline_and_one_that_runs_no_job_sees_two_states_of_their_source(flow: Flow) -> None:
    flow.source("a", "b")
    flow.add("left", "a")
    flow.add("right", "a")
    flow.add("join", "left", "right", "b")
    flow.put("b", "b1")
    flow.put("a", "1")
    flow.drain("left", "right", "join")

    flow.pipelines.pause("left")
    flow.put("b", "b2")  # nothing speaks against this one yet
    flow.put("a", "2")
    flow.put("b", "b3")  # this one is read with the last state of `a` on which both sides agree
    flow.drain("left", "right", "join")
    held = flow.output("join")
    flow.pipelines.resume("left")
    flow.drain("left", "right", "join")

    assert held == {"left@main": {"a@main": "1"}, "right@main": {"a@main": "1"}, "b@main": "b3"}
    assert flow.output("join") == {
        "left@main": {"a@main": "2"},
        "right@main": {"a@main": "2"},
        "b@main": "b3",
    }
    assert set(flow.states("join")) <= {"succeeded", "skipped"}


def test_a_pipeline_gets_no_id_that_one_before_it_had(flow: Flow) -> None:
    flow.source("a")
    ids = []

    for _ in range(3):
        ids.append(flow.add("p", "a"))
        flow.pipelines.delete("p")

    assert len(set(ids)) == len(ids)


def test_whoever_waits_for_a_job_hears_that_it_went_with_its_pipeline(flow: Flow) -> None:
    flow.source("a")
    flow.put("a", "1")
    flow.create("p", "a")
    jobs = jobs_of(flow)
    watched = jobs.watch(jobs.newest("p").id)
    assert msgspec.structs.asdict(next(watched))["state"] == "queued"

    flow.pipelines.delete("p")

    with pytest.raises(JobNotFound):
        list(watched)
