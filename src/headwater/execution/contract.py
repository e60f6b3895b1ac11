"""The promises of an executor as tests, for every executor to inherit.

    class TestMyExecutor(ExecutorContract):
        @pytest.fixture
        def make(self) -> MakeExecutor:
            return lambda log: MyExecutor(CALLS, environment={"OMP_NUM_THREADS": "1"}, log=log)

An executor is one when these pass. It must run at least two calls at once,
on this machine, in processes that get `OMP_NUM_THREADS` beside what they are
given anyway. `executor` and `lines` are fixtures too: an open executor and
what it heard.
"""
# ruff: noqa: D102 - these are tests: their names are their sentences, and they assert

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, TypeVar

from headwater.errors import InvalidInput
from headwater.execution.errors import CallFailed, CallLost, ExecutorClosed, NeedsUnmet
from headwater.execution.protocol import Executor, Needs, PureCall
from headwater.execution.roster import is_alive
from headwater.settings import cores

WAIT_S = 60.0
Wanted = TypeVar("Wanted", bound=BaseException)
Lines = list[tuple[str, str]]


class OpenExecutor(Executor, AbstractContextManager[Executor], Protocol):
    """An executor whose block closes it."""


MakeExecutor = Callable[[Callable[[str, str], None]], OpenExecutor]


class ExecutorContract:
    """Tests that need the fixtures `make`, `executor` and `lines`."""

    # --- results ---

    def test_a_call_returns_what_its_function_returns(self, executor: Executor) -> None:
        assert run(executor, "upper", b"abc") == b"ABC"

    def test_a_payload_may_be_large(self, executor: Executor) -> None:
        assert run(executor, "upper", b"a" * 20_000_000) == b"A" * 20_000_000

    def test_it_says_how_many_calls_run_at_once(self, executor: Executor) -> None:
        assert executor.places() >= 2

    def test_calls_run_at_once_and_processes_stay(self, executor: Executor) -> None:
        def pids() -> set[bytes]:
            futures = [executor.submit(PureCall("pid", b"")) for _ in range(20)]
            return {future.result(WAIT_S) for future in futures}

        seen = pids() | pids()

        assert len(seen) <= 2 * cores() + 2
        assert str(os.getpid()).encode() not in seen

    def test_an_unknown_call_is_refused_with_those_known(self, executor: Executor) -> None:
        error = _error(InvalidInput, lambda: executor.submit(PureCall("lower", b"")))

        assert "upper" in error.hint

    # --- failures ---

    def test_an_exception_comes_back_with_type_message_and_traceback(self, executor: Executor) -> None:
        error = _error(CallFailed, lambda: run(executor, "bug"))

        assert error.error_type == "ZeroDivisionError"
        assert error.message.startswith("ZeroDivisionError: ")
        assert "1 // 0" in error.traceback
        assert run(executor, "upper", b"on") == b"ON"

    def test_an_error_of_ours_keeps_its_kind_hint_and_details(self, executor: Executor) -> None:
        error = _error(CallFailed, lambda: run(executor, "refuse"))

        assert error.error_kind == "invalid-input"
        assert (error.message, error.hint) == ("Column 'x' is empty.", "Fill it.")
        assert error.details == [{"column": "x"}]

    def test_a_call_that_cannot_give_bytes_fails_alone(self, executor: Executor) -> None:
        wrong = {"absent": "no_such_module", "leave_politely": "SystemExit: enough", "text": "of bytes"}

        for call, says in wrong.items():
            assert says in str(_error(CallFailed, lambda call=call: run(executor, call)))  # type: ignore[misc]
        assert run(executor, "upper", b"on") == b"ON"

    def test_a_process_that_dies_loses_its_one_call_and_is_replaced(
        self, executor: Executor, tmp_path: Path
    ) -> None:
        neighbour = executor.submit(PureCall("hang", str(tmp_path / "pid").encode()))
        wait_for(tmp_path / "pid")

        killed = _error(CallLost, lambda: run(executor, "die"))
        left = _error(CallLost, lambda: run(executor, "leave"))

        assert "'die' was ended by SIGKILL" in killed.message
        assert "status 7" in left.message
        assert run(executor, "upper", b"on") == b"ON"
        assert not neighbour.done()
        executor.stop(neighbour)

    def test_a_process_killed_from_outside_loses_its_one_call(
        self, executor: Executor, tmp_path: Path
    ) -> None:
        future = executor.submit(PureCall("hang", str(tmp_path / "pid").encode()))

        os.kill(wait_for(tmp_path / "pid"), signal.SIGKILL)

        assert "'hang'" in _error(CallLost, lambda: future.result(WAIT_S)).message
        assert run(executor, "upper", b"on") == b"ON"

    # --- ending calls ---

    def test_a_call_that_is_stopped_is_lost_and_others_live(self, executor: Executor, tmp_path: Path) -> None:
        futures = [executor.submit(PureCall("hang", str(tmp_path / name).encode())) for name in "ab"]
        stopped, other = (wait_for(tmp_path / name) for name in "ab")

        executor.stop(futures[0])

        assert "was stopped" in _error(CallLost, lambda: futures[0].result(WAIT_S)).message
        wait_until_dead(stopped)
        assert is_alive(other)
        assert not futures[1].done()
        assert run(executor, "upper", b"on") == b"ON"
        executor.stop(futures[1])

    def test_what_a_stopped_call_had_started_ends_with_it(self, executor: Executor, tmp_path: Path) -> None:
        future = executor.submit(PureCall("hang_with_another", str(tmp_path / "pid").encode()))
        started = wait_for(tmp_path / "pid")

        executor.stop(future)

        _error(CallLost, lambda: future.result(WAIT_S))
        wait_until_dead(started)

    def test_a_call_that_waits_is_cancelled_by_a_stop_and_never_run(
        self, executor: Executor, tmp_path: Path
    ) -> None:
        running, waiting = fill(executor, tmp_path)

        executor.stop(waiting)

        _error(CancelledError, lambda: waiting.result(WAIT_S))
        for future in running:
            executor.stop(future)
        assert run(executor, "upper", b"on") == b"ON"
        assert not (tmp_path / "never").exists()

    def test_a_cancelled_call_is_never_run(self, executor: Executor, tmp_path: Path) -> None:
        running, waiting = fill(executor, tmp_path)

        assert waiting.cancel()

        for future in running:
            executor.stop(future)
        assert run(executor, "upper", b"on") == b"ON"
        assert not (tmp_path / "never").exists()

    def test_stopping_what_has_ended_changes_nothing(self, executor: Executor) -> None:
        future = executor.submit(PureCall("upper", b"a"))
        assert future.result(WAIT_S) == b"A"

        executor.stop(future)

        assert future.result() == b"A"
        assert run(executor, "upper", b"on") == b"ON"

    def test_calls_stopped_while_they_end_never_hurt_the_next(self, executor: Executor) -> None:
        ended = 0
        for _ in range(30):
            future = executor.submit(PureCall("upper", b"a"))
            executor.stop(future)
            after = executor.submit(PureCall("upper", b"b"))
            assert after.result(WAIT_S) == b"B"
            ended += not future.cancelled() and future.exception(WAIT_S) is None

        assert 0 <= ended <= 30

    def test_closing_ends_what_runs_and_refuses_what_waits(self, make: MakeExecutor, tmp_path: Path) -> None:
        with make(_unheard) as executor:
            running, waiting = fill(executor, tmp_path)
            pid = wait_for(tmp_path / "0")

            executor.close()

            wait_until_dead(pid)
            _error(CallLost, lambda: running[0].result(WAIT_S))
            _error(ExecutorClosed, lambda: waiting.result(WAIT_S))
            _error(ExecutorClosed, lambda: executor.submit(PureCall("upper", b"")))
            executor.close()

    # --- what a call is given ---

    def test_what_a_call_prints_is_heard_before_its_result(self, executor: Executor, lines: Lines) -> None:
        lines.clear()
        run(executor, "speak")
        heard = list(lines)

        assert sorted(heard) == [("speak", word) for word in ("four", "one", "three", "two")]
        run(executor, "upper")
        assert lines == heard

    def test_a_process_gets_no_secrets_and_little_else(self, executor: Executor) -> None:
        environment = run(executor, "environment").decode().splitlines()

        assert "OMP_NUM_THREADS=1" in environment
        assert any(line.startswith("PATH=") for line in environment)
        names = {line.partition("=")[0] for line in environment}
        assert not [name for name in names if "TOKEN" in name or "SECRET" in name or "WORKSPACE" in name]

    def test_a_process_loads_neither_the_catalog_nor_numeric_libraries(self, executor: Executor) -> None:
        modules = set(run(executor, "modules").decode().split())

        assert modules.isdisjoint({"sqlalchemy", "alembic", "numpy", "structlog", "headwater.db", "ray"})

    def test_each_call_has_a_scratch_folder_that_goes_away(self, executor: Executor) -> None:
        folder = Path(run(executor, "leak").decode())

        assert not folder.exists()

    # --- needs ---

    def test_a_call_that_says_what_it_needs_runs(self, executor: Executor) -> None:
        call = PureCall("upper", b"a", Needs(cpu=1, memory=64 * 1024**2))

        assert executor.submit(call).result(WAIT_S) == b"A"

    def test_a_call_that_needs_more_than_there_is_is_refused(self, executor: Executor) -> None:
        for needs in (Needs(cpu=10_000), Needs(memory=2**60), Needs(gpu=100)):
            call = PureCall("upper", b"", needs)
            error = _error(NeedsUnmet, lambda call=call: executor.submit(call))  # type: ignore[misc]
            assert "What is to run wants" in error.message
        assert run(executor, "upper", b"on") == b"ON"


def run(executor: Executor, call: str, payload: bytes = b"") -> bytes:
    """Returns what a call returns."""
    return executor.submit(PureCall(call, payload)).result(WAIT_S)


def wait_for(file: Path) -> int:
    """Returns the process id that a call wrote into a file when it began."""
    never, deadline_s = threading.Event(), time.monotonic() + WAIT_S
    while not file.exists() or not file.read_text(encoding="ascii"):
        assert time.monotonic() < deadline_s, f"nobody wrote {file}"
        never.wait(0.005)
    return int(file.read_text(encoding="ascii"))


def wait_until_dead(pid: int) -> None:
    """Waits for the end of a process."""
    never, deadline_s = threading.Event(), time.monotonic() + WAIT_S
    while is_alive(pid):
        assert time.monotonic() < deadline_s, f"process {pid} lives"
        never.wait(0.005)


def fill(executor: Executor, folder: Path) -> tuple[list[Future[bytes]], Future[bytes]]:
    """Gives the executor calls that never end until it takes no more; returns those, and one that waits."""
    running: list[Future[bytes]] = []
    while len(running) < 200:
        future = executor.submit(PureCall("hang", str(folder / str(len(running))).encode()))
        running.append(future)
        deadline_s = time.monotonic() + 0.2
        while not future.running() and time.monotonic() < deadline_s:
            threading.Event().wait(0.002)
        if not future.running():
            executor.stop(future)
            break
    running = [future for future in running if future.running()]
    return running, executor.submit(PureCall("hang", str(folder / "never").encode()))


def _error(kind: type[Wanted], call: Callable[[], object]) -> Wanted:
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was to be raised")


def _unheard(_: str, __: str) -> None:
    """Hears nothing."""
