"""A Ray cluster of several nodes on one machine, in namespaces of its own.

Ray's nodes listen on whatever address they are given and start processes that
nobody waits for. So a test that needs them is a program in a file that pytest
does not collect by itself, and runs in a network of its own, which has
nothing but a loopback interface, and among processes of its own, which the
kernel ends with it:

    def test_something_on_ray() -> None:
        run_inside(Path(__file__).with_name("something_inside_ray.py"))

and inside, where `nodes()` starts a cluster:

    def test_a_node_is_lost() -> None:
        with nodes(3) as cluster, RayExecutor(CALLS, cluster.address) as executor:
            ...
            cluster.kill(2)
"""

import functools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from headwater.pipelines.runtime.launch.processes import descendants
from tests.servers.processes import no_server

ROOT = Path(__file__).resolve().parents[2]
LOOPBACK = "127.0.0.1"
_ALONE = ("unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
_INSIDE = ("sh", "-c", 'ip link set lo up && "$@"; exit $?', "inside")


class RayNodes:
    """Nodes that run; the first is the head, and the driver's own."""

    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster
        self.address: str = cluster.address
        self.nodes: list[Any] = [cluster.head_node]

    def add(self, cpus: int = 1) -> None:
        """Starts another node and waits until the head knows of all that live and of all that died."""
        self.nodes.append(self._cluster.add_node(num_cpus=cpus, node_ip_address=LOOPBACK))
        self._cluster.wait_for_nodes()

    def kill(self, number: int) -> None:
        """Kills a node's own process; what ran on the node dies with it."""
        for process in self.nodes[number].all_processes["raylet"]:
            os.kill(process.process.pid, signal.SIGKILL)
        self._bury(number)

    def lose(self, number: int) -> None:
        """Kills a node with all that runs on it, as if the machine were gone."""
        own = [process.process.pid for process in self.nodes[number].all_processes["raylet"]]
        for pid in own + [below for one in own for below in descendants(one)]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._bury(number)

    def _bury(self, number: int) -> None:
        """Takes a dead node off; while its process is a zombie, what it started takes it for alive."""
        for process in self.nodes[number].all_processes["raylet"]:
            process.process.wait()
        self._cluster.remove_node(self.nodes[number], allow_graceful=False)


@contextmanager
def nodes(count: int, *, cpus: int = 1) -> Iterator[RayNodes]:
    """Gives a cluster; only inside of `run_inside`."""
    from ray.cluster_utils import Cluster  # type: ignore[import-untyped, unused-ignore]

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    head: dict[str, Any] = {"num_cpus": cpus, "node_ip_address": LOOPBACK, "include_dashboard": False}
    # The head takes a node for dead after a second or two, not after a quarter of a minute.
    head["_system_config"] = {"health_check_period_ms": 500, "health_check_failure_threshold": 3}
    cluster: Any = Cluster(initialize_head=True, head_node_args=head)
    try:
        started = RayNodes(cluster)
        for _ in range(count - 1):
            started.add(cpus)
        yield started
    finally:
        cluster.shutdown()


def run_inside(file: Path, *arguments: str, limit_s: float = 100.0) -> None:
    """Runs the tests of a file in namespaces of their own; skips, or fails under CI=true, where that cannot be."""
    if find_spec("ray") is None:
        no_server("Ray", "pip install 'headwater[ray]'")
    if not _can_be_alone():
        no_server("a network namespace", "apt-get install util-linux iproute2, and run as root")
    command = [*_ALONE, *_INSIDE, sys.executable, "-m", "pytest", "-n", "0", "-q", "-x"]
    command += ["-p", "no:cacheprovider", "-W", "default", str(file), *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        output, _ = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        process.kill()  # the kernel ends all that is inside
        output, _ = process.communicate()
        pytest.fail(f"{file.name} did not end within {limit_s:g} s:\n{output[-6000:]}", pytrace=False)
    if process.returncode != 0:
        pytest.fail(f"{file.name} failed:\n{output[-6000:]}", pytrace=False)


@functools.cache
def _can_be_alone() -> bool:
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return False
    return subprocess.run([*_ALONE, *_INSIDE, "true"], capture_output=True, check=False).returncode == 0
