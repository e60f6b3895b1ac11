"""A cluster that an executor starts by itself: the contract of executors, who can reach it, and what it refuses."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from headwater.errors import InvalidInput
from headwater.execution import (
    CallLost,
    Needs,
    NeedsUnmet,
    ObjectsOutOfReach,
    PureCall,
    RayExecutor,
    ray_cluster,
)
from headwater.execution.contract import WAIT_S, ExecutorContract, Lines, run
from headwater.execution.contract_calls import CALLS
from headwater.execution.spawned import LogLine

_HEARD: Lines = []


@pytest.fixture(scope="module")
def executor() -> Iterator[RayExecutor]:
    os.environ["HEADWATER_TOKEN"] = os.environ["AWS_SECRET_ACCESS_KEY"] = "hush"
    with RayExecutor(
        CALLS,
        processes=2,
        environment={"OMP_NUM_THREADS": "1"},
        log=lambda call, line: _HEARD.append((call, line)),
    ) as executor:
        yield executor


@pytest.fixture
def lines() -> Lines:
    return _HEARD


@pytest.fixture
def make() -> Callable[[LogLine], RayExecutor]:
    return lambda log: RayExecutor(CALLS, environment={"OMP_NUM_THREADS": "1"}, log=log)


class TestRay(ExecutorContract):
    pass


def listeners() -> list[str]:
    rows = [
        line.split()
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in Path(table).read_text().splitlines()[1:]
    ]
    return [row[1].partition(":")[0] for row in rows if row[3] == "0A"]


def test_all_of_it_listens_on_the_loopback_address_only(executor: RayExecutor) -> None:
    run(executor, "upper")

    found = set(listeners())

    assert found
    assert found <= {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}


def test_it_asks_for_a_token_that_its_processes_do_not_pass_on(executor: RayExecutor) -> None:
    environment = run(executor, "environment").decode()

    assert os.environ["RAY_AUTH_MODE"] == "token"
    assert "RAY_AUTH_TOKEN" not in environment
    assert "hush" not in environment


def test_a_folder_of_this_machine_is_within_reach_and_another_one_is_not(
    executor: RayExecutor, tmp_path: Path
) -> None:
    (tmp_path / "objects").mkdir()
    with RayExecutor(CALLS, folder=tmp_path / "objects") as own:
        assert run(own, "upper", b"a") == b"A"
        (tmp_path / "objects").rename(tmp_path / "moved")  # as if the node did not have it

        with pytest.raises(Exception, match="lie in the folder") as caught:
            run(own, "upper", b"a")

    assert getattr(caught.value, "error_kind", None) == ObjectsOutOfReach.kind


def test_objects_in_a_folder_are_refused_where_a_node_is_another_machine(
    executor: RayExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = ray_cluster.Node("192.0.2.7", 1, 1, 0)  # an address of no machine (RFC 5737)
    monkeypatch.setattr(ray_cluster.RayCluster, "nodes", lambda _: (elsewhere,))

    with pytest.raises(ObjectsOutOfReach, match=r"192\.0\.2\.7"):
        RayExecutor(CALLS, folder=tmp_path)


def test_calls_that_need_parts_of_a_core_share_it(executor: RayExecutor) -> None:
    futures = [executor.submit(PureCall("upper", b"a", Needs(cpu=0.25))) for _ in range(8)]

    assert [future.result(WAIT_S) for future in futures] == [b"A"] * 8


def test_what_no_node_has_is_refused_with_what_they_have(executor: RayExecutor) -> None:
    with pytest.raises(NeedsUnmet, match="no node of the cluster has more than 2 cores"):
        executor.submit(PureCall("upper", b"", Needs(cpu=3)))
    with pytest.raises(InvalidInput):
        executor.submit(PureCall("none", b""))


def test_a_call_lost_with_its_process_says_so(executor: RayExecutor) -> None:
    with pytest.raises(CallLost, match="SIGKILL"):
        run(executor, "die")
