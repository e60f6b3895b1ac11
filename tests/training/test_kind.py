"""When data calls for another version: what the kind `train` decides before anything runs."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from headwater.access import Keys, Signer
from headwater.clock import SystemClock
from headwater.db import Catalog
from headwater.execution import Queue
from headwater.ids import JobId, SetId
from headwater.models import Registry
from headwater.pipelines import FilesInput, JobView, OutputSpec, PipelineSpec
from headwater.repos import Commit, PathNotFound, Repos
from headwater.storage import Storage, open_store
from headwater.training import InvalidData, TrainKind, read_request
from headwater.training.kind import DATA

HEADER = "x,y\n"
ROWS = [f"{number},{number * 2}" for number in range(40)]


class Bench:
    """A repo with a data file, and the kind that looks at it."""

    def __init__(self, folder: Path) -> None:
        self.catalog = Catalog.create(f"sqlite:///{folder / 'catalog.db'}")
        storage = Storage(self.catalog, open_store("memory:"))
        self.repos = Repos(self.catalog, storage, clock=SystemClock())
        self.repos.create("d")
        signer = Signer(Keys(folder / "keys"))
        registry = Registry(self.catalog, self.repos, signer)
        self.kind = TrainKind(storage, registry, signer, Queue(self.catalog))

    def commit(self, rows: list[str], *, path: str = "/d.csv", header: str = HEADER) -> Commit:
        with self.repos.get("d").commit() as commit:
            commit.put(path, header + "\n".join(rows) + "\n")
        return self.repos.resolve("d@main")

    def job(
        self,
        commit: Commit,
        *,
        cause: str = "commit",
        after: Commit | None = None,
        ended: str = "succeeded",
        **request: Any,
    ) -> JobView:
        """Returns a job over a commit, after one over another commit that made version 3."""
        asked = {"model": "m", "data": "d@main:/d.csv", "targets": "y", "retrain": {"on": "data", "rows": 10}}
        parsed = read_request(asked | request)
        spec = PipelineSpec(
            name="models/m",
            kind="train",
            input=FilesInput(name=DATA, repo="d", glob="/d.csv"),
            output=OutputSpec(repo="models/m"),
            parameters=parsed.document(),
        )
        view = JobView(
            id=JobId("1"),
            pipeline="models/m",
            spec=spec,
            set_id=SetId("2"),
            cause=cause,  # type: ignore[arg-type]  # a word of Cause
            inputs={DATA: commit},
            views={DATA: self.repos.view(commit)},
            previous=None,
        )
        if after is None:
            return view
        attempted = dict(self.kind.due(self.job(after, cause="request", **request)).memory)
        return replace(
            view,
            attempted=attempted | {"version": 3},
            attempted_state=ended,
            attempted_inputs={DATA: after},
        )


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.catalog.close()


def test_what_was_asked_for_by_hand_runs_whatever_changed(bench: Bench) -> None:
    first = bench.commit(ROWS[:20])

    assert bench.kind.due(bench.job(first, cause="request", after=first)).run


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        (lambda rows: rows + ROWS[20:29], 9),
        (lambda rows: rows + ROWS[20:30], 10),
        (lambda rows: rows[:11], 9),
        (lambda rows: rows[:10], 10),
        (lambda rows: [f"{row}5" for row in rows[:9]] + rows[9:], 9),
        (lambda rows: [f"{row}5" for row in rows[:10]] + rows[10:], 10),
        (lambda rows: rows[10:] + ROWS[20:30], 10),
        (lambda rows: rows[::-1], 0),
        (lambda rows: [*rows, *rows[:10]], 10),
    ],
)
def test_rows_that_came_went_or_were_edited_count(
    bench: Bench, change: Callable[[list[str]], list[str]], changed: int
) -> None:
    first = bench.commit(ROWS[:20])
    second = bench.commit(change(ROWS[:20]))

    due = bench.kind.due(bench.job(second, after=first))

    assert due.run == (changed >= 10)
    assert due.run or due.note.startswith(f"{changed} row")


def test_small_commits_add_up(bench: Bench) -> None:
    first = bench.commit(ROWS[:20])

    dues = [bench.kind.due(bench.job(bench.commit(ROWS[:count]), after=first)) for count in (24, 28, 32)]

    assert [due.run for due in dues] == [False, False, True]
    assert dues[0].note == "4 rows are new or changed since version 3; 10 are needed."


def test_a_failed_attempt_is_made_again_with_the_next_commit(bench: Bench) -> None:
    first = bench.commit(ROWS[:20])
    second = bench.commit(ROWS[:21])

    assert bench.kind.due(bench.job(second, after=first, ended="failed")).run


def test_only_rows_that_the_request_is_about_count(bench: Bench) -> None:
    first = bench.commit(ROWS[:20])
    second = bench.commit(ROWS)

    due = bench.kind.due(bench.job(second, after=first, where="x < 25"))

    assert not due.run
    assert due.note.startswith("5 rows")


def test_a_commit_that_leaves_the_file_alone_calls_for_nothing(bench: Bench) -> None:
    first = bench.commit(ROWS[:20])
    second = bench.commit(ROWS, path="/other.csv")

    due = bench.kind.due(bench.job(second, after=first))

    assert (due.run, due.note) == (False, "d.csv is what version 3 was made of.")


def test_other_columns_are_other_rows(bench: Bench) -> None:
    first = bench.commit(ROWS[:20])
    second = bench.commit(ROWS[:20], header="x,z\n")

    assert bench.kind.due(bench.job(second, after=first)).run


def test_data_that_was_elsewhere_before_is_all_new(bench: Bench) -> None:
    first = bench.commit(ROWS[:20], path="/old.csv")
    second = bench.commit(ROWS[:20])
    job = bench.job(second, after=second)
    moved = replace(job, attempted=job.attempted | {"hash": "another"}, attempted_inputs={DATA: first})

    assert bench.kind.due(moved).run


def test_a_file_that_is_gone_is_named(bench: Bench) -> None:
    first = bench.commit(ROWS[:20])
    with bench.repos.get("d").commit() as commit:
        commit.delete("/d.csv")
        commit.put("/d2.csv", "x\n1\n")

    with pytest.raises(PathNotFound) as caught:
        bench.kind.due(bench.job(bench.repos.resolve("d@main"), after=first))

    assert "/d.csv" in caught.value.message


def test_a_file_that_lost_all_its_rows_is_a_mistake_and_not_a_small_change(bench: Bench) -> None:
    first = bench.commit(ROWS[:20])

    with pytest.raises(InvalidData, match=r"d\.csv"):
        bench.kind.due(bench.job(bench.commit([]), after=first))
