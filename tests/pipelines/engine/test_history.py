"""Pipelines and history: a moved branch starts jobs, what jobs need stays, and a memo keeps nothing alive."""

import pytest

from headwater.pipelines import PipelineRoots, store
from headwater.pipelines.engine.memo import open_memo
from headwater.repos import CommitPinned, InUse
from headwater.storage import SegmentsGone
from tests.pipelines.conftest import Engine


def staged(engine: Engine) -> str:
    """Makes a pipeline that follows `main`, whose job is done, and a commit on `staging` that it has not seen."""
    engine.put(a="one two")
    engine.submit()
    engine.work()
    texts = engine.repos.get("texts")
    texts.create_branch("staging", "main")
    with texts.commit("staging") as commit:
        commit.put("/b.txt", "three")
    return commit.id


def test_a_branch_is_processed_when_it_is_moved_to_what_was_prepared_elsewhere(engine: Engine) -> None:
    prepared = staged(engine)
    jobs = len(engine.jobs.list().items)

    moved = engine.repos.get("texts").move_branch("main", "staging")

    assert moved.set is not None
    [job] = engine.jobs.of_set(moved.set)
    assert len(engine.jobs.list().items) == jobs + 1
    engine.work()
    assert engine.jobs.get(job.id).state == "succeeded"
    output = engine.repos.get("count").resolve("main")
    assert (output.id, output.set_id) == (job.commit, moved.set)
    assert [entry.id for entry in output.provenance if entry.repo == "texts"] == [prepared]
    assert "/b.txt" in engine.output()


def test_a_merge_that_moves_the_branch_starts_a_job_once(engine: Engine) -> None:
    staged(engine)
    jobs = len(engine.jobs.list().items)

    made = engine.repos.get("texts").merge("staging", "main")
    engine.repos.get("texts").merge("staging", "main")

    assert made.how == "forwarded"
    assert len(engine.jobs.list().items) == jobs + 1


def test_a_squash_starts_nothing_and_the_next_job_goes_on(engine: Engine) -> None:
    engine.put(a="one")
    engine.submit()
    engine.work()
    for text in ("one two", "one two three"):
        engine.put(a=text)
        engine.work()
    jobs = len(engine.jobs.list().items)

    for name in ("texts", "count"):
        repo = engine.repos.get(name)
        repo.squash("main", repo.log().items[-1].id)
    engine.work()
    assert len(engine.jobs.list().items) == jobs
    engine.put(b="four")
    engine.work()

    assert engine.last().state == "succeeded"
    assert set(engine.output()) >= {"/a.txt", "/b.txt"}


def test_a_repo_or_branch_that_a_pipeline_uses_is_not_deleted(engine: Engine) -> None:
    engine.put(a="one")
    engine.submit()
    engine.work()

    with pytest.raises(InUse, match="pipeline 'count' reads it"):
        engine.repos.delete("texts", force=True)
    with pytest.raises(InUse, match="pipeline 'count' writes it"):
        engine.repos.get("count").delete_branch("main")


def test_what_a_job_reads_that_has_not_ended_is_pinned(engine: Engine) -> None:
    engine.put(a="one")
    engine.submit()
    texts = engine.repos.get("texts")
    read = texts.resolve("main").id
    texts.create_branch("before", "main")
    with texts.commit("before") as commit:
        commit.put("/x.txt", "x")
    texts.move_branch("main", "before")

    with pytest.raises(CommitPinned, match="a job of pipeline 'count' reads it"):
        texts.purge(read)
    engine.work()

    assert texts.purge(read).state == "purged"


def test_after_its_output_is_given_up_a_memo_keeps_nothing_and_the_next_job_computes(engine: Engine) -> None:
    engine.put(a="one")
    engine.submit()
    engine.work()
    engine.put(a="two words")
    engine.work()
    count, roots = engine.repos.get("count"), PipelineRoots()
    with engine.catalog.read() as conn:
        assert [root.ref for root in roots.named_roots(conn)] == ["pipeline count"]

    count.purge("main^")
    with engine.catalog.read() as conn:
        assert list(roots.roots(conn)) == []
    engine.storage.sweep([engine.repos.roots, roots])
    engine.put(a="one")  # what it was when the purged output was made
    engine.work()

    assert engine.last().state == "succeeded"


def test_a_memo_that_was_given_up_meanwhile_is_not_built_on(engine: Engine) -> None:
    engine.put(a="one")
    engine.submit()
    engine.work()
    engine.put(a="two words")
    engine.work()
    with engine.catalog.read() as conn:
        pipeline = store.find_pipeline(conn, "count")
    assert pipeline is not None
    memo = open_memo(engine.catalog, engine.storage, pipeline)
    with engine.catalog.write() as conn:
        memo.check(conn, pipeline)

    engine.repos.get("count").purge("main^")

    with engine.catalog.write() as conn, pytest.raises(SegmentsGone):
        memo.check(conn, pipeline)


def test_a_sweep_with_the_roots_of_pipelines_leaves_what_they_remember(engine: Engine) -> None:
    engine.put(a="one")
    engine.submit()
    engine.work()
    engine.put(a="two words")
    engine.work()

    for _ in range(2):
        engine.storage.sweep([engine.repos.roots, PipelineRoots()])
    engine.put(a="one")
    engine.work()

    last = engine.last()
    assert (last.state, last.datums.run) == ("succeeded", 1)  # the closing datum; the other is remembered
