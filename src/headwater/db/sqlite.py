"""A catalog in a SQLite file of this machine.

Writers take turns by a lock beside the file (see `turn`), so a transaction
begins at once, never has to be repeated because of another, and costs one
fsync, checkpoints apart.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import sqlalchemy as sa

from headwater.db.backend import Dialect
from headwater.db.engine import WRITES, connector, sqlite_engine, translated
from headwater.db.errors import CatalogCorrupt, CatalogNotFound, cannot_write
from headwater.db.place import refuse_network, sqlite_path
from headwater.db.turn import FileLock
from headwater.db.watch import SqliteWatch
from headwater.errors import AlreadyExists, Error


class SqliteBackend:
    """The catalog in one file; see `Backend`."""

    dialect: Dialect = "sqlite"

    def __init__(self, url: str) -> None:
        """Prepares access; the file is opened by the first transaction."""
        self._path = sqlite_path(url)
        self.place = url
        refuse_network(self._path)
        self.engine = sqlite_engine(self._path)
        self._writes = self.engine.execution_options(**{WRITES: True})
        self._turn = FileLock(self._path)

    def prepare(self) -> None:
        """Makes the folder and an empty file."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.touch(mode=0o666)
        except OSError as error:
            raise cannot_write(self._path, error) from None

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Gives a connection whose snapshot is of now."""
        with self.engine.connect() as conn, conn.begin():
            yield conn

    @contextmanager
    def write(self, *, shared: bool) -> Iterator[sa.Connection]:  # noqa: ARG002 - one writes at a time, always
        """Gives a connection in the writer's turn."""
        with self._turn.hold(), self._writes.connect() as conn, conn.begin():
            yield conn

    def turn(self) -> AbstractContextManager[None]:
        """Holds the lock beside the file."""
        return self._turn.hold()

    @contextmanager
    def migrating(self) -> Iterator[sa.Connection]:
        """Gives a connection that may rebuild a table to which others refer, of a file with a write-ahead log."""
        with self._writes.connect() as conn:
            driver: Any = conn.connection.driver_connection
            driver.execute("PRAGMA query_only=OFF")
            driver.execute("PRAGMA journal_mode=WAL")
            driver.execute("PRAGMA foreign_keys=OFF")
            try:
                with conn.begin():
                    yield conn
            finally:
                driver.execute("PRAGMA foreign_keys=ON")

    def is_current(self, conn: sa.Connection) -> bool:
        """Tells whether the file has a write-ahead log; a copy of a catalog may have lost it."""
        driver: Any = conn.connection.driver_connection
        return bool(driver.execute("PRAGMA journal_mode").fetchone()[0] == "wal")

    def no_catalog(self, *, is_empty: bool) -> Error:
        """Returns the error for an empty file, or one of another program."""
        if is_empty:
            return CatalogNotFound(
                f"{self._path} is empty: its workspace was never finished.",
                hint="Make it with `headwater init`.",
            )
        return CatalogCorrupt(
            f"{self._path} is a SQLite database, but not a Headwater catalog.",
            hint="Name the folder of a workspace, or make one with `headwater init`.",
        )

    def already(self) -> Error:
        """Returns the error for a file with tables."""
        return AlreadyExists(
            f"There is a database at {self._path} already.",
            hint="Open it, or name a folder without one.",
        )

    def server_ms(self, conn: sa.Connection) -> int | None:  # noqa: ARG002 - there is no server
        """Returns none: the machine's clock is the catalog's."""
        return None

    def announce(self, conn: sa.Connection) -> None:
        """Does nothing: the file tells of every transaction."""

    def watch(self) -> SqliteWatch:
        """Returns what looks at the file's counter of changes."""
        try:
            return SqliteWatch(connector(self._path))
        except sqlite3.Error as error:
            raise (translated(self._path, error) or error) from None

    def close(self) -> None:
        """Lets go of the file; the last one to do so folds the log into the database."""
        self.engine.dispose()
