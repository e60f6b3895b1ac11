"""The process of a spout or service, as its handler sees it.

It runs under a launcher of its own, so that all it starts ends with it, and
all of that with this process, however that ends. A thread takes what it
prints. A handler is woken by an event when the process says something on its
second pipe, or when it has ended.
"""

import os
import select
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from headwater.pipelines.longrun.errors import LongRunFailed
from headwater.pipelines.longrun.logs import BoundedLog
from headwater.pipelines.longrun.protocol import ANSWERS, NUDGES
from headwater.pipelines.runtime.launch.launches import Exited, Program
from headwater.pipelines.runtime.launch.launching import Launching, how
from headwater.pipelines.runtime.launch.processes import descendants

_END_S = 5.0  # how long a process that was asked to end may take
_DRAIN_S = 2.0
_READ_BYTES = 65_536


class Order(msgspec.Struct, frozen=True):
    """What to start."""

    argv: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    stdin: Path | None = None
    memory: int = 0
    ending: Sequence[str] = ()  # what ends that which is not below the process itself
    hidden: Sequence[str] = ()  # values of secrets, which stay out of its log


class Process:
    """A running process; used by one thread, which outlives it."""

    def __init__(self, order: Order, log: BoundedLog, woken: threading.Event) -> None:
        """Starts it.

        Raises:
            LongRunFailed: It cannot be started.
            Unavailable: Nothing can be started right now.
        """
        self._log, self._woken = log, woken
        log.hide(order.hidden)
        self.started_s = time.monotonic()
        self._ended: str | None = None
        printed, prints = os.pipe2(os.O_CLOEXEC)
        answers, self._answers = os.pipe2(os.O_CLOEXEC)
        nudged, nudges = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._answers, False)
        given = os.open(order.stdin or os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        theirs = [given, prints, prints, answers, nudges]
        self._launching = Launching()
        try:
            if order.ending:
                self._launching.afterwards(order.ending)
            refused = self._launching.start(
                Program(
                    argv=list(order.argv),
                    environment=dict(order.environment),
                    folder=str(order.folder),
                    descriptors=[0, 1, 2, ANSWERS, NUDGES],
                    memory=order.memory,
                ),
                theirs,
            )
        finally:
            for descriptor in {*theirs}:
                os.close(descriptor)
        self._pump = threading.Thread(target=self._listen, args=(printed, nudged), daemon=True)
        self._pump.start()
        if refused is not None:
            self.kill()
            raise LongRunFailed(
                f"{order.argv[0]!r} could not be started: {refused.message or refused.step}.",
                hint="Correct the command, and see that it may be run on the machine of the worker.",
            )

    def ended(self) -> str | None:
        """Returns how it ended, as the end of a sentence; none while it runs."""
        if self._ended is None:
            found = self._launching.wait(0)
            self._ended = None if found is None else how(found.status)
        return self._ended

    def answer(self, line: str) -> None:
        """Sends a line; a process that reads none misses it."""
        with suppress(OSError):
            os.write(self._answers, line.encode() + b"\n")

    def stop(self) -> None:
        """Asks it to end, and ends it with all that it started when it has, or has not for a while."""
        found: Exited | None = None
        if self.ended() is None:
            for pid in descendants(self._launching.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
            found = self._launching.wait(_END_S)
        self._ended = self._ended or ("did not end by itself" if found is None else how(found.status))
        self.kill()

    def kill(self) -> None:
        """Ends it at once, with all that it started."""
        self._ended = self._ended or "was ended"
        self._launching.close()
        self._pump.join(_DRAIN_S)
        with suppress(OSError):
            os.close(self._answers)

    def _listen(self, printed: int, nudged: int) -> None:
        """Takes what is printed until nobody can print any more."""
        poll = select.poll()
        for descriptor in (printed, nudged):
            poll.register(descriptor, select.POLLIN)
        left = {printed, nudged}
        try:
            while left:
                for descriptor, _ in poll.poll():
                    data = os.read(descriptor, _READ_BYTES)
                    if not data:
                        poll.unregister(descriptor)
                        left.discard(descriptor)
                    elif descriptor == printed:
                        self._log.write(data)
                        continue
                    self._woken.set()
        finally:
            os.close(printed)
            os.close(nudged)
            self._log.write(b"")
