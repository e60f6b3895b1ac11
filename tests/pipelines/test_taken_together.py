"""Which jobs one run does for, and under which version of the spec each runs."""

from headwater.pipelines import Due, JobView, OutputSpec
from tests.pipelines.conftest import Engine


def only_requests(job: JobView) -> Due:
    return Due(run=job.cause == "request", note="not due")


def test_a_request_is_not_lost_in_a_newer_commit_that_alone_would_not_be_due(engine: Engine) -> None:
    engine.kind.due = only_requests  # type: ignore[method-assign]
    engine.put(a="one")
    request = engine.submit()
    engine.put(b="two")

    engine.work()

    ended = engine.jobs.wait(request.id)
    assert (ended.state, ended.id) == ("succeeded", engine.last().id)
    assert engine.output()["/total.txt"] == "2"


def test_requests_under_different_specs_are_both_carried_out(engine: Engine) -> None:
    engine.put(a="one")
    first = engine.submit(parameters={"depth": 1}, reprocess="every_job")
    second = engine.submit(parameters={"depth": 2}, reprocess="every_job")

    engine.work()

    assert [engine.jobs.get(job.id).state for job in (first, second)] == ["succeeded", "succeeded"]
    assert [commit.id for commit in engine.repos.get("count").log().items] == [second.commit, first.commit]


def test_commits_under_an_older_spec_are_covered_by_the_request_that_replaced_it(engine: Engine) -> None:
    engine.put(a="one")
    engine.submit()
    engine.work()
    engine.put(a="two")
    commit = engine.last()

    request = engine.submit(parameters={"depth": 2})
    engine.work()

    assert engine.jobs.get(commit.id).state == "skipped"
    assert engine.jobs.wait(commit.id).id == request.id


def test_a_job_writes_where_its_own_spec_says_though_the_pipeline_writes_elsewhere_by_now(
    engine: Engine,
) -> None:
    engine.put(a="one")
    engine.submit()
    engine.work()
    engine.put(a="one two")
    old = engine.submit()
    new = engine.submit(output=OutputSpec(repo="elsewhere"))

    engine.work()

    assert engine.repos.resolve("count@main").id == old.commit
    assert engine.repos.resolve("elsewhere@main").id == new.commit
    assert engine.output()["/total.txt"] == "2"
    assert engine.repos.get("elsewhere").at("main").read("/total.txt") == b"2"


def test_a_covered_job_leaves_a_covered_commit_and_no_version(engine: Engine) -> None:
    engine.put(a="one")
    covered = engine.submit()
    engine.put(b="two")

    engine.work()

    assert covered.commit is not None
    assert engine.repos.commit_by_id(covered.commit).state == "covered"
    assert len(engine.repos.get("count").log().items) == 1
    assert len(engine.kind.finished_commits) == 1
