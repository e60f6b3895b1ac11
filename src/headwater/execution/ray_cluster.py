"""A Ray cluster as an executor sees it: connecting, what its nodes have, and whether they are this machine.

Ray is one per process. A process that is connected already stays so, and is
not disconnected here.
"""

import contextlib
import logging
import math
import socket
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from headwater.errors import MissingExtra
from headwater.execution import ray_node, wire
from headwater.execution.capacity import counted, described
from headwater.execution.errors import ClusterUnavailable, NeedsUnmet, ObjectsOutOfReach
from headwater.execution.protocol import Needs
from headwater.execution.ray_head import LOOPBACK, RayHead

_NAMESPACE = "headwater"
_LOOK_S = 5.0  # how old what is known of the nodes may be
_PROBE_S, _KNOCK_S = 30.0, 10.0


class Node(msgspec.Struct, frozen=True):
    """A machine of a cluster, or a part of one."""

    address: str
    cpu: float
    memory: float
    gpu: float

    def fits(self, needs: Needs) -> bool:
        """Tells whether the node could run such a call if it did nothing else."""
        return needs.cpu <= self.cpu and needs.memory <= self.memory and needs.gpu <= self.gpu


class RayCluster:
    """A connection to a cluster; make it in a thread that lives as long as it shall."""

    def __init__(self, address: str | None, *, cpus: int) -> None:
        """Connects to the cluster at `address`; starts one on this machine when there is none.

        Raises:
            ClusterUnavailable: There is no cluster there, or it cannot run what this package sends.
            MissingExtra: Ray is not installed.
        """
        if not _is_installed():
            raise MissingExtra("The Ray executor", extra="ray")
        self._head = RayHead(cpus) if address is None and not _is_connected() else None
        self.ray: Any = import_module("ray")  # after its cluster has a token
        self.address = address or (self._head.address if self._head else "auto")
        self._nodes: tuple[Node, ...] = ()
        self._looked_s = float("-inf")
        self._is_ours = False
        try:
            self._connect()
            self._probe()
        except BaseException:
            self.close()
            raise

    def nodes(self) -> Sequence[Node]:
        """Returns the nodes that live, as they were at most 5 s ago."""
        if time.monotonic() - self._looked_s > _LOOK_S:
            self._nodes = tuple(_node(row) for row in self.ray.nodes() if row["Alive"])
            self._looked_s = time.monotonic()
        return self._nodes

    def refuse(self, call: str, needs: Needs) -> None:
        """Makes sure that a node could run a call.

        Raises:
            NeedsUnmet: None could, as the cluster is now.
        """
        if not any(node.fits(needs) for node in self.nodes()):
            most = max(self.nodes(), key=lambda node: (node.gpu, node.cpu), default=Node("", 0, 0, 0))
            has = counted(most.cpu, most.memory, most.gpu)
            raise NeedsUnmet(call, wants=described(needs), has=f"no node of the cluster has more than {has}")

    def cores(self) -> int:
        """Returns how many cores all nodes have together."""
        return math.ceil(sum(node.cpu for node in self.nodes()))

    def reach(self, folder: Path) -> wire.Place:
        """Makes sure that all nodes are this machine; returns what calls check it by again.

        Raises:
            ObjectsOutOfReach: Some are not.
        """
        others = sorted({node.address for node in self.nodes() if not _is_here(node.address)})
        if others:
            raise ObjectsOutOfReach(str(folder), where=", ".join(others))
        folder.mkdir(parents=True, exist_ok=True)  # nothing may have been put into it yet
        return ray_node.place_of(folder)

    def close(self) -> None:
        """Disconnects, and ends the cluster where it was started here."""
        if self._is_ours:
            self._is_ours = False
            with contextlib.suppress(Exception):  # what it says no longer matters
                self.ray.shutdown()
        head, self._head = self._head, None
        if head is not None:
            head.stop()

    def _connect(self) -> None:
        if self.ray.is_initialized():
            return
        self._knock()
        is_here = self._head is not None or self.address.startswith(f"{LOOPBACK}:")
        logging.getLogger("ray").setLevel(
            logging.ERROR
        )  # what it says of its own working belongs in its logs
        options: dict[str, Any] = {"_node_ip_address": LOOPBACK} if is_here else {}
        try:
            self.ray.init(
                self.address,
                namespace=_NAMESPACE,
                log_to_driver=False,
                configure_logging=False,
                **options,
            )
        except (ConnectionError, RuntimeError, ValueError, ImportError, OSError) as error:
            raise self._unavailable(error) from error
        self._is_ours = True

    def _knock(self) -> None:
        """Makes sure that somebody listens: Ray would try for a minute."""
        host, _, port = self.address.removeprefix("ray://").rpartition(":")
        if not host or not port.isdecimal():
            return
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=_KNOCK_S).close()
        except OSError as error:
            raise self._unavailable(error) from None

    def _probe(self) -> None:
        """Makes sure that a node can import what runs there; one that takes long may still be starting."""
        ask = self.ray.remote(ray_node.versions).options(num_cpus=0, max_retries=1)
        try:
            self.ray.get(ask.remote(), timeout=_PROBE_S)
        except self.ray.exceptions.GetTimeoutError:
            return
        except self.ray.exceptions.RayError as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: BaseException) -> ClusterUnavailable:
        text = str(error)
        if "No module named 'headwater'" in text or "No module named 'msgspec'" in text:
            text = "its Python has no headwater; install the same version there as here"
        last = text.strip().splitlines()[-1].strip().rstrip(".") if text.strip() else type(error).__name__
        return ClusterUnavailable(f"The Ray cluster at {self.address} cannot be used", why=last)


def _is_installed() -> bool:
    try:
        return find_spec("ray") is not None
    except ValueError:  # somebody hides it
        return False


def _is_connected() -> bool:
    """Tells whether this process uses a cluster already."""
    return "ray" in sys.modules and bool(sys.modules["ray"].is_initialized())


def _node(row: dict[str, Any]) -> Node:
    has = row["Resources"]
    return Node(row["NodeManagerAddress"], has.get("CPU", 0.0), has.get("memory", 0.0), has.get("GPU", 0.0))


def _is_here(address: str) -> bool:
    """Tells whether an address is one of this machine's: only those can be bound."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True
