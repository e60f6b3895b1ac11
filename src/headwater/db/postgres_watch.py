"""Hearing of changes from a PostgreSQL server: one session that listens on the catalog's channel.

A session that breaks is opened again, at most once a second. Between the two
nothing is heard, so the first answer afterwards is to look; so it is behind a
pooler that passes no notifications on, where the time limits of those who wait
are all there is.
"""

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self

from headwater.errors import Error

_SLICE_S = 0.1  # how late a stop may be noticed
_RETRY_S = 1.0


class PostgresWatch:
    """Listens on a channel; a `ChangeWatch`."""

    def __init__(self, connect: Callable[[], Any], channel: str) -> None:
        """Begins to listen.

        Raises:
            CatalogUnavailable: The server refuses.
        """
        self._connect, self._channel = connect, channel
        self._pid, self._tried_s = os.getpid(), time.monotonic()
        self._session: Any = self._listening()

    def wait(self, timeout_s: float, stop: threading.Event | None = None) -> bool:
        """Waits for a change; see `ChangeWatch`."""
        deadline_s = time.monotonic() + timeout_s
        while stop is None or not stop.is_set():
            left_s = deadline_s - time.monotonic()
            if self._session is None or self._pid != os.getpid():
                if self._has_reopened():
                    return True
                if left_s <= 0:
                    return False
                (stop or threading.Event()).wait(min(left_s, _RETRY_S))
            elif self._has_heard(min(max(left_s, 0.0), timeout_s if stop is None else _SLICE_S)):
                return True
            elif left_s <= 0:
                return False
        return False

    def close(self) -> None:
        """Ends the session."""
        session, self._session = self._session, None
        if session is not None and self._pid == os.getpid():
            with suppress(Exception):  # it may be broken, and is not needed any more
                session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _listening(self) -> Any:
        session = self._connect()
        session.execute(f'LISTEN "{self._channel}"')
        return session

    def _has_heard(self, timeout_s: float) -> bool:
        from psycopg import Error as DriverError

        try:
            heard = any(self._session.notifies(timeout=timeout_s, stop_after=1))
            if heard:
                any(self._session.notifies(timeout=0))  # what came with it is answered by the same look
        except (DriverError, OSError):
            self.close()
            return True
        return heard

    def _has_reopened(self) -> bool:
        from psycopg import Error as DriverError

        now_s = time.monotonic()
        if self._pid == os.getpid() and now_s - self._tried_s < _RETRY_S:
            return False
        self._tried_s, self._pid = now_s, os.getpid()
        try:
            self._session = self._listening()
        except (DriverError, Error, OSError):
            self._session = None
            return False
        return True
