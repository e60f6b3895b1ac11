"""What runs on the nodes of a Ray cluster: a task of Ray's that hands its order to a child process and waits.

The child is the one that a local pool uses: a clean environment, output heard
line by line, and a death that costs one call. It stays with Ray's process
between tasks, so that what it has imported and loaded stays warm, and dies
with it: ending Ray's process ends the call. Orders and answers are bytes that
this package reads; nothing of the user's crosses by pickle.
"""

import atexit
import contextlib
import os
from pathlib import Path

import msgspec

from headwater.execution import wire
from headwater.execution.errors import CallLost, ObjectsOutOfReach
from headwater.execution.scratch import Scratch
from headwater.execution.spawned import Spawned
from headwater.settings import gpus, worker_environment

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_MOST_LINES = 500  # of the beginning of what a call prints, and of its end

_decode: msgspec.msgpack.Decoder[wire.Order] = msgspec.msgpack.Decoder(wire.Order)


class _Host:
    """The child of this process, and what belongs to it."""

    def __init__(self) -> None:
        self._child: Spawned | None = None
        self._environment: dict[str, str] = {}
        self._scratch: Scratch | None = None
        self._lines: list[str] = []

    def run(self, order: wire.Order) -> wire.Answer:
        """Runs an order to its end."""
        self._lines = []
        try:
            check(order.place)
            reply = self._ask(order)
        except ObjectsOutOfReach as error:
            reply = wire.Raised(
                type(error).__name__, error.message, "", error.kind, error.hint, error.details
            )
        except OSError as error:
            self.end()
            reply = wire.Lost(f"could not be started: {error}")
        return wire.Answer(reply, self._lines)

    def end(self) -> None:
        """Ends the child."""
        child, self._child = self._child, None
        if child is not None:
            child.close()

    def close(self) -> None:
        """Ends the child and removes its folders."""
        self.end()
        scratch, self._scratch = self._scratch, None
        if scratch is not None:
            scratch.close()

    def _ask(self, order: wire.Order) -> wire.Returned | wire.Raised | wire.Lost:
        if self._scratch is None:
            self._scratch = Scratch()
        child = self._warm(order)
        with self._scratch.folder() as folder:
            try:
                return child.ask(order.name, order.target, order.payload, str(folder), gpus())
            except CallLost as lost:
                self.end()
                return wire.Lost(lost.how)

    def _warm(self, order: wire.Order) -> Spawned:
        environment = worker_environment(order.environment)
        environment.pop("CUDA_VISIBLE_DEVICES", None)  # each call is told its own
        if self._child is None or environment != self._environment:
            self.end()
            self._child, self._environment = Spawned(environment, self._hear), environment
        return self._child

    def _hear(self, _: str, line: str) -> None:
        if len(self._lines) == 2 * _MOST_LINES:
            del self._lines[_MOST_LINES]
        self._lines.append(line)


_host = _Host()


def run_order(order: bytes) -> bytes:
    """Runs an order and returns the answer; what Ray calls."""
    return msgspec.msgpack.encode(_host.run(_decode.decode(order)))


def versions() -> tuple[str, str]:
    """Returns the versions of this package and of msgpack's reader here: a node that can say so can run orders."""
    from importlib.metadata import version

    return version("headwater"), version("msgspec")


def place_of(folder: Path) -> wire.Place:
    """Returns what tells this machine's folder from another machine's."""
    return wire.Place(str(folder), machine(), folder.stat().st_ino)


def check(place: wire.Place | None) -> None:
    """Makes sure that a folder is the one that was meant.

    Raises:
        ObjectsOutOfReach: This is another machine, or a container that has another folder there.
    """
    if place is None:
        return
    with contextlib.suppress(OSError):
        if place.machine == machine() and place.inode == Path(place.folder).stat().st_ino:
            return
    raise ObjectsOutOfReach(place.folder, where=os.uname().nodename)


def machine() -> str:
    """Returns what this machine is called since it was started."""
    with contextlib.suppress(OSError):
        return _BOOT.read_text(encoding="ascii").strip()
    return os.uname().nodename


atexit.register(_host.close)
