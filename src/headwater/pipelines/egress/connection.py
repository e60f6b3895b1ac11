"""The two kinds of databases that egress writes: one transaction each, and their errors in our words.

PostgreSQL takes rows by COPY, which converts texts as the columns ask for.
SQLite takes what it is given, so some values are made fit here. All names are
quoted by SQLAlchemy or the driver; none is put into a statement as it is.
"""

import json
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date, datetime, time
from decimal import Decimal
from itertools import islice
from typing import Any, ClassVar

import sqlalchemy as sa
from blake3 import blake3
from sqlalchemy.pool import NullPool

from headwater.errors import Error, MissingExtra
from headwater.pipelines.egress.address import Address
from headwater.pipelines.egress.errors import EgressFailed, EgressUnavailable

Column = tuple[str, Any]

_ROWS = 1_000
_CONNECT_S, _BUSY_S = 10, 30
_AGAIN = "It is tried again; see whether that database runs and has room."
_MEND = "Mend the data or the table; the next job, or `headwater pipeline rerun`, sends it again."
# Classes of SQLSTATE that pass: connection, transaction undone, resources, the operator stepped in, the system failed.
_PASSING = ("08", "40", "53", "57", "58", "55P03")
_FOR_GOOD = ("authentication failed", "does not exist", "no pg_hba.conf entry", "no password supplied")


class Target(ABC):
    """A database in one open transaction."""

    longest_name: ClassVar[int] = 255

    def __init__(self, conn: sa.Connection, shown: str) -> None:
        """Takes a connection whose transaction has begun."""
        self._conn, self._shown = conn, shown

    @staticmethod
    @abstractmethod
    def raises() -> tuple[type[Exception], ...]:
        """Returns what it raises: SQLAlchemy's errors, and those of its driver."""

    def names(self) -> set[str]:
        """Returns the names of its tables."""
        return set(sa.inspect(self._conn).get_table_names())

    def columns(self, table: str) -> dict[str, Any] | None:
        """Returns the columns of a table with their types; none where there is no such table."""
        inspector = sa.inspect(self._conn)
        if not inspector.has_table(table):
            return None
        return {column["name"]: column["type"] for column in inspector.get_columns(table)}

    def check_name(self, table: str) -> None:
        """Makes sure that a table can be called so.

        Raises:
            EgressFailed: It cannot.
        """
        if len(table.encode()) > self.longest_name or table.lower().startswith(("sqlite_", "pg_")):
            raise EgressFailed(
                f"The table {table!r}",
                why="no table of that database can be called so",
                hint=f"Name the folder or file otherwise, with at most {self.longest_name} bytes.",
            )

    def called(self, table: str) -> str:
        """Returns the name under which a table is there already, which may be spelled otherwise."""
        return table

    def create(self, table: str, columns: Mapping[str, Any]) -> None:
        """Makes a table."""
        made = [sa.Column(sa.quoted_name(name, quote=True), type) for name, type in columns.items()]
        sa.Table(sa.quoted_name(table, quote=True), sa.MetaData(), *made).create(self._conn)

    def clear(self, table: str) -> None:
        """Removes all rows of a table."""
        self._conn.execute(sa.delete(sa.table(sa.quoted_name(table, quote=True))))

    @abstractmethod
    def insert(self, table: str, columns: Sequence[Column], rows: Iterator[Sequence[Any]]) -> int:
        """Adds rows; returns how many."""

    def told(self, error: BaseException, what: str) -> Error:
        """Returns egress's error for one of the database's."""
        cause = getattr(error, "orig", None) or error
        said = next(iter(str(cause).strip().splitlines()), type(cause).__name__).rstrip(".")
        said = said.removeprefix("connection failed: ")
        if self.passes(cause):
            return EgressUnavailable(what, why=said, hint=_AGAIN)
        return EgressFailed(what, why=said + self.place_of(cause), hint=_MEND)

    @staticmethod
    @abstractmethod
    def passes(error: BaseException) -> bool:
        """Tells whether the same may succeed later."""

    @staticmethod
    def place_of(error: BaseException) -> str:  # noqa: ARG004 - not every database says
        """Returns where in the rows it happened, as far as the database says."""
        return ""


class SqliteTarget(Target):
    """A SQLite file."""

    @staticmethod
    def raises() -> tuple[type[Exception], ...]:
        """Returns what it raises."""
        return (sa.exc.SQLAlchemyError, sqlite3.Error, OverflowError)

    def called(self, table: str) -> str:
        """Returns the name of a table as it was made: to SQLite, Users and users are one."""
        query = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name = ? COLLATE NOCASE"
        row = self._conn.exec_driver_sql(query, (table,)).first()
        return table if row is None else str(row[0])

    def insert(self, table: str, columns: Sequence[Column], rows: Iterator[Sequence[Any]]) -> int:
        """Adds rows, some at a time."""
        quote = self._conn.dialect.identifier_preparer.quote_identifier
        names = ", ".join(quote(name) for name, _ in columns)
        marks = ", ".join("?" for _ in columns)
        statement = f"INSERT INTO {quote(table)} ({names}) VALUES ({marks})"  # noqa: S608 - names are quoted
        booleans = [isinstance(type, sa.Boolean) for _, type in columns]
        count = 0
        while batch := list(islice(rows, _ROWS)):
            fit = [tuple(map(_for_sqlite, row, booleans)) for row in batch]
            self._conn.exec_driver_sql(statement, fit)
            count += len(fit)
        return count

    @staticmethod
    def passes(error: BaseException) -> bool:
        """Tells whether the file was locked, or its disk full."""
        code = getattr(error, "sqlite_errorcode", 0) or 0
        busy = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
        return code & 0xFF in busy


class PostgresTarget(Target):
    """A PostgreSQL database."""

    longest_name = 63

    @staticmethod
    def raises() -> tuple[type[Exception], ...]:
        """Returns what it raises."""
        import psycopg

        return (sa.exc.SQLAlchemyError, psycopg.Error)

    def insert(self, table: str, columns: Sequence[Column], rows: Iterator[Sequence[Any]]) -> int:
        """Adds rows by COPY."""
        from psycopg import sql

        names = sql.SQL(", ").join(sql.Identifier(name) for name, _ in columns)
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
        arrays = [isinstance(type, sa.ARRAY) for _, type in columns]
        driver: Any = self._conn.connection.driver_connection
        count = 0
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(tuple(map(_for_postgres, row, arrays)))
                count += 1
        return count

    @staticmethod
    def passes(error: BaseException) -> bool:
        """Tells it by the server's code, or, where no connection was made, by the driver's sentence."""
        code = getattr(error, "sqlstate", None)
        if isinstance(code, str):
            return code.startswith(_PASSING)
        is_about_server = type(error).__name__ in ("OperationalError", "InterfaceError", "ConnectionTimeout")
        return is_about_server and not any(words in str(error) for words in _FOR_GOOD)

    @staticmethod
    def place_of(error: BaseException) -> str:
        """Returns the row and column, as COPY tells them."""
        context = getattr(getattr(error, "diag", None), "context", None) or ""
        return f" ({context.splitlines()[0][:200]})" if context.startswith("COPY") else ""


@contextmanager
def open_target(address: Address) -> Iterator[Target]:
    """Gives a database in one transaction, which ends well only if the block does.

    Nobody else's egress writes to the same place meanwhile.

    Raises:
        EgressFailed: The database cannot be opened.
        EgressUnavailable: It cannot right now.
        MissingExtra: The driver is not installed.
    """
    kind: type[Target] = SqliteTarget if address.url.startswith("sqlite:") else PostgresTarget
    what = f"The output for {address.shown}"
    with _engine(address, kind) as engine:
        raised = kind.raises()
        try:
            conn = engine.connect()
        except raised as error:
            raise kind(None, address.shown).told(error, what) from None  # type: ignore[arg-type]
        try:
            target = kind(conn, address.shown)
            with _telling(target, what, raised):
                _begin(conn, address)
            yield target
            with _telling(target, what, raised):
                conn.commit()
        finally:
            with suppress(sa.exc.SQLAlchemyError):
                conn.close()


@contextmanager
def _telling(target: Target, what: str, raised: tuple[type[Exception], ...]) -> Iterator[None]:
    try:
        yield
    except raised as error:
        raise target.told(error, what) from None


@contextmanager
def _engine(address: Address, kind: type[Target]) -> Iterator[sa.Engine]:
    try:
        url = sa.make_url(address.url)
    except (sa.exc.ArgumentError, ValueError):
        raise _unreadable(address) from None
    if "@" in (url.host or ""):  # a part of the password, which the driver would tell everybody
        raise _unreadable(address)
    if kind is SqliteTarget:
        options: dict[str, Any] = {"timeout": _BUSY_S, "isolation_level": None}
    else:
        url = url.set(drivername="postgresql+psycopg")
        options = {"connect_timeout": _CONNECT_S, "application_name": "headwater egress"}
    try:
        engine = sa.create_engine(url, poolclass=NullPool, connect_args=options, hide_parameters=True)
    except ImportError:
        raise MissingExtra("An egress to PostgreSQL", extra="postgres") from None
    except (sa.exc.ArgumentError, ValueError, TypeError):
        raise _unreadable(address) from None
    try:
        yield engine
    finally:
        engine.dispose()


def _begin(conn: sa.Connection, address: Address) -> None:
    """Begins the transaction, as the only egress to this place."""
    if conn.dialect.name == "sqlite":
        conn.exec_driver_sql("BEGIN IMMEDIATE")
        return
    digest = blake3(f"headwater egress {address.identity}".encode()).digest()
    key = int.from_bytes(digest[:8], "big", signed=True)
    conn.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


def _unreadable(address: Address) -> EgressFailed:
    return EgressFailed(
        f"The output for {address.shown}",
        why="its URL cannot be read",
        hint="Write postgresql://user:password@host:5432/database, with special signs in the password as %XX.",
    )


def _for_sqlite(value: Any, is_boolean: bool) -> Any:  # noqa: FBT001 - called by `map`
    match value:
        case str():
            known = {"true": 1, "false": 0} if is_boolean else {}
            return known.get(value.lower(), value) if is_boolean else value
        case Decimal():
            return str(value)
        case datetime():
            return value.isoformat(" ")
        case date() | time():
            return value.isoformat()
        case dict() | list():
            return _json(value)
        case None | bool() | int() | float() | bytes():
            return value
    return str(value)


def _for_postgres(value: Any, is_array: bool) -> Any:  # noqa: FBT001 - called by `map`
    if isinstance(value, dict) or (isinstance(value, list) and not is_array):
        return _json(value)
    return value


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
