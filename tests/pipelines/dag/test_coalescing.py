"""Commits that come faster than pipelines run are taken together, and what belongs together still meets."""

from headwater.pipelines.dag import Wish
from tests.pipelines.dag.conftest import Flow, counted


def test_the_newest_job_covers_those_before_it_and_what_lies_behind_them(flow: Flow) -> None:
    flow.source("a")
    flow.add("first", "a")
    flow.add("second", "first")
    for number in range(5):
        flow.put("a", f"a{number}")

    ran = flow.drain("first", "second")

    assert ran == 2
    assert flow.states("second") == ["skipped"] * 4 + ["succeeded"]
    assert {row.covered_by for row in flow.jobs("second")[:4]} == {flow.jobs("second")[4].id}
    assert flow.output("second") == {"first@main": {"a@main": "a4"}}
    assert {flow.repos.commit_by_id(row.commit_id or "").state for row in flow.jobs("first")[:4]} == {
        "covered"
    }


def test_without_coalescing_every_set_runs_in_order(flow: Flow) -> None:
    flow.source("a")
    flow.add("first", "a", coalesce=False)
    flow.add("second", "first", coalesce=False)
    for number in range(3):
        flow.put("a", f"a{number}")

    ran = flow.drain("first", "second")

    assert ran == 6
    assert flow.states("second") == ["succeeded"] * 3


def test_no_side_of_a_diamond_skips_a_set_that_the_other_side_has_begun(flow: Flow) -> None:
    flow.source("a")
    flow.add("left", "a")
    flow.add("deep", "left")
    flow.add("right", "a")
    flow.add("join", "deep", "right")
    flow.put("a", "a0")
    flow.put("a", "a1")
    begun = flow.take("right")
    flow.put("a", "a2")
    assert begun is not None

    flow.run("left")
    flow.finish(begun)
    flow.run("deep")
    met = flow.run("join")

    assert met is not None
    assert met.set_id == begun.set_id
    assert flow.output("join")["right@main"] == {"a@main": "a1"}


def test_two_streams_keep_meeting_though_commits_never_stop(flow: Flow) -> None:
    flow.source("x", "y")
    flow.add("left", "x")
    flow.add("right", "y")
    flow.add("join", "left", "right")
    flow.put("x", "x")
    flow.put("y", "y")
    flow.drain("left", "right", "join")
    joined = 0

    for number in range(12):  # each side takes a job only after the other has got a newer one
        flow.put("x", f"x{number}")
        flow.put("y", f"y{number}")
        flow.run("left" if number % 2 else "right")
        flow.put("x", f"x{number}b")
        joined += flow.run("join") is not None

    assert joined >= 4


def test_a_job_with_a_branch_of_its_own_neither_covers_nor_is_covered(flow: Flow) -> None:
    flow.source("a")
    flow.add("first", "a")
    flow.put("a", "a0")
    apart = flow.request("first", Wish("request", writes=("first", "apart")))
    flow.put("a", "a1")

    ran = flow.drain("first")

    assert ran == 2
    assert {row.id: row.state for row in flow.jobs("first")}[apart or ""] == "succeeded"
    assert flow.repos.resolve("first@apart").id != flow.repos.resolve("first@main").id


def test_a_forced_job_that_is_covered_makes_the_newer_one_forced(flow: Flow) -> None:
    flow.source("a")
    flow.add("first", "a")
    flow.put("a", "a0")
    flow.request("first", Wish("request", forced=True))
    flow.put("a", "a1")

    job = flow.take("first")

    assert job is not None
    assert (job.forced, job.cause) == (True, "request")


def test_covering_many_jobs_takes_few_statements_and_listing_them_none(flow: Flow) -> None:
    flow.source("a")
    flow.add("first", "a")
    flow.add("second", "first")
    counts = []
    for many in (30, 120):
        for number in range(many):
            flow.put("a", f"a{many}-{number}")
        with counted(flow.catalog) as statements:
            flow.run("first")
        counts.append(len(statements))

    assert counts[1] <= counts[0] + 16
    assert counts[0] < 80
