"""A cluster of four nodes, of which one is killed while calls run, and one just before a driver comes."""

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from headwater.execution import PureCall, RayExecutor
from headwater.execution.contract import WAIT_S, run
from headwater.execution.contract_calls import CALLS
from tests.servers.ray_cluster import RayNodes, nodes
from tests.waiting import until


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayNodes]:
    with nodes(4) as cluster:
        yield cluster


def test_a_lost_node_costs_its_calls_only_and_each_is_answered_once(
    cluster: RayNodes, tmp_path: Path
) -> None:
    answers: Counter[int] = Counter()
    with RayExecutor(CALLS, cluster.address, folder=tmp_path) as executor:
        assert run(executor, "upper", b"a") == b"A"
        payloads = [f"{tmp_path}/{number}" for number in range(60)]
        futures = [executor.submit(PureCall("linger", payload.encode())) for payload in payloads]
        for number, future in enumerate(futures):
            future.add_done_callback(lambda _, number=number: answers.update([number]))  # type: ignore[misc]
        begun = threading.Event()
        while len(list(tmp_path.iterdir())) < 6:
            begun.wait(0.005)

        cluster.kill(3)

        assert [future.result(WAIT_S) for future in futures] == [one.upper().encode() for one in payloads]
    assert answers == Counter(range(60))


def test_a_driver_that_comes_before_a_death_is_noticed_has_all_places_that_are_left(
    cluster: RayNodes, tmp_path: Path
) -> None:
    cluster.lose(2)

    with RayExecutor(CALLS, cluster.address, folder=tmp_path) as executor:
        futures = [executor.submit(PureCall("hang", f"{tmp_path}/{number}".encode())) for number in range(6)]
        until(lambda: len(list(tmp_path.iterdir())) == 2, "a call on each of the nodes that live")
        for future in futures:
            executor.stop(future)

        payloads = [f"{tmp_path}/then-{number}" for number in range(20)]
        after = [executor.submit(PureCall("linger", payload.encode())) for payload in payloads]
        assert [one.result(WAIT_S) for one in after] == [one.upper().encode() for one in payloads]
