"""What is remembered beside a commit's own trees, and when it is forgotten."""

import pytest

from headwater.pipelines import PipelineRoots, store
from headwater.pipelines.engine import memo
from headwater.pipelines.engine import store as rows
from headwater.pipelines.engine.memo import Memo, open_memo
from tests.pipelines.engine.conftest import Bench


def memo_of(bench: Bench) -> Memo:
    with bench.catalog.read() as conn:
        pipeline = store.find_pipeline(conn, "out")
    assert pipeline is not None
    return open_memo(bench.catalog, bench.storage, pipeline)


def test_a_memo_that_has_grown_enough_becomes_the_older_one(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        memo.Memo.__init__, "__kwdefaults__", {"entries": 4, "size": 1 << 30, "age_ms": 1 << 40}
    )
    bench.create()
    bench.put_and_work({f"{number}.txt": "one" for number in range(4)})
    assert (memo_of(bench).young.count, memo_of(bench).older.count) == (4, 0)

    bench.put_and_work({"4.txt": "one"})

    assert (memo_of(bench).young.count, memo_of(bench).older.count) == (1, 4)


def test_what_is_used_again_outlives_the_rest(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        memo.Memo.__init__, "__kwdefaults__", {"entries": 2, "size": 1 << 30, "age_ms": 1 << 40}
    )
    bench.create()
    bench.put_and_work({"a.txt": "one", "b.txt": "one"})
    bench.put_and_work({"a.txt": None, "b.txt": None})  # both go into the memo once more
    for number in range(3):  # a is needed each time, b never
        bench.put_and_work({"a.txt": "one", "n.txt": f"{number}"})
        assert bench.last().datums.run == 1
        bench.put_and_work({"a.txt": None, "n.txt": None})

    bench.put_and_work({"a.txt": "one"})
    assert bench.last().datums.run == 0
    bench.put_and_work({"b.txt": "one"})
    assert bench.last().datums.run == 1


def test_both_generations_are_kept_by_a_sweep_and_forgotten_by_a_purge(bench: Bench) -> None:
    bench.create()
    bench.put_and_work({"a.txt": "one"})
    with bench.catalog.write() as conn:
        pipeline = store.find_pipeline(conn, "out")
        assert pipeline is not None
        now = rows.memo_of(conn, pipeline)
        rows.set_memo(conn, pipeline, rows.MemoRow(None, now.root, 0, now.turned_ms))
    bench.storage.pack(everything=True)
    bench.storage.sweep([PipelineRoots()])
    assert list(memo_of(bench).older.entries())

    from headwater.pipelines import PipelineBonds

    commit = bench.repos.resolve("out@main")
    with bench.catalog.write() as conn:
        PipelineBonds().forget(conn, [commit])

    assert (memo_of(bench).young.root, memo_of(bench).older.root) == (None, None)


def test_nothing_is_remembered_of_a_pipeline_that_runs_everything_in_every_job(bench: Bench) -> None:
    bench.create(reprocess="every_job")
    bench.put_and_work({"a.txt": "one"})

    bench.put_and_work({"b.txt": "one"})

    assert (bench.last().datums.run, bench.last().datums.kept) == (2, 0)
    assert memo_of(bench).young.root is None


def test_until_success_code_is_not_asked(bench: Bench) -> None:
    bench.create(reprocess="until_success")
    bench.put_and_work({"a.txt": "one", "b.txt": "one"})

    bench.create("code-2", reprocess="until_success")
    bench.put_and_work({"b.txt": "two words"})

    assert (bench.last().datums.run, bench.last().datums.kept) == (1, 1)
