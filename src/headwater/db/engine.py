"""The SQLAlchemy engine over one SQLite file, set so that transactions are exactly ours.

Python's sqlite3 begins transactions by itself and too late; that is switched
off, and `BEGIN` says what is meant: `BEGIN` for a reader, which is a snapshot
and may not write, `BEGIN IMMEDIATE` for a writer, which never has to be undone
because somebody else was faster. Errors of the driver come out as the
catalog's own, naming the file and the next step.
"""

import os
import sqlite3
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from headwater.db.errors import (
    CatalogCorrupt,
    CatalogNotFound,
    CatalogUnavailable,
    WriteInSnapshot,
    refused_by_barrier,
)
from headwater.errors import Error

WRITES = "headwater_writes"
BUSY_MS = 30_000
_PER_CONNECTION = (
    f"PRAGMA busy_timeout={BUSY_MS}",
    "PRAGMA foreign_keys=ON",
    "PRAGMA synchronous=FULL",
    "PRAGMA query_only=ON",
)

_engines: "weakref.WeakSet[sa.Engine]" = weakref.WeakSet()
_parents: list[object] = []  # pools of the process before a fork: never touched, never closed


def sqlite_engine(path: Path) -> sa.Engine:
    """Returns an engine for the file; it opens the file at the first transaction, not here."""
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        creator=connector(path),
        pool_size=8,
        max_overflow=-1,
    )
    sa.event.listen(engine, "begin", _begin)
    sa.event.listen(engine, "handle_error", _translator(path))
    _engines.add(engine)
    return engine


def connector(path: Path) -> Callable[[], sqlite3.Connection]:
    """Returns what opens the file with the settings that every connection has."""
    uri = path.as_uri() + "?mode=rw"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
        for statement in _PER_CONNECTION:
            connection.execute(statement)
        return connection

    return connect


def _begin(connection: sa.Connection) -> None:
    driver: Any = connection.connection.driver_connection
    if connection.get_execution_options().get(WRITES):
        driver.execute("PRAGMA query_only=OFF")
        driver.execute("BEGIN IMMEDIATE")
    else:
        driver.execute("PRAGMA query_only=ON")
        driver.execute("BEGIN")
        driver.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()  # the snapshot is of now


def _translator(path: Path) -> Callable[[sa.ExceptionContext], BaseException | None]:
    def translate(context: sa.ExceptionContext) -> BaseException | None:
        error = context.original_exception
        return refused_by_barrier(error) or translated(path, error)

    return translate


def translated(path: Path, error: BaseException | None) -> Error | None:
    """Returns the catalog's error for one of SQLite's; none where it is not about the file."""
    code = getattr(error, "sqlite_errorcode", None)
    if not isinstance(code, int):
        return None
    match code & 0xFF:
        case sqlite3.SQLITE_FULL:
            return CatalogUnavailable(
                f"The disk is full, so the catalog {path} was left as it was.",
                hint="Make room on that disk, then run the command again.",
            )
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return _cannot_write(path, error)
        case sqlite3.SQLITE_CANTOPEN:
            return _cannot_open(path)
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return CatalogUnavailable(
                f"Another program held the catalog {path} for {BUSY_MS // 1000} s.",
                hint="Stop what keeps it open (a database browser, a backup), then try again.",
            )
        case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT:
            return CatalogCorrupt(
                f"{path} is not a sound catalog ({error}).",
                hint="Restore it from a backup, or name another workspace.",
            )
        case sqlite3.SQLITE_IOERR:
            return CatalogUnavailable(
                f"The disk failed while the catalog {path} was used ({error}).",
                hint="Look at the disk's free space, quota and health, then try again.",
            )
    return None


def _cannot_write(path: Path, error: BaseException | None) -> Error:
    by_effective_user = os.access in os.supports_effective_ids
    if all(os.access(place, os.W_OK, effective_ids=by_effective_user) for place in (path, path.parent)):
        return WriteInSnapshot()
    return CatalogUnavailable(
        f"The catalog {path} may not be written ({error}).",
        hint=f"Make the file and {path.parent} writable for this user.",
    )


def _cannot_open(path: Path) -> Error:
    if not os.path.lexists(path):
        return CatalogNotFound(
            f"There is no catalog at {path}.",
            hint="Make a workspace with `headwater init`, or name another one.",
        )
    return CatalogUnavailable(
        f"The catalog {path} cannot be opened.",
        hint=f"Make the file and {path.parent} readable and writable for this user.",
    )


def _after_fork_in_child() -> None:
    for engine in list(_engines):
        _parents.append(engine.pool)
        engine.dispose(close=False)


os.register_at_fork(after_in_child=_after_fork_in_child)
