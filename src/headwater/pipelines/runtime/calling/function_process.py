"""A process with a user's function, as the trusted side sees it: start it, hand it datums, answer what it asks.

The process is not believed: what it sends is decoded strictly, and it can
speak of its own datums only. It is watched while it runs, and ended with all
that it started when a datum exceeds a limit.
"""

import mmap
import os
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from headwater.errors import Error, Unavailable
from headwater.pipelines.runtime import logs
from headwater.pipelines.runtime.calling import function_host
from headwater.pipelines.runtime.errors import ProcessDied
from headwater.pipelines.runtime.launch.channel import Channel, ChannelClosed
from headwater.pipelines.runtime.launch.launches import Program
from headwater.pipelines.runtime.launch.launching import Launching, how
from headwater.pipelines.runtime.launch.limits import Watch, data_limit
from headwater.pipelines.runtime.messages import (
    DatumDone,
    Listed,
    Order,
    Placed,
    Ready,
    Refused,
    Reply,
    Results,
    Run,
    Start,
    WantFile,
    WantFolder,
    WantList,
)

_PROGRAM = ("-P", "-m", "headwater.pipelines.runtime.calling.function_host")
_END_S = 0.3  # how long a process that closed its connection may take to be gone
_decoder: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)

Answer = Callable[[WantFile | WantFolder | WantList, int], Placed | Listed | Refused]
# Hears now and then, while the function takes its time, at which group it is and where it prints.
Hear = Callable[[int, int], None]


class Fallen(Exception):
    """The process is gone, or was ended, in the middle of a group of datums."""

    def __init__(self, error: Error, group: int | None, log: bytes) -> None:
        """Takes what to tell, the group's place in the run unless it may have been any, and what it had printed."""
        super().__init__(error.message)
        self.error, self.group, self.log = error, group, log


class Place(NamedTuple):
    """What a function's process is started with."""

    code: Path | None
    folder: Path
    environment: Mapping[str, str]
    memory: int


class FunctionProcess:
    """A running process with one function."""

    def __init__(self, place: Place, watch: Watch) -> None:
        """Starts the process; the function is loaded by `start`.

        Raises:
            Unavailable: The machine cannot start another process.
        """
        self.folder = place.folder
        for name in ("out", "in", "tmp"):
            (place.folder / name).mkdir()
        self._watch, self._clocked = watch, -1  # whose time the clock counts
        self._hear: Hear = _unheard
        self._launching = Launching()
        self._log = os.open(place.folder / "log", os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        ours, theirs = socket.socketpair()
        with tempfile.TemporaryFile(dir=place.folder) as page, theirs:
            page.truncate(function_host.PAGE_BYTES)
            self._page = mmap.mmap(page.fileno(), function_host.PAGE_BYTES)
            with Path(os.devnull).open("rb") as nothing:
                descriptors = [nothing.fileno(), self._log, self._log, theirs.fileno(), page.fileno()]
                refused = self._launching.start(
                    Program(
                        [sys.executable, *_PROGRAM],
                        {**place.environment, "TMPDIR": str(place.folder / "tmp")},
                        str(place.code or place.folder),
                        [0, 1, 2, function_host.SOCKET, function_host.PAGE],
                        data_limit(place.memory),
                    ),
                    descriptors,
                )
        self._channel = Channel(ours)
        if refused is not None:
            self.close()
            raise Unavailable(
                f"No process for the function could be started: {refused.message}.",
                hint="Free some memory, or run fewer datums at once.",
            )

    def start(self, order: Start, hear: Hear) -> Ready:
        """Loads and sets up the function; returns how that went.

        Raises:
            Fallen: The process died of it.
        """
        self._hear = hear
        self._send(order)
        reply = self._reply()
        if not isinstance(reply, Ready):
            raise self._fallen(_nonsense(), is_known=False)
        return reply

    def run(self, order: Run, answer: Answer, hear: Hear, watch: Watch) -> Iterator[DatumDone]:
        """Runs groups of datums and yields what came of each datum, in order.

        Args:
            order: The groups.
            answer: Gives what the function asks for in the middle of the group of this place.
            hear: Hears at which group it is.
            watch: The limits; one clock runs for each group.

        Raises:
            Fallen: The process died, or was ended because of a limit.
        """
        self._watch, self._clocked, self._hear = watch, -1, hear
        self._send(order)
        sizes = [len(group) for group in order.groups]
        is_last = False
        try:
            while not is_last:
                reply = self._reply(sizes)
                match reply:
                    case Results():
                        is_last = reply.is_last
                        yield from reply.results
                    case Ready():
                        raise self._fallen(_nonsense(), is_known=False)
                    case _:
                        self._send(answer(reply, self.at))
        finally:
            watch.pause()

    @property
    def is_alive(self) -> bool:
        """Whether the process still waits for datums."""
        try:
            # Its end of the channel closes when it dies, and a moment later the launcher says so.
            return self._channel.receive(0) is None and self._launching.wait(0) is None
        except (ChannelClosed, Unavailable):
            return False

    @property
    def at(self) -> int:
        """The place of the group that the process is at, as it says; less than 0 where it is at none."""
        return int.from_bytes(self._page[: function_host.PAGE_BYTES], "little") - 1

    def close(self) -> None:
        """Ends the process and all that it started."""
        self._launching.close()
        channel = getattr(self, "_channel", None)
        if channel is not None:
            channel.close()
        if self._log >= 0:
            os.close(self._log)
            self._log = -1

    def _send(self, order: Order) -> None:
        try:
            self._channel.send(msgspec.msgpack.encode(order))
        except ChannelClosed:
            raise self._died() from None

    def _reply(self, sizes: Sequence[int] = ()) -> Reply:
        """Waits for a reply and watches meanwhile; each group of the given sizes has a clock of its own."""
        while True:
            at = self.at
            if sizes and at != self._clocked:
                self._clocked = at
                self._watch.begin(sizes[max(0, min(at, len(sizes) - 1))])
            try:
                body = self._channel.receive(self._watch.wait_s)
            except ChannelClosed:
                raise self._died() from None
            if body is not None:
                try:
                    return _decoder.decode(body)
                except msgspec.DecodeError:
                    raise self._fallen(_nonsense(), is_known=False) from None
            if self.at == at:
                self._look(at)

    def _look(self, at: int) -> None:
        broken = self._watch.broken(self._launching.pid)
        if broken is not None:
            raise self._fallen(broken)
        self._hear(at, self._log)
        logs.make_room(self._log)
        exited = self._launching.wait(0)
        if exited is not None:
            raise self._fallen(_ended(how(exited.status)))

    def _died(self) -> Fallen:
        exited = self._launching.wait(_END_S)
        if exited is None:
            return self._fallen(_ended("closed its connection"), is_known=False)
        return self._fallen(_ended(how(exited.status)))

    def _fallen(self, error: Error, *, is_known: bool = True) -> Fallen:
        at = self.at if is_known and self.at >= 0 else None
        self._launching.sweep()
        return Fallen(error, at, logs.take(self._log))


def _unheard(at: int, log: int) -> None:
    pass


def _ended(text: str) -> ProcessDied:
    because = " The kernel ends processes so where memory runs out." if "SIGKILL" in text else ""
    return ProcessDied(
        f"The process of the function {text} in the middle of a datum.",
        hint=f"Look at the datum's log, and at code that is not Python's.{because}",
    )


def _nonsense() -> ProcessDied:
    return ProcessDied(
        "The process of the function sent what cannot be understood, and was ended.",
        hint="The code must leave the descriptors alone that it did not open.",
    )
