"""What the end of one job means for those behind it."""

import msgspec

from headwater.pipelines import store
from tests.pipelines.dag.conftest import Flow


def chain(flow: Flow) -> None:
    flow.source("a", "b")
    flow.add("first", "a")
    flow.add("second", "first")
    flow.add("third", "second")


def test_a_failed_job_blocks_all_behind_it_and_each_names_it(flow: Flow) -> None:
    chain(flow)
    flow.put("a", "one")
    job = flow.take("first")
    assert job is not None

    flow.fail(job)

    blocked = [flow.jobs("second")[0], flow.jobs("third")[0]]
    assert [row.state for row in blocked] == ["blocked", "blocked"]
    assert all(job.id in msgspec.json.decode(row.error or b"")["message"] for row in blocked)
    assert [flow.repos.commit_by_id(row.commit_id or "").state for row in blocked] == ["failed", "failed"]


def test_what_is_mended_runs_again_with_all_behind_it(flow: Flow) -> None:
    chain(flow)
    flow.put("a", "bad")
    job = flow.take("first")
    assert job is not None
    flow.fail(job)

    flow.put("a", "good")
    flow.drain("first", "second", "third")

    assert flow.output("third") == {"second@main": {"first@main": {"a@main": "good"}}}


def test_a_job_of_another_set_does_with_the_last_good_commit(flow: Flow) -> None:
    flow.source("reviews", "training")
    flow.add("model", "training")
    flow.add("inference", "reviews", "model")
    flow.put("training", "t1")
    flow.put("reviews", "r1")
    flow.drain("model", "inference")
    flow.put("training", "t2")
    job = flow.take("model")
    flow.put("reviews", "r2")
    assert job is not None

    flow.fail(job)
    flow.put("reviews", "r3")
    flow.drain("inference")

    assert flow.states("inference")[-3:] == ["blocked", "skipped", "succeeded"]
    assert flow.output("inference") == {"reviews@main": "r3", "model@main": {"training@main": "t1"}}


def test_a_job_that_would_see_one_source_in_two_states_is_blocked_instead(flow: Flow) -> None:
    flow.source("a", "b")
    flow.add("left", "a")
    flow.add("right", "a")
    flow.add("join", "left", "right", "b")
    flow.put("b", "b1")
    flow.put("a", "a1")
    flow.drain("left", "right", "join")
    flow.put("a", "a2")
    flow.run("left")
    job = flow.take("right")
    flow.put("b", "b2")
    assert job is not None

    flow.fail(job)
    flow.put("b", "b3")

    assert flow.states("join")[-3:] == ["blocked", "blocked", "blocked"]
    assert flow.drain("left", "right", "join") == 0
    assert flow.request("right") is not None
    assert flow.drain("left", "right", "join") == 2
    assert flow.output("join") == {
        "left@main": {"a@main": "a2"},
        "right@main": {"a@main": "a2"},
        "b@main": "b3",
    }


def test_a_cancelled_job_blocks_those_behind_it(flow: Flow) -> None:
    chain(flow)
    flow.put("a", "one")
    job = flow.take("first")
    assert job is not None

    flow.fail(job, "cancelled")

    [row] = flow.jobs("third")
    assert "was cancelled" in msgspec.json.decode(row.error or b"")["message"]


def test_behind_a_job_that_was_not_due_what_was_there_before_is_read(flow: Flow) -> None:
    chain(flow)
    flow.put("a", "one")
    flow.drain("first", "second", "third")
    flow.put("a", "two")
    job = flow.take("first")
    assert job is not None

    flow.skip(job)
    flow.drain("second", "third")

    assert flow.output("third") == {"second@main": {"first@main": {"a@main": "one"}}}
    assert flow.states("third") == ["succeeded", "succeeded"]


def test_behind_a_job_that_was_not_due_and_never_was_nothing_runs(flow: Flow) -> None:
    chain(flow)
    flow.put("a", "one")
    job = flow.take("first")
    assert job is not None

    flow.skip(job)

    assert (flow.states("second"), flow.states("third")) == (["skipped"], ["skipped"])
    assert flow.repos.commit_by_id(flow.jobs("third")[0].commit_id or "").state == "covered"


def test_what_is_only_being_copied_out_keeps_nobody_waiting_and_blocks_nobody(flow: Flow) -> None:
    chain(flow)
    flow.put("a", "one")
    job = flow.take("first")
    assert job is not None
    flow.finish(job)
    with flow.catalog.write() as conn:
        store.change_job(conn, job.id, state="finishing")

    flow.put("b", "beside")
    flow.run("second")
    with flow.catalog.write() as conn:
        flow.end(conn, job, "failed")
    flow.run("third")

    assert flow.output("third") == {"second@main": {"first@main": {"a@main": "one"}}}
