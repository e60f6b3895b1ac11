"""Says in the catalog that a server of this workspace is up, for whoever must know before he changes everything.

Workers are on the roster because work is given to them; servers are so that a
move, which needs the workspace for itself, finds them on every machine.
"""

import threading
from contextlib import ExitStack
from types import TracebackType
from typing import Protocol, Self

from headwater.db import Catalog
from headwater.errors import Error
from headwater.execution import Roster
from headwater.telemetry import logger

SERVER = "server"
_BEAT_S = 5.0


class Presence:
    """A server's entry on the roster, for as long as the block runs."""

    def __init__(self, catalog: Catalog, roster: Roster, kind: str = SERVER) -> None:
        """Enters nothing yet."""
        self._catalog, self._roster, self._kind = catalog, roster, kind
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="presence", daemon=True)
        self._id = ""

    def __enter__(self) -> Self:
        """Enters the server.

        Raises:
            CatalogClosed: The workspace is being moved.
        """
        self._id = self._roster.enter(self._kind)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Takes it off again."""
        self._over.set()
        self._thread.join()
        try:
            with self._catalog.write() as conn:
                self._roster.leave(conn, self._id)
        except Error as left:  # silence takes it off as well, a little later
            logger("headwater.presence").warning("not taken off the roster", error=left.message)

    def _beat(self) -> None:
        while not self._over.wait(_BEAT_S):
            try:
                with self._catalog.write() as conn:
                    self._roster.beat(conn, self._id)
            except Error as missed:
                logger("headwater.presence").warning("heartbeat failed", error=missed.message)


class Listener(Protocol):
    """What answers requests between its start and its stop."""

    @property
    def url(self) -> str:
        """Where it listens."""
        ...

    def start(self) -> object:
        """Begins to answer."""
        ...

    def stop(self) -> None:
        """Finishes what is under way."""
        ...


class Announced:
    """A server that is on the roster while it answers; a context manager that stops it."""

    _server: Listener
    _presence: Presence

    def __enter__(self) -> Self:
        """Starts answering."""
        with ExitStack() as undo:
            undo.enter_context(self._presence)
            self._server.start()
            undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finishes what is under way."""
        try:
            self._server.stop()
        finally:
            self._presence.__exit__(kind, error, trace)
