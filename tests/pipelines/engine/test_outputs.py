"""Outputs of datums as one tree: who owns what, what collides, and what may swap."""

import pytest

from headwater.pipelines import JobFailed
from headwater.pipelines.engine import outcome, output, runs
from tests.pipelines.engine.conftest import Bench


def failure(bench: Bench) -> JobFailed:
    with pytest.raises(JobFailed) as caught:
        bench.jobs.wait(bench.last().id)
    return caught.value


def test_two_datums_may_swap_paths_in_one_job(bench: Bench) -> None:
    bench.create()
    bench.put_and_work({"a.txt": "nothing write x", "b.txt": "nothing write y"})

    job = bench.put_and_work({"a.txt": "nothing write y", "b.txt": "nothing write x"})

    assert (job.state, job.datums.run) == ("succeeded", 2)
    assert bench.output() == {"x": "x", "y": "x"}


def test_a_path_that_moves_to_another_datum_stays(bench: Bench) -> None:
    bench.create()
    bench.put_and_work({"a.txt": "nothing write x", "b.txt": "one"})

    bench.put_and_work({"a.txt": None, "b.txt": "nothing write x"})

    assert bench.output() == {"x": "x"}


def test_two_new_datums_that_write_one_path_are_both_named(bench: Bench) -> None:
    bench.create()
    bench.put_and_work({"a.txt": "write same", "b.txt": "write same"})

    message = failure(bench).message

    assert "'texts:/a.txt' and 'texts:/b.txt' both wrote 'same'" in message or (
        "'texts:/b.txt' and 'texts:/a.txt' both wrote 'same'" in message
    )


def test_a_new_datum_that_writes_what_another_wrote_before_is_named_with_it(bench: Bench) -> None:
    bench.create()
    bench.put_and_work({"a.txt": "write same", "c.txt": "one"})

    bench.put_and_work({"b.txt": "write same"})

    assert "'texts:/a.txt' and 'texts:/b.txt' both wrote 'same'" in failure(bench).message


@pytest.mark.parametrize("first", [{"a.txt": "write f"}, {"a.txt": "write f/below"}])
def test_a_file_where_another_datum_has_a_folder_names_both(bench: Bench, first: dict[str, str]) -> None:
    bench.create()
    bench.put_and_work(first)

    other = "write f/below" if first["a.txt"] == "write f" else "write f"
    bench.put_and_work({"b.txt": other})

    message = failure(bench).message
    assert "'texts:/a.txt'" in message
    assert "'texts:/b.txt'" in message
    assert "'f/below' below it" in message


def test_a_collision_keeps_what_succeeded_and_the_next_job_starts_where_the_last_good_one_ended(
    bench: Bench,
) -> None:
    bench.create()
    bench.put_and_work({"a.txt": "write same"})
    bench.put_and_work({"b.txt": "write same", "c.txt": "one"})
    assert bench.last().state == "failed"

    job = bench.put_and_work({"b.txt": "write other"})

    assert (job.state, job.datums.run, job.datums.kept) == ("succeeded", 1, 2)  # c was remembered
    assert bench.output().keys() == {"a.txt", "b.txt", "c.txt", "same", "other"}


def test_a_folder_may_stand_where_a_file_stood(bench: Bench) -> None:
    bench.create()
    bench.put_and_work({"a.txt": "nothing write f", "b.txt": "one"})

    bench.put_and_work({"a.txt": "nothing write f/below"})

    assert bench.output() == {"b.txt": "1", "f/below": "x"}


def test_what_does_not_fit_into_memory_gives_the_same_trees(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = {f"{number:03}.txt": "one two" for number in range(120)}
    texts |= {"many.txt": "many", "f.txt": "nothing write f"}
    later: dict[str, str | None] = {f"{number:03}.txt": "one" for number in range(0, 120, 2)}
    later |= dict.fromkeys((f"{number:03}.txt" for number in range(1, 60, 2)), None)
    later["f.txt"] = "nothing write f/below"
    roots = []
    for is_small in (False, True):
        if is_small:
            monkeypatch.setattr(outcome, "_AT_ONCE", 7)
            monkeypatch.setattr(output, "_AT_ONCE", 7)
            monkeypatch.setattr(runs.Runs.__init__, "__defaults__", (5,))
        bench.create(code=f"code-{is_small}")
        bench.put(texts)
        bench.start()
        first = bench.work()
        second = bench.put_and_work(later)
        assert (first.state, second.state) == ("succeeded", "succeeded")
        found = [bench.repos.commit_by_id(job.commit or "").roots for job in (first, second)]
        roots.append([(one.output.hash, one.owner.hash) for one in found if one.output and one.owner])
        assert second.total == 92

    assert roots[0] == roots[1]


def test_the_result_is_that_of_running_everything_from_scratch(bench: Bench) -> None:
    bench.create()
    bench.put_and_work({"a.txt": "one", "b.txt": "two words", "c.txt": "many"})
    bench.put_and_work({"b.txt": None, "d.txt": "many", "a.txt": "one more"})
    bench.put_and_work({"c.txt": "now three words"})
    incremental = bench.repos.resolve("out@main").roots

    bench.start(forced=True)
    bench.work()

    whole = bench.repos.resolve("out@main").roots
    assert bench.last().datums.run == 3
    assert incremental.output is not None
    assert whole.output is not None
    assert incremental.owner is not None
    assert whole.owner is not None
    assert (whole.output.hash, whole.owner.hash) == (incremental.output.hash, incremental.owner.hash)
