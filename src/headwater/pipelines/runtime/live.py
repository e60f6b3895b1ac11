"""What the code of a set prints while it runs, for those who do not want to wait for its end.

A set that ends soon has its logs in its answer, and costs nothing more. One
that takes its time puts what the datum in hand has printed into the object
store, again and again: a small object under a key that is never used twice;
then it deletes the one before. Whole lines only, and none of a secret's: what
was written in two pieces is looked at as one.

The store is written to by a thread of its own, so that neither a slow store
nor one that does not answer stops anybody from watching the code. What cannot
be shown is not shown; it is in the datum's log at the end.
"""

import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec

from headwater.errors import Error
from headwater.pipelines.runtime import logs
from headwater.pipelines.runtime.hiding import Hiding
from headwater.pipelines.sets import LiveLog, LiveSpot, SetPayload
from headwater.storage import ObjectKey, ObjectStore

_PATIENCE_S = 5.0  # how long the end of a set waits for the store to forget what was shown


class Live:
    """The log in hand of one set, as others see it."""

    def __init__(self, task: SetPayload, store: ObjectStore, hiding: Hiding) -> None:
        """Shows nothing yet, and nothing at all where the payload does not say where."""
        self._task, self._store, self._hiding = task, store, hiding
        self._due_s = float("inf") if task.live is None else time.monotonic() + task.live.every_s
        self._shelf: _Shelf | None = None
        self._datums: Sequence[int] | None = None
        self._run = 0
        self._silent_until_s = 0.0
        self._forget()

    def begin(self, *, goes_on: bool = False) -> None:
        """Notes that the code is called anew, or that it `goes_on` with what its setup has printed."""
        if goes_on and self._start == 0:
            self._forget()  # what the setup has printed is the preface by now
        else:
            self._datums = None

    def look(
        self,
        log: int,
        datums: Sequence[int],
        *,
        preface: bytes = b"",
        still: Callable[[], bool] = lambda: True,
    ) -> None:
        """Shows what is new, when it is time to.

        Args:
            log: The descriptor of the file that the code prints into.
            datums: Whose log it is, by their places in the set.
            preface: What stands before it in the log of these datums.
            still: Tells whether the code is still at them.
        """
        now_s = time.monotonic()
        if now_s < self._due_s:
            return
        assert self._task.live is not None, "else it is never time to"
        if self._shelf is not None and self._shelf.is_busy:
            return
        every_s = self._task.live.every_s
        if datums != self._datums:
            self._datums, self._run = list(datums), self._run + 1
            self._silent_until_s = now_s + every_s
            self._forget()
        # What prints nothing is shown too, once, so that others see what takes so long.
        if self._read(log, preface, still) or now_s > self._silent_until_s:
            self._show()
            self._due_s, self._silent_until_s = now_s + every_s, float("inf")

    def close(self) -> None:
        """Takes away what was shown: the set's answer has it all."""
        self._due_s = float("inf")
        if self._shelf is not None:
            self._shelf.close()

    def _forget(self) -> None:
        self._position = self._start = 0
        self._text = b""

    def _read(self, log: int, preface: bytes, still: Callable[[], bool]) -> bool:
        """Takes up the lines that are new; tells whether there are any."""
        size = len(preface) + os.fstat(log).st_size
        if size <= self._position:
            return False
        left_out = max(0, size - self._position - logs.MOST_BYTES)
        at = self._position + left_out
        before = preface[at:]
        data = before + os.pread(log, logs.MOST_BYTES - len(before), max(0, at - len(preface)))
        if not still():
            return False  # it may be another datum's
        if left_out:
            begun = logs.next_line(data, 0)
            left_out, data = left_out + begun, data[begun:]
        end = self._hiding.settled(data)
        if not end:
            return False
        if left_out:
            self._start, self._text = self._start + len(self._text) + left_out, b""
        self._position += left_out + end
        self._text += self._hiding.in_log(data[:end])
        if len(self._text) > logs.MOST_BYTES:
            cut = logs.next_line(self._text, len(self._text) - logs.MOST_BYTES - 1)
            self._start, self._text = self._start + cut, self._text[cut:]
        return True

    def _show(self) -> None:
        assert self._task.live is not None, "else it is never time to"
        if self._shelf is None:
            self._shelf = _Shelf(self._store, self._task.live)
        whose = [self._task.datums[index] for index in self._datums or ()]
        told = LiveLog(tuple((one.key, one.label) for one in whose), self._run, self._start, self._text)
        self._shelf.put(msgspec.msgpack.encode(told))


class _Shelf:
    """One object at a time, in the store."""

    def __init__(self, store: ObjectStore, spot: LiveSpot) -> None:
        self._store, self._spot = store, spot
        self._changed = threading.Condition()
        self._next: bytes | None = None
        self._is_closed = False
        self._thread = threading.Thread(target=self._serve, name="headwater-live", daemon=True)
        self._thread.start()

    @property
    def is_busy(self) -> bool:
        """Whether what came last is not there yet."""
        return self._next is not None

    def put(self, data: bytes) -> None:
        """Replaces what is shown."""
        with self._changed:
            self._next = data
            self._changed.notify()

    def close(self) -> None:
        """Removes what is shown; where the store does not answer, that is left to others."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join(_PATIENCE_S)

    def _serve(self) -> None:
        lying: list[ObjectKey] = []
        number = 0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._next is not None or self._is_closed)
                data, is_closed = self._next, self._is_closed
            with suppress(Error):
                if data is not None and not is_closed:
                    number += 1
                    lying.append(ObjectKey(f"{self._spot.key}.{number:08d}"))
                    self._store.put(lying[-1], data)
                while len(lying) > (0 if is_closed else 1):
                    self._store.delete(lying[0])
                    del lying[0]
            if is_closed:
                return
            with self._changed:
                self._next = None
