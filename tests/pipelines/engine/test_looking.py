"""What people see before a job and of one: plans, datums, logs, inputs."""

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from headwater.pipelines import InvalidSpec, PipelineNotFound
from headwater.pipelines.code import CodeBundle
from headwater.pipelines.engine import DatumReader, preview
from headwater.pipelines.errors import AmbiguousDatum, DatumNotFound
from headwater.pipelines.inputs import InputPlanner
from headwater.pipelines.kind import DatumChange
from headwater.pipelines.spec import DatumSet, FilesInput, OutputSpec, PipelineSpec, Transform
from tests.pipelines.engine.conftest import Bench
from tests.waiting import until


@dataclass
class Loaded:
    spec: PipelineSpec
    code: CodeBundle | None = None


@pytest.fixture
def reader(bench: Bench) -> DatumReader:
    return DatumReader(bench, {bench.kind.name: bench.kind})


@pytest.fixture
def plan(bench: Bench) -> Callable[[str | Loaded], tuple[dict[str, int], list[tuple[str, str]]]]:
    def planned(what: str | Loaded) -> tuple[dict[str, int], list[tuple[str, str]]]:
        shown = preview(bench, {bench.kind.name: bench.kind}, what)
        info, rows = shown.info(), shown.rows()
        assert info.total == sum(count for reason, count in info.counts.items() if reason != "dropped")
        return {str(reason): count for reason, count in info.counts.items()}, sorted(
            (row.datum, row.reason) for row in rows
        )

    return planned


Plan = Callable[[str | Loaded], tuple[dict[str, int], list[tuple[str, str]]]]


def test_a_plan_says_what_would_run_and_why(bench: Bench, plan: Plan) -> None:
    bench.create(datum_tries=1, follow=False)
    bench.put({"a.txt": "one", "b.txt": "one", "c.txt": "poison", "d.txt": "one"})
    bench.start()
    bench.work()
    bench.put({"a.txt": "two", "d.txt": None, "e.txt": "new"})

    counts, rows = plan("out")

    assert counts == {"kept": 1, "new": 1, "input-changed": 1, "failed-before": 1, "dropped": 1}
    assert rows == [
        ("texts:/a.txt", "input-changed"),
        ("texts:/c.txt", "failed-before"),
        ("texts:/d.txt", "dropped"),
        ("texts:/e.txt", "new"),
    ]


def test_the_rows_of_a_plan_are_found_in_one_pass_as_they_are_asked_for(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.create()
    bench.put_and_work({"a.txt": "one", "b.txt": "one", "c.txt": "one"})
    bench.put({"a.txt": "two", "b.txt": "two", "c.txt": None})
    asked: list[str] = []
    changes = InputPlanner.changes

    def heard(planner: InputPlanner) -> Iterator[DatumChange]:
        for change in changes(planner):
            asked.append(change.key.hex())
            yield change

    monkeypatch.setattr(InputPlanner, "changes", heard)

    rows = preview(bench, {bench.kind.name: bench.kind}, "out").rows()

    assert asked == []
    assert (next(rows).datum, len(asked)) == ("texts:/a.txt", 1)
    assert [row.reason for row in rows] == ["input-changed", "dropped"]
    assert len(asked) == 3


def test_a_plan_of_another_version_names_the_code(bench: Bench, plan: Plan) -> None:
    bench.create()
    bench.put_and_work({"a.txt": "one"})
    bench.create("code-2")

    assert plan("out") == ({"code-changed": 1}, [("texts:/a.txt", "code-changed")])


def test_a_spec_that_is_not_created_yet_has_a_plan_too_and_leaves_nothing(bench: Bench, plan: Plan) -> None:
    bench.put({"a.txt": "one", "b.csv": "one"})
    spec = PipelineSpec(
        name="other",
        kind="transform",
        input=FilesInput("texts", "texts", glob="/*.txt"),
        output=OutputSpec("other"),
        transform=Transform(command=("true",)),
    )

    assert plan(Loaded(spec)) == ({"new": 1}, [("texts:/a.txt", "new")])

    nothing = msgspec.structs.replace(spec, input=FilesInput("texts", "texts", glob="/*.pdf"))
    info = preview(bench, {bench.kind.name: bench.kind}, Loaded(nothing)).info()
    assert (info.total, "match nothing" in info.note) == (0, True)
    with pytest.raises(PipelineNotFound):
        plan("other")


def test_a_plan_over_a_branch_without_commits_says_so(bench: Bench, plan: Plan) -> None:
    bench.create()

    with pytest.raises(InvalidSpec, match="nothing to read yet at texts@main"):
        plan("out")


def test_the_datums_of_a_job_are_those_that_ran_in_it(bench: Bench, reader: DatumReader) -> None:
    bench.create(datum_tries=1)
    bench.put_and_work({"a.txt": "one", "b.txt": "one"})
    job = bench.put_and_work({"b.txt": "two words", "c.txt": "log why poison"})

    ran = sorted(reader.datums(job.id), key=lambda one: one.label)

    assert [(one.label, one.state, one.job) for one in ran] == [
        ("texts:/b.txt", "succeeded", job.id),
        ("texts:/c.txt", "failed", job.id),
    ]
    assert (ran[0].files, ran[0].size, ran[0].stats) == (1, 1, {"process_s": 0.5})
    assert ran[1].error == "it is poisoned"
    assert [one.label for one in reader.datums(job.id, state="failed")] == ["texts:/c.txt"]
    assert len(list(reader.datums(job.id, all=True))) == 3


def test_logs_are_kept_and_searched(bench: Bench, reader: DatumReader) -> None:
    bench.create(datum_tries=1)
    job = bench.put_and_work({"a.txt": "log apple log pear", "b.txt": "log apple poison", "c.txt": "one"})

    assert sorted((one.label, one.line) for one in reader.printed(job.id).new()) == [
        ("texts:/a.txt", "apple"),
        ("texts:/a.txt", "pear"),
        ("texts:/b.txt", "apple"),
    ]
    assert [one.line for one in reader.printed(job.id, grep="pea").new()] == ["pear"]
    assert [one.label for one in reader.printed(job.id, failed=True).new()] == ["texts:/b.txt"]
    key = next(one.datum for one in reader.datums(job.id) if one.label == "texts:/a.txt")
    assert [one.line for one in reader.printed(job.id, datum=key[:16]).new()] == ["apple", "pear"]


def test_a_datum_is_found_by_the_beginning_of_its_key_with_what_it_sees(
    bench: Bench, reader: DatumReader
) -> None:
    bench.create()
    bench.put_and_work({f"{number}.txt": "one" for number in range(40)})
    job = bench.put_and_work({"a.txt": "one"})
    [ran] = reader.datums(job.id)
    kept = next(one for one in reader.datums(job.id, all=True) if one.label == "texts:/7.txt")

    assert reader.datum(job.id, ran.datum[:12]).inputs == ["texts@main:/a.txt"]
    seen = reader.seen(job.id, kept.datum)
    assert [(piece.input, [path for path, _ in piece.files]) for piece in seen.pieces] == [
        ("texts", ["7.txt"])
    ]
    with pytest.raises(DatumNotFound):
        reader.datum(job.id, "0" * 64)
    with pytest.raises(DatumNotFound):
        reader.datum(job.id, "not a key")
    with pytest.raises(AmbiguousDatum):
        reader.datum(job.id, "")


def test_a_running_job_shows_what_has_been_accepted(
    bench: Bench, reader: DatumReader, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    bench.create(datum_set=DatumSet(number=1), parallelism=1)
    bench.put({"a.txt": "log first", "b.txt": f"hold {pipe}"})
    worker = threading.Thread(target=bench.work)
    worker.start()
    assert pipe.read_text() == "holding"

    job = bench.last()
    # The second set may have begun before the coordinator has heard of the first one's end.
    shown, lines = (
        until(lambda: list(reader.datums(job.id))),
        [one.line for one in reader.printed(job.id).new()],
    )
    bench.jobs.cancel(job.id)
    worker.join()

    assert [(one.label, one.state) for one in shown] == [("texts:/a.txt", "succeeded")]
    assert lines == ["first"]
