"""A cluster of three nodes, of which one is killed while calls run."""

import threading
from collections import Counter
from pathlib import Path

from headwater.execution import PureCall, RayExecutor
from headwater.execution.contract import WAIT_S, run
from headwater.execution.contract_calls import CALLS
from tests.servers.ray_cluster import nodes


def test_a_lost_node_costs_its_calls_only_and_each_is_answered_once(tmp_path: Path) -> None:
    answers: Counter[int] = Counter()
    with nodes(3) as cluster, RayExecutor(CALLS, cluster.address, folder=tmp_path) as executor:
        assert run(executor, "upper", b"a") == b"A"
        payloads = [f"{tmp_path}/{number}" for number in range(60)]
        futures = [executor.submit(PureCall("linger", payload.encode())) for payload in payloads]
        for number, future in enumerate(futures):
            future.add_done_callback(lambda _, number=number: answers.update([number]))  # type: ignore[misc]
        begun = threading.Event()
        while len(list(tmp_path.iterdir())) < 6:
            begun.wait(0.005)

        cluster.kill(2)

        assert [future.result(WAIT_S) for future in futures] == [one.upper().encode() for one in payloads]
    assert answers == Counter(range(60))
