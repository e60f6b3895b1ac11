"""Results that are remembered: which datum they are of, how long they stay, and where their inputs lie."""

import sqlalchemy as sa

from headwater.ids import random_id
from headwater.pipelines import PipelineRoots, store
from headwater.pipelines.spec import CrossInput, FilesInput, GroupInput, OutputSpec
from headwater.pipelines.tables import memos
from headwater.storage import Storage, open_store
from tests.pipelines.engine.conftest import Bench

TEXTS = FilesInput("texts", "texts", glob="/*")
MODELS = FilesInput("models", "models", glob="/*", reference=True)


def test_two_files_of_a_reference_are_two_datums_with_a_result_each(bench: Bench) -> None:
    bench.repos.create("models")
    bench.put({"a.txt": "one"})
    bench.put({"m1": "nothing write by-m1"}, "models")
    bench.create(input=CrossInput((TEXTS, MODELS)))
    bench.start()
    bench.work()

    bench.put({"m2": "nothing write by-m2"}, "models")
    job = bench.work()

    assert (job.state, job.datums.run, job.datums.kept) == ("succeeded", 1, 1)
    assert set(bench.output()) == {"by-m1", "by-m2"}


def test_what_a_reference_holds_still_recomputes_nothing(bench: Bench) -> None:
    bench.repos.create("models")
    bench.put({"a.txt": "one"})
    bench.put({"m1": "two"}, "models")
    bench.create(input=CrossInput((TEXTS, MODELS)))
    bench.start()
    bench.work()

    bench.put({"m1": "two three"}, "models")
    job = bench.work()

    assert (job.state, job.datums.run, job.datums.kept) == ("succeeded", 0, 1)


def test_groups_of_references_alone_do_not_share_a_result(bench: Bench) -> None:
    bench.put({"a-1": "nothing write A", "b-1": "nothing write B"})
    member = FilesInput("texts", "texts", glob="/(*)-*", group_by="$1", reference=True)
    bench.create(input=GroupInput((member,)))
    bench.start()
    bench.work()

    job = bench.put_and_work({"c-1": "nothing write C"})

    assert (job.state, job.datums.run) == ("succeeded", 1)
    assert set(bench.output()) == {"A", "B", "C"}


def test_what_was_known_under_another_salt_is_not_kept(bench: Bench) -> None:
    bench.create()
    bench.put_and_work({"a.txt": "one"})

    for _ in range(2):
        with bench.catalog.write() as conn:
            row = store.find_pipeline(conn, "out")
            assert row is not None
            store.set_salt(conn, row.id, random_id())
        bench.start()
        assert bench.work().datums.run == 1

    with bench.catalog.read() as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(memos)).scalar() == 1


def test_a_memo_keeps_nothing_of_a_repo_that_its_pipeline_wrote_before(bench: Bench) -> None:
    bench.create()
    bench.put_and_work({"a.txt": "one", "b.txt": "two two"})
    bench.create(output=OutputSpec(repo="other"))
    bench.start()
    bench.work()

    bench.repos.delete("out", force=True)

    with bench.catalog.read() as conn:
        assert conn.execute(sa.select(memos.c.root, memos.c.older)).all() == [(None, None)]


def test_a_file_that_another_process_has_moved_within_the_store_is_found_by_a_datum(reading: Bench) -> None:
    reading.put({f"{number}.txt": "one" for number in range(5)})
    first = reading.repos.resolve("texts@main")
    reading.storage.pack(everything=True)
    reading.create()
    reading.start()
    reading.work()  # this process knows by now where the files lie
    reading.put_and_work({"0.txt": None})
    reading.repos.get("texts").purge(first.id, force=True)
    elsewhere = Storage(reading.catalog, open_store(reading.storage.objects_url), clock=reading.clock)
    assert elsewhere.sweep([PipelineRoots(), reading.repos.roots]).erased

    reading.start(forced=True)
    job = reading.work()

    assert (job.state, job.error, job.datums.run) == ("succeeded", None, 4)
