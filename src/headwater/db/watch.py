"""Hearing that the catalog has changed, so that nobody who waits has to ask it over and over.

    watch = catalog.watch()
    while not is_there():
        watch.wait(timeout_s=0.5)

A watch is a hint, never the truth: whoever is woken looks for himself, and
looks now and then without having been woken, because time passes without a
change (a delay ends, a lease runs out) and a server may have no way to tell.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol, Self

# How long between two looks at the file's counter, and how long nothing must have changed for the longer ones.
# A look and the waking for it take 75 microseconds: 1.5 % of a core at 5 ms, 0.4 % when nothing has been done for long.
_PAUSES_S = ((0.0, 0.005), (5.0, 0.010), (30.0, 0.020))
_BROKEN_S = 0.5

Connect = Callable[[], sqlite3.Connection]


class ChangeWatch(Protocol):
    """Waits for changes of one catalog.

    Every watch promises:
    - What was announced after the watch was made, or after the last time that
      `wait` answered, ends the next `wait`, however early it came.
    - It holds no transaction, no lock and nobody up.
    - One thread waits at a time; another one may end the waiting by `stop`.
    """

    def wait(self, timeout_s: float, stop: threading.Event | None = None) -> bool:
        """Waits for a change, for `timeout_s`, or until `stop` is set; tells whether to look again.

        It never raises because the catalog cannot be reached: looking will say so.
        """
        ...

    def close(self) -> None:
        """Lets go of its connection."""
        ...

    def __enter__(self) -> Self:
        """Returns itself."""
        ...

    def __exit__(self, *_: object) -> None:
        """Closes it."""
        ...


class SqliteWatch:
    """Looks at the counter by which SQLite tells its connections that another one has written; a `ChangeWatch`.

    The counter is in shared memory, so a look costs no system call to speak of,
    and every transaction counts: nothing has to be announced.
    """

    def __init__(self, connect: Connect) -> None:
        """Opens a connection of its own; what is committed from now on is heard.

        Raises:
            sqlite3.Error: The file cannot be opened.
        """
        self._connect, self._connection = connect, connect()
        self._pid, self._changed_s = os.getpid(), time.monotonic()
        self._seen = self._version()

    def wait(self, timeout_s: float, stop: threading.Event | None = None) -> bool:
        """Waits for a change; see `ChangeWatch`."""
        deadline_s = time.monotonic() + timeout_s
        while True:
            now_s = time.monotonic()
            if self._has_changed(now_s):
                return True
            left_s = min(deadline_s - now_s, self._pause_s(now_s))
            if left_s <= 0 or (stop is not None and stop.is_set()):
                return False
            time.sleep(left_s)  # cheaper than waiting for `stop`, and over soon enough

    def close(self) -> None:
        """Lets go of the file."""
        if self._pid == os.getpid():  # else a fork made this process, and the connection is its parent's
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _pause_s(self, now_s: float) -> float:
        quiet_s = now_s - self._changed_s
        return next(pause_s for since_s, pause_s in reversed(_PAUSES_S) if quiet_s >= since_s)

    def _has_changed(self, now_s: float) -> bool:
        try:
            seen = self._version()
        except sqlite3.Error:
            time.sleep(_BROKEN_S)  # whoever looks hears what is wrong; if nothing is, a new connection may do
            self._reopen()
            return True
        if seen == self._seen:
            return False
        self._seen, self._changed_s = seen, now_s
        return True

    def _version(self) -> int:
        if self._pid != os.getpid():
            raise sqlite3.ProgrammingError("the connection belongs to the process before a fork")
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def _reopen(self) -> None:
        self.close()
        with suppress(sqlite3.Error):
            self._connection, self._pid = self._connect(), os.getpid()
            self._seen = self._version()
