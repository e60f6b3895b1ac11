"""One child process of a pool, as its parent sees it: start, call, listen to its output, end it."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import IO

from headwater.execution import wire
from headwater.execution.errors import CallFailed, CallLost

LogLine = Callable[[str, str], None]

_PROGRAM = ("-P", "-m", "headwater.execution.child")
_END_S = 1.0  # how long a child that closed its socket may take to be gone
_DRAIN_S = 2.0  # how long the last lines of a call may take to arrive
_LINE = 65_536


class Spawned:
    """A running child; the thread that makes it must outlive it, since its end kills the child."""

    def __init__(self, environment: Mapping[str, str], log: LogLine, warm: Sequence[str] = ()) -> None:
        """Starts the process, which imports what shall be warm while it waits for calls."""
        ours, theirs = socket.socketpair()
        pipe, self._alive = os.pipe()  # ends with this process, whatever ends it
        command = [sys.executable, *_PROGRAM, str(theirs.fileno()), str(os.getpid()), str(pipe)]
        with ExitStack() as undo, theirs:
            undo.callback(os.close, self._alive)
            undo.enter_context(ours)
            self._process = subprocess.Popen(  # noqa: S603 - this package's own program
                command,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(theirs.fileno(), pipe),
                start_new_session=True,  # Ctrl-C is for the parent, and what the child starts ends with it
            )
            undo.pop_all()
        os.close(pipe)
        self._connection, self._log = ours, log
        self._name, self._calls = "start", 0
        self._printed = threading.Semaphore(0)
        self._listener = threading.Thread(target=self._listen, args=(self._process.stdout,), daemon=True)
        self._listener.start()
        if warm:
            self._send(wire.Warm(list(warm)))

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    def call(self, name: str, target: str, payload: bytes, scratch: str, gpus: str | None = None) -> bytes:
        """Runs `target` on the payload and returns what it returns, after all it printed was heard.

        With `gpus` it sees these only, named as CUDA_VISIBLE_DEVICES names them.

        Raises:
            CallFailed: The function raised.
            CallLost: The child is dead.
        """
        return returned(name, self.ask(name, target, payload, scratch, gpus))

    def ask(
        self, name: str, target: str, payload: bytes, scratch: str, gpus: str | None = None
    ) -> wire.Returned | wire.Raised:
        """Runs `target` as `call` does, and returns the answer as the child gave it.

        Raises:
            CallLost: The child is dead.
        """
        self._name, self._calls = name, self._calls + 1
        self._send(wire.Request(self._calls, target, payload, scratch, gpus))
        reply = wire.receive_reply(self._connection)
        if reply is None:
            raise CallLost(name, how=self._end())
        self._printed.acquire(timeout=_DRAIN_S)
        return reply

    def kill(self) -> None:
        """Ends the child and all it started, at once; may be called from any thread."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def close(self) -> None:
        """Ends the child and frees what belongs to it."""
        self.kill()
        self._process.wait()
        self._listener.join(_DRAIN_S)
        self._connection.close()
        alive, self._alive = self._alive, -1
        if alive >= 0:
            os.close(alive)

    def _send(self, message: wire.Request | wire.Warm) -> None:
        try:
            wire.send(self._connection, message)
        except OSError:
            return  # it is dead, which the answer that does not come will say

    def _end(self) -> str:
        try:
            status = self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            return "closed its connection"
        finally:
            self.close()
        if status >= 0:
            return f"exited with status {status}"
        try:
            return f"was ended by {signal.Signals(-status).name}"
        except ValueError:
            return f"was ended by signal {-status}"

    def _listen(self, output: IO[bytes]) -> None:
        with output:
            while line := output.readline(_LINE):
                text, mark, _ = line.partition(wire.END_OF_OUTPUT)
                if text:
                    self._log(self._name, text.decode(errors="replace").rstrip("\r\n"))
                if mark:
                    self._printed.release()


def returned(name: str, reply: wire.Returned | wire.Raised) -> bytes:
    """Returns what a call returned.

    Raises:
        CallFailed: It raised.
    """
    if isinstance(reply, wire.Returned):
        return reply.payload
    known = reply.kind is not None
    raise CallFailed(
        reply.message if known else f"{reply.error_type}: {reply.message}",
        hint=reply.hint or f"It was raised in {name!r}; the log has the traceback.",
        error_type=reply.error_type,
        traceback=reply.traceback,
        error_kind=reply.kind,
        details=reply.details,
    )
