"""The catalog: the one database in which everything that must happen together does.

Readers see one consistent snapshot and wait for nobody. Writers take turns
(see `turn`), so a write transaction begins at once, never has to be repeated
because of another, and costs one fsync, checkpoints apart. Knows no tables
but its own; each floor keeps its statements in its `store.py`.
"""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Self

import sqlalchemy as sa

from headwater.clock import Clock, SystemClock
from headwater.db import schema
from headwater.db.engine import WRITES, sqlite_engine
from headwater.db.errors import CatalogCorrupt, CatalogNotFound, NestedTransaction, cannot_write
from headwater.db.place import refuse_network, sqlite_path
from headwater.db.turn import FileLock
from headwater.errors import AlreadyExists, Error

_SYSTEM_CLOCK = SystemClock()


class Catalog:
    """An open catalog; safe to use from many threads, and from a forked child."""

    def __init__(self, url: str, *, clock: Clock = _SYSTEM_CLOCK) -> None:
        """Prepares access; `create` and `open` are the ways in."""
        self.url = url
        self.dialect = "sqlite"
        self._path = sqlite_path(url)
        self._clock = clock
        refuse_network(self._path)
        self._engine = sqlite_engine(self._path)
        self._writes = self._engine.execution_options(**{WRITES: True})
        self._turn = FileLock(self._path)
        self._inside = threading.local()

    @classmethod
    def create(cls, url: str, *, clock: Clock = _SYSTEM_CLOCK) -> Self:
        """Makes a catalog with the newest schema, and its folder where there is none.

        Args:
            url: `sqlite:///` and the absolute path of a file.
            clock: The clock that leases go by.

        Raises:
            AlreadyExists: There is one already.
            CatalogUnavailable: The folder cannot be written.
            NetworkFileSystem: The folder is not on a disk of this machine.
        """
        catalog = cls(url, clock=clock)
        try:
            catalog._path.parent.mkdir(parents=True, exist_ok=True)
            catalog._path.touch(mode=0o666)
        except OSError as error:
            raise cannot_write(catalog._path, error) from None
        with catalog.writer_turn():
            with catalog.read() as conn:
                if not schema.is_empty(conn):
                    raise AlreadyExists(
                        f"There is a database at {catalog._path} already.",
                        hint="Open it, or name a folder without one.",
                    )
            catalog._migrate()
        return catalog

    @classmethod
    def open(cls, url: str, *, clock: Clock = _SYSTEM_CLOCK) -> Self:
        """Opens a catalog, migrating it first where its schema is older than this code's.

        Args:
            url: `sqlite:///` and the absolute path of a file.
            clock: The clock that leases go by.

        Raises:
            CatalogNotFound: There is none.
            CatalogCorrupt: The file is something else, or damaged.
            CatalogUnavailable: The file cannot be opened or migrated.
            NetworkFileSystem: The file is not on a disk of this machine.
            VersionMismatch: It was made by a newer Headwater.
        """
        catalog = cls(url, clock=clock)
        with catalog.read() as conn:
            is_current = catalog._is_current(conn)
        if not is_current:
            with catalog.writer_turn():
                catalog._migrate()
        return catalog

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Gives a connection that sees the catalog as it is now, unchanged until the block ends."""
        with self._engine.connect() as conn, conn.begin():
            yield conn

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Gives a connection whose changes become durable together at the block's end, or not at all.

        An exception in the block undoes them. Read what you decide by inside
        the block: nobody else writes meanwhile.

        Raises:
            NestedTransaction: This thread is in such a block already.
            CatalogUnavailable: Full disk, no permission, or another program holds the file.
        """
        if getattr(self._inside, "writing", False):
            raise NestedTransaction
        with self.writer_turn():
            self._inside.writing = True
            try:
                with self._writes.connect() as conn, conn.begin():
                    yield conn
            finally:
                self._inside.writing = False

    def writer_turn(self) -> AbstractContextManager[None]:
        """Keeps everybody else from writing for the block; `write()` inside it does not wait again.

        For work that must build on a state nobody can change meanwhile, with
        the transaction itself kept short at the end. A thread may nest it.

        Raises:
            CatalogUnavailable: The lock file beside the catalog cannot be opened.
        """
        return self._turn.hold()

    def now_ms(self, conn: sa.Connection) -> int:  # noqa: ARG002 - a database server's clock is asked through it
        """Returns milliseconds since 1970 by the clock that leases go by: for SQLite the machine's."""
        return self._clock.now_ms()

    def close(self) -> None:
        """Lets go of the file; the last one to do so folds the log into the database."""
        self._engine.dispose()

    def _is_current(self, conn: sa.Connection) -> bool:
        revision = schema.current_revision(conn)
        if revision is None:
            raise self._no_catalog(is_empty=schema.is_empty(conn))
        driver: Any = conn.connection.driver_connection
        is_wal = (
            driver.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        )  # a copy of a catalog may have lost it
        return schema.is_current(conn, revision) and is_wal

    def _no_catalog(self, *, is_empty: bool) -> Error:
        if is_empty:
            return CatalogNotFound(
                f"{self._path} is empty: its workspace was never finished.",
                hint="Make it with `headwater init`.",
            )
        return CatalogCorrupt(
            f"{self._path} is a SQLite database, but not a Headwater catalog.",
            hint="Name the folder of a workspace, or make one with `headwater init`.",
        )

    def _migrate(self) -> None:
        """Runs missing migrations; in the writer's turn, so whoever waited finds them done."""
        with self._writes.connect() as conn:
            driver: Any = conn.connection.driver_connection
            driver.execute("PRAGMA query_only=OFF")
            driver.execute("PRAGMA journal_mode=WAL")
            driver.execute("PRAGMA foreign_keys=OFF")  # a migration may rebuild a table that others refer to
            try:
                with conn.begin():
                    revision = schema.current_revision(conn)
                    if revision is None or not schema.is_current(conn, revision):
                        schema.migrate(conn, now_ms=self.now_ms(conn))
            finally:
                driver.execute("PRAGMA foreign_keys=ON")
