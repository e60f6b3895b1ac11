"""What the next job starts from stays, or is done without, when retention and purges give commits up."""

import pytest

from headwater.pipelines.spec import CrossInput, FilesInput
from tests.pipelines.engine.conftest import Bench


@pytest.mark.parametrize("before", [{}, {"a.txt": "one"}])
def test_after_a_failure_and_retention_only_what_failed_runs(bench: Bench, before: dict[str, str]) -> None:
    bench.create()
    if before:
        bench.put_and_work(before)
    bench.put_and_work({"b.txt": "poison", "c.txt": "two two"})
    bench.repos.get("out").retain(last=1)

    bench.repos.apply_retention()
    job = bench.put_and_work({"b.txt": "two two"})

    assert (job.state, job.datums.run, job.datums.kept) == ("succeeded", 1, 1 + len(before))


def test_where_the_newest_attempt_was_purged_the_one_before_it_serves(bench: Bench) -> None:
    bench.create()
    bench.put_and_work({"a.txt": "one"})
    failed = bench.put_and_work({"b.txt": "poison", "c.txt": "two two"})
    bench.repos.get("out").purge(failed.commit or "", force=True)

    job = bench.put_and_work({"b.txt": "two two"})

    assert (job.state, job.datums.run, job.datums.kept) == ("succeeded", 2, 1)
    assert bench.output() == {"a.txt": "1", "b.txt": "2", "c.txt": "2"}


def test_a_commit_that_an_input_names_is_kept(bench: Bench) -> None:
    bench.repos.create("more")
    bench.put({"a.txt": "one"})
    named = FilesInput("texts", "texts", glob="/*", commit=bench.repos.resolve("texts@main").id)
    bench.create(input=CrossInput((named, FilesInput("more", "more", glob="/*"))))
    bench.put({"a.txt": "two two"})
    bench.repos.get("texts").retain(last=1)

    bench.repos.apply_retention()
    bench.put({"m.txt": "one"}, "more")
    job = bench.work()

    assert (job.state, bench.output()) == ("succeeded", {"a.txt": "2"})


def test_a_failed_attempt_is_given_up_once_another_one_has_trees(bench: Bench) -> None:
    bench.create()
    failed = bench.put_and_work({"b.txt": "poison"})
    bench.put_and_work({"b.txt": "two two"})
    bench.repos.get("out").retain(last=1)

    bench.repos.apply_retention()

    assert bench.repos.commit_by_id(failed.commit or "").purge is not None
