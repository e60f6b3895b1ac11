"""Lines of datums that take their time are there while they run: once each, without secrets, and nothing stays."""

import os
import signal
import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from headwater.execution import LocalExecutor
from headwater.pipelines.engine import DatumReader
from headwater.pipelines.engine.live import LiveLogs, Seen
from headwater.pipelines.spec import DatumSet
from headwater.workspace.handlers import calls
from tests.pipelines.costs.counting import counted
from tests.pipelines.engine.conftest import Bench
from tests.pipelines.talking import TOKEN, Talk, talking
from tests.waiting import until


@pytest.fixture(scope="module")
def executor() -> Iterator[LocalExecutor]:
    with LocalExecutor(calls(), 1) as found:
        yield found


@pytest.mark.parametrize("kind", ["function", "command"])
def test_lines_come_while_the_datum_runs_and_none_comes_twice(
    tmp_path: Path, executor: LocalExecutor, kind: str
) -> None:
    with talking(tmp_path / "workspace", executor, kind) as talk:
        lines = talk.jobs.logs(talk.job, follow=True)
        first = next(lines)
        shown = talk.shown()
        [datum] = talk.jobs.datums(talk.job, state="running")
        talk.open_gate()
        more = list(islice(lines, 2))
        now = [(one.line, one.running) for one in talk.jobs.logs(talk.job)]
        talk.open_gate()
        last = list(lines)
        after = list(talk.jobs.logs(talk.job))

    assert (first.line, first.running, datum.label, datum.datum) == ("first", True, first.label, first.datum)
    assert [(one.line, one.running) for one in more] == [("***", True), ("second", True)]
    assert now == [("first", True), ("***", True), ("second", True)]
    assert [one.line for one in last] == ["last"]
    assert [(one.line, one.running) for one in after] == [
        ("first", False),
        ("***", False),
        ("second", False),
        ("last", False),
    ]
    assert not [one for one in shown if TOKEN[:6].encode() in one]
    assert talk.shown() == []


def _kill(talk: Talk, executor: LocalExecutor) -> None:
    [child] = executor.pids()
    os.kill(child, signal.SIGKILL)


def test_what_killed_processes_have_shown_goes_with_the_job(tmp_path: Path, executor: LocalExecutor) -> None:
    with talking(tmp_path / "workspace", executor, "command") as talk:
        tries = talk.jobs.logs(talk.job, follow=True)
        assert next(tries).line == "first"
        until(lambda: len(talk.shown()) == 1, "what was shown before to go")
        _kill(talk, executor)
        assert next(tries).line == "first"  # of the next try
        until(lambda: len(talk.shown()) == 2, "one object of each try")
        [datum] = talk.jobs.datums(talk.job)
        talk.workspace.jobs.cancel(talk.job)
        talk.worker.join()

        assert list(tries) == []
        assert (datum.state, talk.shown()) == ("running", [])


def test_following_a_job_costs_what_is_new(bench: Bench, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    count = 20
    bench.create(datum_set=DatumSet(number=1), parallelism=1)
    bench.put({f"{number:02}.txt": f"log {number}" for number in range(count)} | {"z.txt": f"gate {pipe}"})
    worker = threading.Thread(target=bench.work)
    worker.start()
    job = until(lambda: bench.last() if bench.last().datums.run >= count else None)
    printed = DatumReader(bench, {bench.kind.name: bench.kind}).printed(job.id, follow=True)

    with counted(bench.storage) as all:
        first = [one.line for one in printed.new()]
    with counted(bench.storage) as again:
        second = list(printed.new())
    pipe.write_text("go")
    worker.join()
    with counted(bench.storage) as last:
        third = list(printed.new())

    assert (sorted(map(int, first)), second, third, printed.has_ended) == (list(range(count)), [], [], True)
    assert all.rows >= count
    assert (
        max(again.rows, again.statements) < count // 2
    )  # those of the coordinator among them, which looks now and then
    assert last.reads <= 2  # of the tree; no log that was told is read again


def test_who_reads_logs_while_the_job_ends_is_told_all_of_them(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ending(_: LiveLogs) -> dict[bytes, Seen]:
        pipe.write_text("go")
        worker.join()
        return {}

    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    bench.create(datum_set=DatumSet(number=1))
    bench.put({"a.txt": "log said", "z.txt": f"gate {pipe}"})
    worker = threading.Thread(target=bench.work)
    worker.start()
    job = until(lambda: bench.last() if bench.last().datums.run == 1 else None)
    monkeypatch.setattr(LiveLogs, "look", ending)

    lines = list(DatumReader(bench, {bench.kind.name: bench.kind}).printed(job.id).new())

    assert [one.line for one in lines] == ["said"]
