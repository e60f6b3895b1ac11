"""All that a commit causes is one set, there from the start, and what reads two of its commits reads both of it."""

from headwater.pipelines import store
from tests.pipelines.dag.conftest import Flow


def diamond(flow: Flow) -> None:
    flow.source("a")
    flow.add("left", "a")
    flow.add("right", "a")
    flow.add("join", "left", "right")


def test_a_commit_inserts_jobs_for_all_pipelines_below_it_in_one_set(flow: Flow) -> None:
    diamond(flow)

    set_id = flow.put("a", "one")

    with flow.catalog.read() as conn:
        jobs = store.jobs_of_set(conn, set_id)
        reads = [[one.commit_id for one in store.inputs_of(conn, job.id)] for job, _ in jobs]
    assert [name for _, name in jobs] == ["left", "right", "join"]
    assert reads[2] == [jobs[0][0].commit_id, jobs[1][0].commit_id]
    assert {commit.state for commit in flow.repos.set_commits(set_id)} == {"finished", "waiting"}
    assert flow.woken() == {"left", "right"}


def test_a_join_waits_for_both_sides_and_reads_them_of_one_set(flow: Flow) -> None:
    diamond(flow)
    flow.put("a", "one")

    flow.run("left")
    too_early = flow.take("join")
    flow.run("right")
    flow.run("join")

    assert too_early is None
    assert flow.output("join") == {"left@main": {"a@main": "one"}, "right@main": {"a@main": "one"}}
    assert "join" in flow.woken()


def test_a_branch_that_a_set_does_not_touch_is_read_at_its_newest_promised_commit(flow: Flow) -> None:
    flow.source("a", "b")
    flow.add("left", "a")
    flow.add("join", "left", "b")
    flow.put("b", "b1")
    flow.put("a", "a1")

    flow.put("b", "b2")
    ran = flow.drain("left", "join")

    assert ran == 2
    assert flow.output("join") == {"left@main": {"a@main": "a1"}, "b@main": "b2"}


def test_what_lies_below_a_paused_pipeline_gets_no_job(flow: Flow) -> None:
    diamond(flow)
    flow.add("last", "join")
    with flow.catalog.write() as conn:
        join = store.find_pipeline(conn, "join")
        assert join is not None
        store.set_state(conn, join.id, "paused")

    flow.put("a", "one")

    assert [len(flow.jobs(name)) for name in ("left", "right", "join", "last")] == [1, 1, 0, 0]


def test_a_pipeline_added_while_a_set_runs_gets_its_job_when_its_input_is_there(flow: Flow) -> None:
    flow.source("a")
    flow.add("left", "a")
    flow.put("a", "one")
    job = flow.take("left")
    assert job is not None
    flow.add("late", "left")
    flow.add("later", "late")

    flow.finish(job)
    flow.drain("late", "later")

    assert flow.output("later") == {"late@main": {"left@main": {"a@main": "one"}}}
    assert {row.set_id for name in ("late", "later") for row in flow.jobs(name)} == {job.set_id}


def test_a_pipeline_without_data_on_one_side_starts_nothing_below_it(flow: Flow) -> None:
    flow.source("a", "empty")
    flow.add("left", "a", "empty")
    flow.add("below", "left")
    flow.add("beside", "left", "a")

    flow.put("a", "one")

    assert flow.jobs("left") == flow.jobs("below") == flow.jobs("beside") == []


def test_a_wide_set_is_inserted_in_several_transactions(flow: Flow) -> None:
    flow.trigger = type(flow.trigger)(flow.queue, flow.clock, most_at_once=3)
    flow.repos._hooks = (flow.trigger,)  # noqa: SLF001 - the hook of a workspace is not to be set
    flow.source("a")
    names = [f"p{number}" for number in range(7)]
    for above, name in zip(["a", *names], names, strict=False):
        flow.add(name, above)

    flow.put("a", "one")
    counts = [sum(bool(flow.jobs(name)) for name in names)]
    flow.run("p0")  # what has ended by then is read as it is
    while claim := flow.queue.claim("worker", ["pipelines-spread"]):
        with flow.catalog.write() as conn:
            flow.trigger.go_on(conn, flow.repos, claim.task.payload)
            flow.queue.finish(conn, claim)
        counts.append(sum(bool(flow.jobs(name)) for name in names))

    assert counts == [3, 6, 7]
    assert flow.drain(*names) == 6
    assert len({row.set_id for name in names for row in flow.jobs(name)}) == 1
