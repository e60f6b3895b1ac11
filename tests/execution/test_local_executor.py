"""The pool of child processes: results, failures, deaths."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from headwater.errors import InvalidInput, Unavailable
from headwater.execution import CallFailed, CallLost, ExecutorClosed, LocalExecutor, PureCall
from headwater.execution.roster import is_alive

WAIT_S = 30


def run(executor: LocalExecutor, call: str, payload: bytes = b"") -> bytes:
    return executor.submit(PureCall(call, payload)).result(WAIT_S)


def wait_for(file: Path) -> int:
    """Returns the process id that a call wrote into a file when it began."""
    never = threading.Event()
    while not file.exists() or not file.read_text():
        never.wait(0.005)
    return int(file.read_text())


def wait_until_dead(pid: int) -> None:
    never = threading.Event()
    while is_alive(pid):
        never.wait(0.005)


def test_a_call_returns_what_its_function_returns(executor: LocalExecutor) -> None:
    assert run(executor, "upper", b"abc") == b"ABC"


def test_a_payload_may_be_large(executor: LocalExecutor) -> None:
    assert run(executor, "upper", b"a" * 20_000_000) == b"A" * 20_000_000


def test_calls_run_at_once_and_children_stay(executor: LocalExecutor) -> None:
    futures = [executor.submit(PureCall("pid", b"")) for _ in range(20)]

    pids = {future.result(WAIT_S) for future in futures}

    assert pids <= {str(pid).encode() for pid in executor.pids()}
    assert 1 <= len(pids) <= 2
    assert str(os.getpid()).encode() not in pids


def test_an_unknown_call_is_refused_with_those_known(executor: LocalExecutor) -> None:
    with pytest.raises(InvalidInput, match="upper"):
        executor.submit(PureCall("lower", b""))


def test_an_exception_comes_back_with_type_message_and_traceback(executor: LocalExecutor) -> None:
    with pytest.raises(CallFailed) as caught:
        run(executor, "bug")

    assert caught.value.error_type == "ZeroDivisionError"
    assert caught.value.message.startswith("ZeroDivisionError: ")
    assert "return 1 // 0" in caught.value.traceback
    assert run(executor, "upper", b"on") == b"ON"


def test_an_error_of_ours_keeps_its_kind_hint_and_details(executor: LocalExecutor) -> None:
    with pytest.raises(CallFailed) as caught:
        run(executor, "refuse")

    error = caught.value
    assert (error.error_kind, error.message, error.hint) == (
        "invalid-input",
        "Column 'x' is empty.",
        "Fill it.",
    )
    assert error.details == [{"column": "x"}]


@pytest.mark.parametrize(
    ("call", "says"),
    [("absent", "no_such_module"), ("exit", "SystemExit: enough"), ("text", "instead of bytes")],
)
def test_a_call_that_cannot_give_bytes_fails_alone(executor: LocalExecutor, call: str, says: str) -> None:
    with pytest.raises(CallFailed, match=says):
        run(executor, call)

    assert run(executor, "upper", b"on") == b"ON"


def test_a_child_that_dies_loses_its_one_call_and_is_replaced(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    neighbour = executor.submit(PureCall("hang", str(tmp_path / "pid").encode()))
    wait_for(tmp_path / "pid")

    with pytest.raises(CallLost, match="SIGKILL"):
        run(executor, "die")
    with pytest.raises(CallLost, match="status 7"):
        run(executor, "leave")

    assert run(executor, "upper", b"on") == b"ON"
    assert not neighbour.done()


def test_a_child_killed_from_outside_loses_its_one_call(executor: LocalExecutor, tmp_path: Path) -> None:
    future = executor.submit(PureCall("spin", str(tmp_path / "pid").encode()))

    os.kill(wait_for(tmp_path / "pid"), signal.SIGKILL)

    with pytest.raises(CallLost, match="'spin'"):
        future.result(WAIT_S)
    assert run(executor, "upper", b"on") == b"ON"


def test_closing_ends_what_runs_and_refuses_what_waits(calls: dict[str, str], tmp_path: Path) -> None:
    executor = LocalExecutor(calls, processes=1, scratch=tmp_path / "scratch")
    running = executor.submit(PureCall("spin", str(tmp_path / "pid").encode()))
    waiting = executor.submit(PureCall("upper", b""))
    pid = wait_for(tmp_path / "pid")

    executor.close()

    assert not is_alive(pid)
    with pytest.raises(CallLost):
        running.result(WAIT_S)
    with pytest.raises(ExecutorClosed):
        waiting.result(WAIT_S)
    with pytest.raises(ExecutorClosed):
        executor.submit(PureCall("upper", b""))
    assert list((tmp_path / "scratch").iterdir()) == []
    executor.close()


def test_a_cancelled_call_is_never_run(calls: dict[str, str], tmp_path: Path) -> None:
    with LocalExecutor(calls, processes=1) as executor:
        running = executor.submit(PureCall("hang", str(tmp_path / "pid").encode()))
        wait_for(tmp_path / "pid")
        waiting = executor.submit(PureCall("hang", str(tmp_path / "never").encode()))

        assert waiting.cancel()
        os.kill(executor.pids()[0], signal.SIGKILL)
        with pytest.raises(CallLost):
            running.result(WAIT_S)
        assert run(executor, "upper", b"on") == b"ON"

    assert not (tmp_path / "never").exists()


def test_what_a_call_prints_is_heard_before_its_result(
    executor: LocalExecutor, lines: list[tuple[str, str]]
) -> None:
    run(executor, "speak")
    heard = list(lines)

    assert sorted(heard) == [("speak", "four"), ("speak", "one"), ("speak", "three"), ("speak", "two")]
    run(executor, "upper")
    assert lines == heard


def test_children_get_no_secrets_and_little_else(
    calls: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADWATER_TOKEN", "hush")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")

    with LocalExecutor(calls, processes=1, environment={"OMP_NUM_THREADS": "1"}) as executor:
        environment = run(executor, "environment").decode().splitlines()

    assert "OMP_NUM_THREADS=1" in environment
    assert any(line.startswith("PATH=") for line in environment)
    assert not any("hush" in line for line in environment)


def test_children_load_neither_the_catalog_nor_numeric_libraries(executor: LocalExecutor) -> None:
    modules = set(run(executor, "modules").decode().split())

    assert modules.isdisjoint({"sqlalchemy", "alembic", "numpy", "structlog", "headwater.db"})


def test_each_call_has_a_scratch_folder_that_goes_away(executor: LocalExecutor, tmp_path: Path) -> None:
    folder = Path(run(executor, "leak").decode())
    with pytest.raises(CallLost):
        run(executor, "leak_and_die")

    assert folder.is_relative_to(tmp_path / "scratch")
    assert not folder.exists()
    assert [path.name for path in (tmp_path / "scratch").glob("*/*")] == [".lock"]


def test_warm_children_are_there_before_the_first_call(calls: dict[str, str]) -> None:
    with LocalExecutor(calls, processes=2, warm=["upper", "absent"]) as executor:
        assert run(executor, "upper", b"a") == b"A"
        never = threading.Event()
        while len(executor.pids()) < 2:
            never.wait(0.005)


ORPHANS = """
import sys, threading
from pathlib import Path
from headwater.execution import LocalExecutor, PureCall

executor = LocalExecutor({"spin": "calls_under_test:spin"}, processes=2, scratch=Path(sys.argv[2]))
for number in range(2):
    executor.submit(PureCall("spin", f"{sys.argv[1]}/{number}".encode()))
threading.Event().wait()
"""


def test_children_die_with_their_parent_and_the_next_pool_clears_up(
    calls: dict[str, str], tmp_path: Path
) -> None:
    scratch = tmp_path / "scratch"
    parent = subprocess.Popen([sys.executable, "-c", ORPHANS, str(tmp_path), str(scratch)])
    pids = [wait_for(tmp_path / str(number)) for number in range(2)]
    left = set(scratch.iterdir())

    parent.send_signal(signal.SIGKILL)
    parent.wait()

    for pid in pids:
        wait_until_dead(pid)
    with LocalExecutor(calls, processes=1, scratch=scratch):
        assert len(left) == 1
        assert left.isdisjoint(scratch.iterdir())


def test_importing_the_floor_is_cheap() -> None:
    program = "import sys, headwater.execution; print(*sys.modules)"

    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout

    assert set(loaded.split()).isdisjoint({"sqlalchemy", "msgspec", "structlog", "headwater.db"})


def test_a_call_without_a_folder_to_work_in_ends_with_what_is_wrong(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    assert run(executor, "upper", b"a") == b"A"
    shutil.rmtree(tmp_path / "scratch")

    for _ in range(3):  # more often than there are threads: none of them may be lost by it
        with pytest.raises(Unavailable, match="could not be run"):
            run(executor, "upper", b"a")
