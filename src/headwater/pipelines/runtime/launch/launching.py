"""A launcher as the trusted side sees it: start a program, hear how it ended, end all of it."""

import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Sequence

import msgspec

from headwater.errors import Unavailable
from headwater.pipelines.runtime.launch.channel import Channel, ChannelClosed
from headwater.pipelines.runtime.launch.launches import (
    Afterwards,
    Exited,
    NotStarted,
    Order,
    Probe,
    Probed,
    Program,
    Reply,
    Started,
    Sweep,
    Swept,
    send_order,
)
from headwater.settings import container_environment

_PROGRAM = ("-P", "-m", "headwater.pipelines.runtime.launch.launcher")
_decoder: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)


class Launching:
    """A running launcher and the program that it has started, if any; used by one thread."""

    def __init__(self) -> None:
        """Starts the launcher, which ends with this process and takes everything along."""
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - this package's own program
                [sys.executable, *_PROGRAM, str(theirs.fileno())],
                env=container_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,  # it must outlive this process by as long as it takes to clear up
            )
        self._socket, self._channel = ours, Channel(ours)
        self._exits: deque[Exited] = deque()

    @property
    def pid(self) -> int:
        """The launcher's process id; everything it starts is below it."""
        return self._process.pid

    def probe(self, root: str) -> str:
        """Returns why a program can have no file system of its own; empty where it can."""
        self._send(Probe(root), ())
        reply = self._reply()
        assert isinstance(reply, Probed), "one reply to each order"
        return reply.refusal

    def start(self, program: Program, descriptors: Sequence[int]) -> NotStarted | None:
        """Starts a program; returns why it could not."""
        self._exits.clear()
        self._send(program, descriptors)
        reply = self._reply()
        assert isinstance(reply, Started | NotStarted), "one reply to each order"
        return reply if isinstance(reply, NotStarted) else None

    def afterwards(self, argv: Sequence[str]) -> None:
        """Says what is to be run before everything is ended, also when this process is killed."""
        self._send(Afterwards(list(argv)), ())

    def wait(self, timeout_s: float) -> Exited | None:
        """Returns how the program ended; none where it still runs after so long."""
        if not self._exits:
            try:
                body = self._channel.receive(timeout_s)
            except ChannelClosed:
                raise _gone() from None
            if body is None:
                return None
            reply = _decoder.decode(body)
            assert isinstance(reply, Exited), "nothing else comes unasked"
            return reply
        return self._exits.popleft()

    def sweep(self) -> int:
        """Ends all that was started; returns how many processes could not be ended."""
        self._send(Sweep(), ())
        reply = self._reply()
        assert isinstance(reply, Swept), "one reply to each order"
        return reply.left

    def close(self) -> None:
        """Ends everything, and the launcher."""
        self._channel.close()
        self._process.wait()

    def _send(self, order: Order, descriptors: Sequence[int]) -> None:
        try:
            send_order(self._socket, order, list(descriptors))
        except OSError:
            raise _gone() from None

    def _reply(self) -> Reply:
        while True:
            try:
                body = self._channel.receive()
            except ChannelClosed:
                raise _gone() from None
            assert body is not None, "there is no time limit"
            reply = _decoder.decode(body)
            if not isinstance(reply, Exited):
                return reply
            self._exits.append(reply)


def how(status: int) -> str:
    """Says how a process ended, from its wait status, as the end of a sentence."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            return f"was ended by {signal.Signals(number).name}"
        except ValueError:
            return f"was ended by signal {number}"
    return f"ended with status {os.WEXITSTATUS(status)}"


def _gone() -> Unavailable:
    return Unavailable(
        "The process that starts users' programs has ended.", hint="The datum is tried again by itself."
    )
