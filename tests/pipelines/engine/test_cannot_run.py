"""Errors that hold for every datum end their job: at once, or after a few pauses where they may pass."""

from pathlib import Path

import pytest

from headwater.pipelines import JobFailed
from headwater.pipelines.engine import tries
from headwater.pipelines.runtime import CALLS
from headwater.pipelines.sets import CallError
from headwater.pipelines.spec import DatumSet, Transform
from tests.pipelines.engine.conftest import Bench, open_bench
from tests.pipelines.engine.test_sets import Watched


@pytest.fixture
def watched(bench: Bench) -> Watched:
    bench.executor = watched = Watched(bench)
    bench.create(datum_set=DatumSet(number=1), datum_tries=3, parallelism=1)
    return watched


@pytest.fixture
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tries, "_PAUSES_S", (0.01, 0.02))


def failure(bench: Bench) -> JobFailed:
    with pytest.raises(JobFailed) as caught:
        bench.jobs.wait(bench.last().id)
    return caught.value


def test_the_first_one_ends_the_job_and_successes_before_it_are_kept(bench: Bench, watched: Watched) -> None:
    bench.put({"good.txt": "one"} | {f"{number}.txt": "log trace unable job" for number in range(30)})

    job = bench.work()

    before = len(watched.sets) - 1  # in the order of the plan, which is not that of names
    assert (job.state, job.datums.run, job.datums.failed) == ("failed", before, 0)
    assert before <= 1
    told = failure(bench)
    assert told.message == "No datum can run: there is no such program."
    assert told.hint.startswith("Mend it.\n")
    assert (told.details[0]["kind"], told.details[0]["log"]) == ("command-not-found", "trace\n")
    job = bench.put_and_work({f"{number}.txt": "one" for number in range(30)})
    assert (job.state, job.datums.run, job.datums.kept) == ("succeeded", 31 - before, before)


@pytest.mark.usefixtures("_no_pauses")
def test_what_may_pass_is_waited_for_and_costs_no_datum_a_try(
    bench: Bench, watched: Watched, tmp_path: Path
) -> None:
    bench.create(datum_set=DatumSet(number=1), datum_tries=1)

    job = bench.put_and_work({"a.txt": f"unable-once {tmp_path / 'asked'}", "b.txt": "one"})

    assert (job.state, job.datums.run) == ("succeeded", 2)
    assert len(watched.sets) == 3


@pytest.mark.usefixtures("_no_pauses")
def test_what_does_not_pass_is_tried_a_few_times_for_the_job_and_not_for_each_datum(
    bench: Bench, watched: Watched
) -> None:
    bench.put({f"{number}.txt": "unable job-for-now" for number in range(30)})

    job = bench.work()

    assert (job.state, len(watched.sets)) == ("failed", 3)
    assert failure(bench).message == "No datum can run: there is no such program."


def test_errors_of_the_same_moment_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tries, "_PAUSES_S", (1_000.0, 2_000.0))
    error = CallError("image-unavailable", "no answer", "", [], scope="job-for-now")
    heard = tries.Setbacks()

    ended = [heard.take(error, b"", begun_s=0.0) for _ in range(10)]

    assert ended == [None] * 10
    assert 0 < heard.pause_s <= 1_000


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("transform", "says"),
    [
        (Transform(command=("no-such-program",)), "The command 'no-such-program' is not found."),
        (Transform(function="absent:f"), "there is no module 'absent' in the stored code"),
    ],
)
def test_with_users_code_that_is_not_there_nothing_is_tried_twice(
    tmp_path: Path, catalog_url: str, transform: Transform, says: str
) -> None:
    with open_bench(tmp_path, catalog_url, calls=CALLS) as bench:
        bench.executor = watched = Watched(bench)
        bench.create(transform=transform, parallelism=1)

        job = bench.put_and_work({f"{number}.txt": "one" for number in range(10)})

        assert (job.state, job.datums.failed, len(watched.sets)) == ("failed", 0, 1)
        assert says in failure(bench).message
