"""A catalog in one schema of a PostgreSQL database.

Transactions are begun in one round trip with all that belongs to them: the
isolation they need, the lock that stands for the writer's turn, and the
server's time. A reader is a snapshot. A writer holds an advisory lock of the
catalog until its transaction ends: alone, or shared with others that said
so. A turn is the same lock held by a session; its writes go through that very
session, so a turn whose connection broke can write nothing.
"""

import hashlib
import os
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import sqlalchemy as sa

from headwater.db import postgres_engine as sessions
from headwater.db.backend import Dialect
from headwater.db.errors import CatalogCorrupt, CatalogNotFound, CatalogUnavailable
from headwater.db.later import LATER
from headwater.db.postgres_errors import is_gone
from headwater.db.postgres_watch import PostgresWatch
from headwater.errors import AlreadyExists, Error

_CLOCK = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
_READ = f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {_CLOCK}"
_WRITE = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"


class PostgresBackend:
    """The catalog in one schema; see `Backend`."""

    dialect: Dialect = "postgresql"

    def __init__(self, url: str) -> None:
        """Prepares access; the server is asked by the first transaction."""
        self._target = sessions.target_of(url)
        self.place = self._target.place
        self.engine = sessions.postgres_engine(self._target)
        weakref.finalize(self, self.engine.dispose)  # a catalog that nobody closed leaves no session behind
        self._mine = threading.local()
        key = _lock_key(self._target.schema)
        self._channel = f"headwater_{key & 2**64 - 1:016x}"
        notify = f'NOTIFY "{self._channel}"'
        self._announce = sa.text(notify).execution_options(**{LATER: True})
        self._alone = f"{_WRITE}; SELECT pg_advisory_xact_lock({key}); {notify}; {_CLOCK}"
        self._shared = f"{_WRITE}; SELECT pg_advisory_xact_lock_shared({key}); {_CLOCK}"
        self._in_turn = f"{_WRITE}; {notify}; {_CLOCK}"
        self._take_turn = f"SELECT pg_advisory_lock({key})"
        self._end_turn = f"SELECT pg_advisory_unlock({key})"

    def prepare(self) -> None:
        """Makes the schema, where the database has none of that name."""
        sessions.make_schema(self._target)

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Gives a connection in a transaction that sees one moment."""
        with self._transaction(_READ) as conn:
            yield conn

    @contextmanager
    def write(self, *, shared: bool) -> Iterator[sa.Connection]:
        """Gives a connection in a transaction that holds the catalog's lock, or is in the turn's session."""
        turn: sa.Connection | None = self._local().turn
        if turn is None:
            with self._transaction(self._shared if shared else self._alone) as conn:
                yield conn
        elif turn.invalidated:  # another session would not have the lock
            raise CatalogUnavailable(
                f"The connection to {self.place} that held the writer's turn broke.", hint="Begin again."
            )
        else:
            turn = turn.execution_options(**{sessions.BEGIN: self._in_turn})
            with turn.begin():
                yield turn

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Holds the catalog's lock in a session of its own."""
        mine = self._local()
        if mine.turn is not None:
            yield
            return
        conn = self._connected(lambda conn: sessions.run(conn, self._take_turn, self.place))
        mine.turn = conn
        pid = os.getpid()
        try:
            yield
        finally:
            if os.getpid() == pid:  # else a fork made this process, and the turn is its parent's
                mine.turn = None
                self._give_back(conn)

    @contextmanager
    def migrating(self) -> Iterator[sa.Connection]:
        """Gives a connection whose changes of the schema are one transaction."""
        with self.write(shared=False) as conn:
            yield conn

    def is_current(self, conn: sa.Connection) -> bool:  # noqa: ARG002 - every connection sets what it needs
        """Tells that there is nothing but the schema that could be out of date."""
        return True

    def no_catalog(self, *, is_empty: bool) -> Error:
        """Returns the error for a schema without tables, or with another program's."""
        if is_empty:
            return CatalogNotFound(
                f"There is no catalog in {self.place}.",
                hint="Make a workspace with `headwater init URL`, or name another one.",
            )
        return CatalogCorrupt(
            f"{self.place} holds another program's tables and no Headwater catalog.",
            hint="Name the database of a workspace, or a schema of its own: ?schema=NAME.",
        )

    def already(self) -> Error:
        """Returns the error for a schema with tables."""
        return AlreadyExists(
            f"There are tables in {self.place} already.",
            hint="Open it, or name another database, or a schema of its own: ?schema=NAME.",
        )

    def server_ms(self, conn: sa.Connection) -> int | None:
        """Returns the server's time: what it said when the transaction began, and what has passed since."""
        said_ms, at_s = conn.info[sessions.CLOCK]
        return int(said_ms + (time.monotonic() - at_s) * 1000)

    def announce(self, conn: sa.Connection) -> None:
        """Sends a notification with the transaction's end."""
        conn.execute(self._announce)

    def watch(self) -> PostgresWatch:
        """Returns what listens on the catalog's channel."""
        return PostgresWatch(lambda: sessions.open_session(self._target), self._channel)

    def close(self) -> None:
        """Closes all connections that are not in use."""
        self.engine.dispose()

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sa.Connection]:
        pid = os.getpid()
        conn = self._connected(lambda conn: conn.begin(), begin)
        try:
            yield conn
            if os.getpid() == pid:
                conn.commit()
        finally:
            if os.getpid() == pid:  # else a fork made this process, and the connection is its parent's
                conn.close()

    def _connected(self, start: Any, begin: str = "") -> sa.Connection:
        """Returns a connection on which `start` has run; one that broke while it lay idle is replaced."""
        for is_last in (False, True):
            conn = sessions.connect(self.engine, self.place).execution_options(**{sessions.BEGIN: begin})
            try:
                start(conn)
            except BaseException as error:
                with suppress(Exception):
                    conn.invalidate()
                conn.close()
                if is_last or not is_gone(error.__cause__ or error):
                    raise
                self.engine.dispose()
            else:
                return conn
        raise AssertionError("the loop returns or raises")

    def _give_back(self, conn: sa.Connection) -> None:
        try:
            sessions.run(conn, self._end_turn, self.place)
        except BaseException:
            conn.invalidate()  # closing the session ends the turn too
            raise
        finally:
            conn.close()

    def _local(self) -> Any:
        """Returns this thread's turn; a forked child has none, whatever its parent holds."""
        mine = self._mine
        if getattr(mine, "pid", None) != os.getpid():
            mine.pid, mine.turn = os.getpid(), None
        return mine


def _lock_key(schema: str) -> int:
    digest = hashlib.blake2b(f"headwater catalog {schema}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
