"""What a failed job leaves: its successes, what it owes, and an error that names each datum."""

import pytest

from headwater.pipelines import JobFailed, PipelineRoots
from headwater.pipelines.engine import DatumReader
from tests.pipelines.engine.conftest import Bench


def counts(bench: Bench) -> tuple[str, int, int, int]:
    job = bench.last()
    return job.state, job.datums.run, job.datums.kept, job.datums.failed


def test_a_poisoned_datum_runs_alone_in_the_next_job(bench: Bench) -> None:
    bench.create(datum_tries=1)
    bench.put_and_work({"a.txt": "poison", "b.txt": "one", "c.txt": "two"})
    assert counts(bench) == ("failed", 2, 0, 1)
    assert not bench.repos.get("out").log().items

    bench.start()
    bench.work()
    assert counts(bench) == ("failed", 0, 2, 1)

    bench.put_and_work({"d.txt": "three"})
    assert counts(bench) == ("failed", 1, 2, 1)

    bench.put_and_work({"a.txt": "cured"})
    assert counts(bench) == ("succeeded", 1, 3, 0)
    assert bench.output() == {"a.txt": "1", "b.txt": "1", "c.txt": "1", "d.txt": "1"}


def test_a_poisoned_file_that_is_removed_owes_nothing_any_more(bench: Bench) -> None:
    bench.create(datum_tries=1)
    bench.put_and_work({"a.txt": "poison", "b.txt": "one"})

    bench.put_and_work({"a.txt": None})

    assert counts(bench) == ("succeeded", 0, 1, 0)
    assert bench.output() == {"b.txt": "1"}


def test_a_datum_that_fails_loses_its_output_of_before_only_in_the_failed_commit(bench: Bench) -> None:
    bench.create(datum_tries=1)
    bench.put_and_work({"a.txt": "one", "b.txt": "one"})

    job = bench.put_and_work({"a.txt": "poison"})

    assert job.state == "failed"
    assert bench.output() == {"a.txt": "1", "b.txt": "1"}  # the branch stays where it was
    failed = bench.repos.commit_by_id(job.commit or "")
    assert (failed.state, failed.files) == ("failed", 1)
    bench.put_and_work({"a.txt": "one"})
    assert counts(bench) == ("succeeded", 0, 2, 0)


def test_the_error_names_the_datum_its_files_and_the_end_of_its_log(bench: Bench) -> None:
    bench.create(datum_tries=1)
    bench.put({"a.txt": "log nearly log there poison", "b.txt": "one"})
    bench.work()

    with pytest.raises(JobFailed) as caught:
        bench.jobs.wait(bench.last().id)

    assert caught.value.message == "texts:/a.txt: it is poisoned"
    [detail] = caught.value.details
    assert detail["datum"] == "texts:/a.txt"
    assert detail["inputs"] == ["texts@main:/a.txt"]
    assert detail["log"] == "nearly\nthere"
    assert len(detail["key"]) == 64


def test_of_many_equal_failures_some_are_named_and_each_is_listed(bench: Bench) -> None:
    bench.create(datum_tries=1)

    job = bench.put_and_work({f"{number:02}.txt": "poison" for number in range(30)})

    assert job.datums.failed == 30
    said = "30 datums: it is poisoned, e.g. texts:/00.txt, texts:/01.txt, texts:/02.txt, …"
    assert job.error == said
    with pytest.raises(JobFailed) as caught:
        bench.jobs.wait(job.id)
    assert caught.value.message == said
    assert len(list(DatumReader(bench.coordinator._parts, {}).datums(job.id, state="failed"))) == 30  # noqa: SLF001


def test_a_recovered_datum_has_no_output_fails_nothing_and_runs_again_in_the_next_job(
    bench: Bench,
) -> None:
    bench.create(datum_tries=2)
    job = bench.put_and_work({"a.txt": "recover", "b.txt": "one"})
    assert (job.state, job.datums.run, job.datums.recovered, job.total) == ("succeeded", 1, 1, 2)
    assert bench.output() == {"b.txt": "1"}

    job = bench.put_and_work({"c.txt": "two"})

    assert (job.state, job.datums.run, job.datums.recovered, job.datums.kept) == ("succeeded", 1, 1, 1)


def test_records_say_what_each_datum_did(bench: Bench) -> None:
    bench.create(datum_tries=1)
    job = bench.put_and_work({"a.txt": "log why poison", "b.txt": "log fine", "c.txt": "many"})

    records = bench.records(job.commit)

    failed, plain, many = (records[name] for name in ("texts:/a.txt", "texts:/b.txt", "texts:/c.txt"))
    assert failed.record.error is not None
    assert (failed.record.state, failed.record.error.message) == ("failed", "it is poisoned")
    assert failed.log_place is not None
    assert bench.storage.read(failed.log_place) == b"why\n"
    assert [one.path for one in plain.record.inline] == ["b.txt"]
    assert (plain.record.job, plain.record.output, len(plain.places)) == (job.id, b"", 2)
    assert (many.record.files, many.record.inline, len(many.places)) == (21, (), 1)
    assert len(list(many.paths(bench.storage))) == 21
    meta = bench.storage.map_tree(bench.repos.commit_by_id(job.commit or "").roots.meta)
    assert all(len(entry.value) <= 4_096 for entry in meta.entries())


def test_a_job_adds_up_what_its_datums_took(bench: Bench) -> None:
    bench.create()

    job = bench.put_and_work({"a.txt": "one", "b.txt": "two"})

    assert job.stats == {"process_s": 1.0}


def test_trees_survive_a_sweep_whatever_the_records_point_to(bench: Bench) -> None:
    bench.create(datum_tries=1)
    first = bench.put_and_work({"a.txt": "log why poison", "b.txt": "one", "c.txt": "many"})
    bench.storage.pack(everything=True)

    bench.storage.sweep([bench.repos.roots, PipelineRoots()])

    assert bench.records(first.commit)["texts:/b.txt"].record.files == 1
    bench.put_and_work({"a.txt": "cured"})
    assert counts(bench) == ("succeeded", 1, 2, 0)
    assert len(bench.output()) == 23
