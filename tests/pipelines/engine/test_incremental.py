"""What a job of a transform runs, keeps and drops, and what its trees hold afterwards."""

from tests.pipelines.engine.conftest import Bench


def counts(bench: Bench) -> tuple[int, int, int, int]:
    job = bench.last()
    return job.datums.run, job.datums.kept, job.datums.dropped, job.datums.failed


def test_one_more_file_costs_one_datum(bench: Bench) -> None:
    bench.create()
    bench.put_and_work({f"{number}.txt": "one two" for number in range(10)})
    assert counts(bench) == (10, 0, 0, 0)

    job = bench.put_and_work({"new.txt": "one two three"})

    assert (job.state, counts(bench), job.total) == ("succeeded", (1, 10, 0, 0), 11)
    assert bench.output()["new.txt"] == "3"
    assert len(bench.output()) == 11


def test_changed_and_removed_files_change_and_remove_their_outputs(bench: Bench) -> None:
    bench.create()
    bench.put_and_work({"a.txt": "one", "b.txt": "two", "c.txt": "three"})

    bench.put_and_work({"a.txt": "one more", "b.txt": None})

    assert counts(bench) == (1, 1, 1, 0)
    assert bench.output() == {"a.txt": "2", "c.txt": "1"}


def test_reverted_data_runs_nothing(bench: Bench) -> None:
    bench.create()
    bench.put_and_work({"a.txt": "one"})
    bench.put_and_work({"a.txt": "one two"})

    bench.put_and_work({"a.txt": "one"})

    assert counts(bench) == (0, 1, 0, 0)
    assert bench.output() == {"a.txt": "1"}


def test_other_code_runs_everything_and_the_old_code_again_nothing(bench: Bench) -> None:
    bench.create()
    bench.put_and_work({"a.txt": "one", "b.txt": "two"})

    bench.create("code-2")
    bench.start()
    bench.work()
    assert counts(bench) == (2, 0, 0, 0)

    bench.create("code-1")
    bench.start()
    bench.work()
    assert counts(bench) == (0, 2, 0, 0)


def test_a_forced_job_runs_everything(bench: Bench) -> None:
    bench.create()
    bench.put_and_work({"a.txt": "one", "b.txt": "two"})

    bench.start(forced=True)
    bench.work()

    assert counts(bench) == (2, 0, 0, 0)
