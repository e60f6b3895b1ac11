"""The SQLAlchemy engine over one schema of a PostgreSQL database.

The driver's own beginning of transactions is switched off, as for SQLite: a
`BEGIN` says what is meant. Statements whose results nobody waits for may be
marked `LATER`; they are sent at once and answered together with the next one
that is waited for, or with the end of the transaction, so a commit of many
statements costs few round trips.

Every text column is made in byte order (`COLLATE "C"`), because ids, names
and cursors are compared so on SQLite and in Python, whatever order the
database has.
"""

import os
import re
import time
import weakref
from contextlib import ExitStack, suppress
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.base import PGDDLCompiler

from headwater.db.errors import CatalogUnavailable, TransactionUndone
from headwater.db.later import LATER
from headwater.db.postgres_errors import translated
from headwater.errors import InvalidInput, MissingExtra

BEGIN = "headwater_begin"
CLOCK = "headwater_clock"
_PIPELINE = "headwater_pipeline"
_OLDEST, _OLDEST_NAME = 140_000, "14"
_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_DEFAULTS = {"application_name": "headwater", "connect_timeout": "10", "client_encoding": "utf8"}

_engines: "weakref.WeakSet[sa.Engine]" = weakref.WeakSet()
_parents: list[object] = []  # pools of the process before a fork: never touched, never closed


class Target(msgspec.Struct, frozen=True):
    """Where a catalog is: what the driver connects with, the schema, and what people may see of it."""

    options: dict[str, str]
    schema: str
    place: str


class _Definitions(PGDDLCompiler):
    """Writes definitions of columns, with text in byte order."""

    def get_column_specification(self, column: Any, **kwargs: Any) -> str:
        kind = column.type
        if isinstance(kind, sa.String) and not kind.collation:
            column.type = sa.Text(collation="C") if kind.length is None else sa.String(kind.length, "C")
        try:
            return str(super().get_column_specification(column, **kwargs))  # type: ignore[no-untyped-call]
        finally:
            column.type = kind


def target_of(url: str) -> Target:
    """Reads a `postgresql://USER:PASSWORD@HOST:PORT/DATABASE?schema=NAME&…` URL.

    Raises:
        InvalidInput: It names no database, or a schema that cannot be.
        MissingExtra: The driver is not installed.
    """
    _driver()
    try:
        parsed = sa.engine.make_url(re.sub(r"^postgres(ql\+psycopg)?:", "postgresql:", url))
    except (sa.exc.ArgumentError, ValueError):
        raise InvalidInput(
            "That is not a catalog URL.", hint="Write postgresql://USER@HOST/DATABASE."
        ) from None
    if not parsed.database and "service" not in parsed.query:
        raise InvalidInput(
            f"{parsed.render_as_string(hide_password=True)} names no database.",
            hint="Write postgresql://USER@HOST/DATABASE.",
        )
    given = {name: text if isinstance(text, str) else text[-1] for name, text in parsed.query.items()}
    schema = given.pop("schema", "public")
    if not _SCHEMA.fullmatch(schema) or schema.startswith("pg_"):
        raise InvalidInput(
            f"{schema!r} cannot be the schema of a catalog.",
            hint="Use small letters, digits and _, at most 63.",
        )
    parts = {
        "host": parsed.host,
        "port": None if parsed.port is None else str(parsed.port),
        "user": parsed.username,
        "password": parsed.password,
        "dbname": parsed.database,
    }
    told = {name: text for name, text in parts.items() if text is not None}
    shown = sa.URL.create("postgresql", parsed.username, None, parsed.host, parsed.port, parsed.database)
    place = str(shown) + ("" if schema == "public" else f"?schema={schema}")
    return Target({**_DEFAULTS, **told, **given}, schema, place)


def postgres_engine(target: Target) -> sa.Engine:
    """Returns an engine for the schema; it connects at the first transaction, not here."""
    engine = sa.create_engine(
        "postgresql+psycopg://",
        creator=lambda: _open(target),
        pool_size=8,
        max_overflow=-1,
        pool_use_lifo=True,
        use_native_hstore=False,
    )
    engine.dialect.ddl_compiler = _Definitions
    listeners = _Listeners(target.place)
    sa.event.listen(engine, "begin", listeners.begin)
    sa.event.listen(engine, "before_cursor_execute", listeners.before_statement)
    sa.event.listen(engine, "commit", listeners.before_commit)
    sa.event.listen(engine, "rollback", listeners.before_rollback)
    sa.event.listen(engine, "handle_error", listeners.error)
    _engines.add(engine)
    return engine


def make_schema(target: Target) -> None:
    """Makes the schema unless it is there.

    Raises:
        CatalogUnavailable: The user may not.
    """
    try:
        with _open(target) as driver:
            found = driver.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [target.schema])
            if found.fetchone() is None:
                driver.execute(f'CREATE SCHEMA IF NOT EXISTS "{target.schema}"')
    except _driver().Error as error:
        raise (translated(target.place, error) or error) from None


def open_session(target: Target) -> Any:
    """Returns a driver's connection outside of the pool.

    Raises:
        CatalogUnavailable: The server refuses, or is not there.
    """
    try:
        return _open(target)
    except _driver().Error as error:
        raise (translated(target.place, error) or error) from error


def connect(engine: sa.Engine, place: str) -> sa.Connection:
    """Returns a connection of the pool, or a new one."""
    try:
        return engine.connect()
    except sa.exc.DBAPIError as error:
        raise (translated(place, error.orig) or error) from error.orig
    except _driver().Error as error:
        raise (translated(place, error) or error) from error


def run(conn: sa.Connection, statement: str, place: str) -> Any:
    """Runs statements outside of SQLAlchemy's transactions; returns the last one's row."""
    driver: Any = conn.connection.driver_connection
    try:
        cursor = driver.execute(statement)
        while cursor.nextset():
            pass
        return cursor.fetchone()
    except _driver().Error as error:
        raise (translated(place, error) or error) from error


def _driver() -> Any:
    try:
        import psycopg
    except ImportError:
        raise MissingExtra("A catalog on PostgreSQL", extra="postgres") from None
    return psycopg


def _open(target: Target) -> Any:
    """Connects, and sees to it that what is acknowledged is durable."""
    driver = _driver().connect(**target.options, autocommit=True)
    try:
        if driver.info.server_version < _OLDEST:
            version = driver.info.parameter_status("server_version")
            raise CatalogUnavailable(
                f"{target.place} runs PostgreSQL {version}; a catalog needs {_OLDEST_NAME} or newer.",
                hint="Use a newer server.",
            )
        encoding = driver.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            raise CatalogUnavailable(
                f"The database {target.place} keeps text as {encoding}, not as UTF8.",
                hint="Make one with `createdb --encoding=UTF8 --template=template0 NAME`.",
            )
        driver.execute(
            "SELECT set_config('search_path', %s, false), "
            "set_config('synchronous_commit', CASE current_setting('synchronous_commit') "
            "WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)",
            [target.schema],
        )
    except BaseException:
        driver.close()
        raise
    return driver


class _Listeners:
    """What happens around the statements of one engine's connections."""

    def __init__(self, place: str) -> None:
        self._place = place

    def begin(self, conn: sa.Connection) -> None:
        [said_ms] = run(conn, conn.get_execution_options()[BEGIN], self._place)
        conn.info[CLOCK] = (said_ms, time.monotonic())

    def before_statement(self, *given: Any) -> None:
        conn, _, _, _, context, many = given
        if context is not None and not many and context.execution_options.get(LATER, False):
            _enter_pipeline(conn)
        else:
            self._leave_pipeline(conn)

    def before_commit(self, conn: sa.Connection) -> None:
        if _PIPELINE not in conn.info:
            self._refuse_failed(conn)
            return
        try:
            self._leave_pipeline(conn, "COMMIT")  # the driver's own does nothing then
        except BaseException:
            driver: Any = conn.connection.driver_connection
            with suppress(_driver().Error):  # SQLAlchemy takes a commit that failed for the transaction's end
                driver.rollback()
            raise

    def _refuse_failed(self, conn: sa.Connection) -> None:
        """Raises where an earlier error was passed over: the server would answer COMMIT with a rollback, and no error."""
        driver: Any = conn.connection.driver_connection
        if driver.info.transaction_status.name == "INERROR" and "READ ONLY" not in (
            conn.get_execution_options().get(BEGIN, "")
        ):
            driver.rollback()
            raise TransactionUndone(
                f"{self._place} undid a transaction, for one of its statements had failed.",
                hint="Nothing of it was kept; let the error of a statement end its write() block.",
            )

    def before_rollback(self, conn: sa.Connection) -> None:
        pipeline = None if conn.invalidated else conn.info.pop(_PIPELINE, None)
        if pipeline is not None:
            with suppress(_driver().Error):  # of statements that are undone
                pipeline.__exit__(None, None, None)

    def error(self, context: sa.ExceptionContext) -> BaseException | None:
        return translated(self._place, context.original_exception)

    def _leave_pipeline(self, conn: sa.Connection, last: str | None = None) -> None:
        """Waits for the answers to all that was sent, and to a last statement where there is one."""
        pipeline = conn.info.pop(_PIPELINE, None)
        if pipeline is None:
            return
        base = _driver().Error
        try:
            with ExitStack() as stack:
                stack.push(pipeline)
                if last is not None:
                    driver: Any = conn.connection.driver_connection
                    driver.execute(last)
        except base as error:
            plain = sa.exc.DBAPIError.instance(None, None, error, base, dialect=conn.dialect)
            raise (translated(self._place, error) or plain) from error


def _enter_pipeline(conn: sa.Connection) -> None:
    if _PIPELINE not in conn.info:
        driver: Any = conn.connection.driver_connection
        pipeline = driver.pipeline()
        pipeline.__enter__()
        conn.info[_PIPELINE] = pipeline


def _after_fork_in_child() -> None:
    for engine in list(_engines):
        _parents.append(engine.pool)
        engine.dispose(close=False)


os.register_at_fork(after_in_child=_after_fork_in_child)
