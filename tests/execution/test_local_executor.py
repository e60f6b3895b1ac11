"""The pool of child processes: the contract of executors, and what is the pool's own."""

import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from headwater.errors import Unavailable
from headwater.execution import CallLost, LocalExecutor, Needs, PureCall
from headwater.execution.capacity import Machine
from headwater.execution.contract import WAIT_S, ExecutorContract, run, wait_for, wait_until_dead
from headwater.execution.contract_calls import CALLS


class TestLocal(ExecutorContract):
    pass


def test_calls_run_on_as_many_processes_as_were_asked_for(executor: LocalExecutor) -> None:
    futures = [executor.submit(PureCall("pid", b"")) for _ in range(20)]

    pids = {future.result(WAIT_S) for future in futures}

    assert pids <= {str(pid).encode() for pid in executor.pids()}
    assert 1 <= len(pids) <= 2


def test_children_get_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_TOKEN", "hush")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")

    with LocalExecutor(CALLS, processes=1) as executor:
        environment = run(executor, "environment").decode()

    assert "hush" not in environment


def test_a_call_that_is_lost_leaves_nothing_in_the_scratch_folder(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    folder = Path(run(executor, "leak").decode())
    with pytest.raises(CallLost):
        run(executor, "die")

    assert folder.is_relative_to(tmp_path / "scratch")
    assert [path.name for path in (tmp_path / "scratch").glob("*/*")] == [".lock"]
    executor.close()
    assert list((tmp_path / "scratch").iterdir()) == []


def test_warm_children_are_there_before_the_first_call() -> None:
    with LocalExecutor(CALLS, processes=2, warm=["upper", "absent"]) as executor:
        assert run(executor, "upper", b"a") == b"A"
        never = threading.Event()
        while len(executor.pids()) < 2:
            never.wait(0.005)


MACHINE = Machine(cpu=4, memory=1000, gpus=["0", "1"])


def test_a_call_that_needs_two_cores_runs_beside_none_on_two(tmp_path: Path) -> None:
    with LocalExecutor(CALLS, processes=2, machine=MACHINE) as executor:
        small = executor.submit(PureCall("hang", str(tmp_path / "small").encode()))
        wait_for(tmp_path / "small")
        large = executor.submit(PureCall("upper", b"a", Needs(cpu=2)))
        behind = executor.submit(PureCall("upper", b"b"))

        assert not large.running()
        assert not behind.running()  # nothing passes what waits for cores
        executor.stop(small)

        assert (large.result(WAIT_S), behind.result(WAIT_S)) == (b"A", b"B")


def test_calls_get_gpus_of_their_own_and_others_pass_those_that_wait(tmp_path: Path) -> None:
    with LocalExecutor(CALLS, processes=4, machine=MACHINE) as executor:
        first = executor.submit(PureCall("hang", str(tmp_path / "first").encode(), Needs(gpu=1)))
        wait_for(tmp_path / "first")
        second = executor.submit(PureCall("devices", b"", Needs(gpu=1)))
        both = executor.submit(PureCall("devices", b"", Needs(gpu=2)))
        none = executor.submit(PureCall("devices", b""))

        assert second.result(WAIT_S) == b"1"
        assert none.result(WAIT_S) == b"0,1"
        assert not both.done()
        executor.stop(first)
        assert both.result(WAIT_S) == b"0,1"


def test_calls_that_need_memory_run_one_after_the_other(tmp_path: Path) -> None:
    with LocalExecutor(CALLS, processes=4, machine=MACHINE) as executor:
        first = executor.submit(PureCall("hang", str(tmp_path / "first").encode(), Needs(memory=600)))
        wait_for(tmp_path / "first")
        second = executor.submit(PureCall("upper", b"a", Needs(memory=600)))
        other = executor.submit(PureCall("upper", b"b", Needs(memory=300)))

        assert not second.running()
        assert not other.running()  # or the one before it would never have its share
        executor.stop(first)

        assert (second.result(WAIT_S), other.result(WAIT_S)) == (b"A", b"B")


ORPHANS = """
import sys, threading
from pathlib import Path
from headwater.execution import LocalExecutor, PureCall
from headwater.execution.contract_calls import CALLS

executor = LocalExecutor(CALLS, processes=2, scratch=Path(sys.argv[2]))
for number in range(2):
    executor.submit(PureCall(("hang", "hang_with_another")[number], f"{sys.argv[1]}/{number}".encode()))
threading.Event().wait()
"""


def test_children_and_what_they_started_die_with_their_parent_and_the_next_pool_clears_up(
    tmp_path: Path,
) -> None:
    scratch = tmp_path / "scratch"
    parent = subprocess.Popen([sys.executable, "-c", ORPHANS, str(tmp_path), str(scratch)])
    pids = [wait_for(tmp_path / str(number)) for number in range(2)]
    left = set(scratch.iterdir())

    parent.send_signal(signal.SIGKILL)
    parent.wait()

    for pid in pids:
        wait_until_dead(pid)
    with LocalExecutor(CALLS, processes=1, scratch=scratch):
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
