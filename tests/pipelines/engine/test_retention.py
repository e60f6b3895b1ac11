"""Retention gives up what failed jobs have left, and nothing that the next job starts from."""

from tests.pipelines.engine.conftest import Bench


def keep_the_last(bench: Bench, *repos: str) -> None:
    for repo in repos:
        bench.repos.get(repo).retain(last=1)


def states(bench: Bench) -> list[str]:
    """Returns the states of the commits that the jobs of the pipeline have made, oldest first."""
    jobs = bench.jobs.list().items[::-1]
    return [bench.repos.commit_by_id(job.commit or "").state for job in jobs]


def test_the_trees_of_a_failed_job_stay_until_a_newer_job_has_left_some(bench: Bench) -> None:
    bench.create(datum_tries=1)
    bench.put_and_work({"a.txt": "poison", "b.txt": "one", "c.txt": "two"})
    keep_the_last(bench, "out", "texts")

    bench.repos.apply_retention()
    after_the_failure = states(bench)
    mended = bench.put_and_work({"a.txt": "cured"})
    bench.repos.apply_retention()

    assert after_the_failure == ["failed"]
    assert (mended.datums.run, mended.datums.kept) == (1, 2)
    assert states(bench) == ["purged", "finished"]


def test_what_the_last_job_read_stays_until_the_next_has_compared_with_it(bench: Bench) -> None:
    bench.create()
    bench.put_and_work({"a.txt": "one", "b.txt": "two"})
    keep_the_last(bench, "out", "texts")
    bench.put({"c.txt": "three"})
    first = bench.repos.resolve("texts@main^").id

    bench.repos.apply_retention()
    before = bench.repos.commit_by_id(first).state
    job = bench.work()
    bench.repos.apply_retention()

    assert before == "finished"
    assert (job.datums.run, job.datums.kept) == (1, 2)
    assert bench.repos.commit_by_id(first).state == "purged"
