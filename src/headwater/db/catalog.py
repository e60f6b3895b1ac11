"""The catalog: the one database in which everything that must happen together does.

Readers see one consistent snapshot and wait for nobody. A writer is alone, so
what it reads before it decides stays true until its transaction ends; only
what says `shared=True` runs beside others, where the database can do that,
and locks the rows that it decides by. Knows no tables but its own; each floor
keeps its statements in its `store.py`.
"""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Self

import sqlalchemy as sa

from headwater.clock import Clock, SystemClock
from headwater.db import schema
from headwater.db.backend import Backend
from headwater.db.errors import NestedTransaction
from headwater.db.place import scheme_of
from headwater.db.watch import ChangeWatch

_SYSTEM_CLOCK = SystemClock()


class Catalog:
    """An open catalog; safe to use from many threads, and from a forked child."""

    def __init__(self, url: str, *, clock: Clock = _SYSTEM_CLOCK) -> None:
        """Prepares access; `create` and `open` are the ways in."""
        self.url = url
        self._backend = _backend(url)
        self.dialect = self._backend.dialect
        self.place = self._backend.place
        self._clock = clock
        # A clock that a test moves by hand is the catalog's clock wherever the catalog is.
        self._asks_server = self.dialect != "sqlite" and type(clock) is SystemClock
        self._inside = threading.local()

    @classmethod
    def create(cls, url: str, *, clock: Clock = _SYSTEM_CLOCK) -> Self:
        """Makes a catalog with the newest schema, and its folder where there is none.

        Args:
            url: `sqlite:///` and the absolute path of a file, or
                `postgresql://USER@HOST/DATABASE`, with `?schema=NAME` for another schema than `public`.
            clock: The clock that leases go by; a PostgreSQL server's own stands in for the machine's.

        Raises:
            AlreadyExists: There is one already.
            CatalogNotFound: The server has no such database.
            CatalogUnavailable: The folder cannot be written, or the server refuses.
            MissingExtra: The catalog is on PostgreSQL, and its driver is not installed.
            NetworkFileSystem: The folder is not on a disk of this machine.
        """
        catalog = cls(url, clock=clock)
        catalog._backend.prepare()
        with catalog.writer_turn():
            with catalog.read() as conn:
                if not schema.is_empty(conn):
                    raise catalog._backend.already()
            catalog._migrate()
        return catalog

    @classmethod
    def open(cls, url: str, *, clock: Clock = _SYSTEM_CLOCK) -> Self:
        """Opens a catalog, migrating it first where its schema is older than this code's.

        Args:
            url: As for `create`.
            clock: As for `create`.

        Raises:
            CatalogNotFound: There is none.
            CatalogCorrupt: There is something else, or it is damaged.
            CatalogUnavailable: It cannot be opened or migrated.
            MissingExtra: The catalog is on PostgreSQL, and its driver is not installed.
            NetworkFileSystem: The file is not on a disk of this machine.
            VersionMismatch: It was made by a newer Headwater.
        """
        catalog = cls(url, clock=clock)
        with catalog.read() as conn:
            revision = schema.current_revision(conn)
            if revision is None:
                raise catalog._backend.no_catalog(is_empty=schema.is_empty(conn))
            is_current = schema.is_current(conn, revision) and catalog._backend.is_current(conn)
        if not is_current:
            with catalog.writer_turn():
                catalog._migrate()
        return catalog

    def read(self) -> AbstractContextManager[sa.Connection]:
        """Gives a connection that sees the catalog as it is now, unchanged until the block ends."""
        return self._backend.read()

    @contextmanager
    def write(self, *, shared: bool = False) -> Iterator[sa.Connection]:
        """Gives a connection whose changes become durable together at the block's end, or not at all.

        An exception in the block undoes them. Read what you decide by inside
        the block: nobody else writes meanwhile.

        Args:
            shared: Others that are shared too may write meanwhile, where the
                database can do that (SQLite cannot). Only for statements that
                hold against each other: they lock the rows that they decide
                by before they read them, each time in the same order.

        Raises:
            NestedTransaction: This thread is in such a block already.
            CatalogUnavailable: Full disk, no permission, a server that is gone, or a file that stays locked.
            TransactionUndone: The server undid it because of another one.
        """
        if getattr(self._inside, "writing", False):
            raise NestedTransaction
        self._inside.writing = True
        try:
            with self._backend.write(shared=shared) as conn:
                yield conn
        finally:
            self._inside.writing = False

    def writer_turn(self) -> AbstractContextManager[None]:
        """Keeps everybody else from writing for the block; `write()` inside it does not wait again.

        For work that must build on a state nobody can change meanwhile, with
        the transaction itself kept short at the end. A thread may nest it.

        Raises:
            NestedTransaction: This thread is in a write block, which may run beside others.
            CatalogUnavailable: The lock file beside the catalog cannot be opened, or the server is gone.
        """
        if getattr(self._inside, "writing", False):
            raise NestedTransaction
        return self._backend.turn()

    def now_ms(self, conn: sa.Connection) -> int:
        """Returns milliseconds since 1970 by the clock that leases go by: the server's, else the machine's."""
        told = self._backend.server_ms(conn) if self._asks_server else None
        return self._clock.now_ms() if told is None else told

    def watch(self) -> ChangeWatch:
        """Returns what waits for changes, from now on.

        It hears of every `write()`, and of those with `shared=True` that say
        `announce`. The catalog's `close` leaves it open.

        Raises:
            CatalogNotFound, CatalogUnavailable: It cannot be reached.
        """
        return self._backend.watch()

    def announce(self, conn: sa.Connection) -> None:
        """Says, once the transaction of `conn` is committed, to all who watch that there is something to see.

        Needed with `write(shared=True)` only: an announcement makes servers
        take commits one after the other, which a transaction that is alone
        does anyway, and those beside each other do only for a reason.
        """
        self._backend.announce(conn)

    @property
    def engine(self) -> sa.Engine:
        """What runs the statements, for those who count or watch them."""
        return self._backend.engine

    def close(self) -> None:
        """Lets go of the file or the server."""
        self._backend.close()

    def _migrate(self) -> None:
        """Runs missing migrations; in the writer's turn, so whoever waited finds them done."""
        with self._backend.migrating() as conn:
            revision = schema.current_revision(conn)
            if revision is None or not schema.is_current(conn, revision):
                schema.migrate(conn, now_ms=self.now_ms(conn))


def _backend(url: str) -> Backend:
    if scheme_of(url) == "postgresql":
        from headwater.db.postgres import PostgresBackend

        return PostgresBackend(url)
    from headwater.db.sqlite import SqliteBackend

    return SqliteBackend(url)
