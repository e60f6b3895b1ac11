"""What a job reads that somebody asks for while one way from a source lags behind another."""

import pytest

from headwater.pipelines.errors import InvalidRun, JobHeldUp
from headwater.pipelines.jobs import Jobs
from headwater.pipelines.spec import LoadedSpec
from tests.pipelines.dag.conftest import Flow, counted, spec_over


@pytest.fixture
def lagging(flow: Flow) -> Flow:
    """Has `right` paused at the first state of `a`, while `left` has seen others."""
    flow.source("a", "z")
    flow.put("a", "a1")
    flow.put("z", "z1")
    for name, inputs in {"left": ["a"], "right": ["a"], "join": ["left", "right"]}.items():
        flow.create(name, *inputs)
    flow.drain("left", "right", "join")
    flow.pipelines.pause("right")
    return flow


def seen(state: str) -> dict[str, object]:
    return {"left@main": {"a@main": state}, "right@main": {"a@main": state}}


def test_a_rerun_below_a_paused_pipeline_reads_both_sides_at_what_they_were_when_they_last_agreed(
    lagging: Flow,
) -> None:
    lagging.put("a", "a2")
    lagging.drain("left", "right", "join")

    lagging.pipelines.rerun("join")
    lagging.drain("join")

    assert lagging.output("join") == seen("a1")
    lagging.pipelines.resume("right")
    lagging.drain("left", "right", "join")
    assert lagging.output("join") == seen("a2")


def test_what_is_below_a_rerun_reads_the_same_states_as_the_rerun(lagging: Flow) -> None:
    lagging.create("last", "join", "left")
    lagging.put("a", "a2")
    lagging.drain("left", "join", "last")

    lagging.pipelines.rerun("join")
    lagging.drain("join", "last")

    assert lagging.output("last") == {"join@main": seen("a1"), "left@main": {"a@main": "a1"}}


def test_an_update_that_joins_branches_which_never_met_goes_back_in_steps_that_grow_with_the_logarithm(
    lagging: Flow,
) -> None:
    counts = []
    for many in (8, 64):
        for number in range(many):
            lagging.put("a", f"{many} {number}")
            lagging.run("left")
        spec = spec_over("join", "left", "right", "z", description=f"after {many}")
        with counted(lagging.catalog) as statements:
            lagging.pipelines.update(LoadedSpec(spec))
        counts.append(len(statements))
        lagging.drain("join")

        assert lagging.output("join") == seen("a1") | {"z@main": "z1"}
    assert counts[1] <= counts[0] + 60


def test_a_commit_beside_those_that_do_not_agree_is_read_with_what_agrees(lagging: Flow) -> None:
    lagging.pipelines.update(LoadedSpec(spec_over("join", "left", "right", "z")))
    lagging.put("a", "a2")
    lagging.drain("left", "join")

    lagging.put("z", "z2")
    lagging.drain("join")

    assert lagging.output("join") == seen("a1") | {"z@main": "z2"}


def test_where_no_commits_agree_a_rerun_is_refused_and_a_new_pipeline_waits(lagging: Flow) -> None:
    lagging.put("a", "a2")
    lagging.create("late", "a")
    lagging.run("late")

    info = lagging.create("both", "late", "right")
    with pytest.raises(InvalidRun, match="never reads two states") as caught:
        lagging.pipelines.rerun("both")
    lagging.pipelines.resume("right")
    lagging.drain("right", "both")

    assert info.last_job is None
    assert "headwater pipeline resume right" in caught.value.hint
    assert lagging.output("both") == {"late@main": {"a@main": "a2"}, "right@main": {"a@main": "a2"}}


def test_a_job_whose_inputs_were_taken_together_otherwise_is_passed_over(flow: Flow) -> None:
    flow.source("a")
    flow.put("a", "a1")
    flow.create("left", "a")
    flow.create("right", "a", coalesce=False)
    flow.create("join", "left", "right")
    flow.drain("left", "right", "join")
    flow.put("a", "a2")
    flow.pipelines.pause("right")
    flow.put("a", "a3")
    flow.drain("left", "join")  # the second state of `left` is never made

    flow.pipelines.resume("right")
    flow.run("right")
    flow.drain("join")
    between = flow.output("join")
    flow.drain("right", "join")

    assert between == seen("a1")
    assert flow.output("join") == seen("a3")


def test_a_head_on_whose_branch_nothing_was_due_stands_beside_newer_data(flow: Flow) -> None:
    flow.source("data")
    flow.put("data", "d1")
    flow.create("model", "data")
    flow.create("predictions", "data", "model")
    flow.drain("model", "predictions")
    flow.put("data", "d2")
    job = flow.take("model")
    assert job is not None
    flow.skip(job)
    flow.drain("predictions")

    flow.pipelines.rerun("predictions")
    flow.drain("predictions")

    assert flow.states("predictions") == ["succeeded"] * 3
    assert flow.output("predictions") == {"data@main": "d2", "model@main": {"data@main": "d1"}}


def test_waiting_for_a_job_behind_a_paused_pipeline_ends_and_names_it(flow: Flow) -> None:
    flow.source("a")
    flow.add("first", "a")
    flow.add("second", "first")
    set_id = flow.put("a", "one")
    flow.pipelines.pause("first")
    jobs = Jobs(flow.catalog, flow.repos, flow.clock)

    with pytest.raises(JobHeldUp, match="waits for 'first', which is paused") as caught:
        jobs.wait("second")
    held = jobs.of_set(set_id)
    flow.pipelines.resume("first")
    flow.drain("first", "second")

    assert "headwater pipeline resume first" in caught.value.hint
    assert [one.note for one in held] == ["Waits: the pipeline 'first' is paused."] * 2
    assert jobs.wait("second").state == "succeeded"


def test_waiting_for_a_commit_names_the_paused_pipelines_that_it_would_have_started(flow: Flow) -> None:
    flow.source("a")
    flow.add("first", "a")
    flow.add("second", "a")
    flow.pipelines.pause("second")
    set_id = flow.put("a", "one")
    flow.drain("first")

    ended = Jobs(flow.catalog, flow.repos, flow.clock).wait(set_id)

    assert (ended.state, ended.held_by) == ("succeeded", ["second"])
