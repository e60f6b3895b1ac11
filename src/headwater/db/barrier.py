"""Closes a catalog to writers, whichever program they are and however long it has been open.

The barrier is in the database itself: a trigger on every table that refuses
each change with the reason. So nobody has to ask before he writes, and a
worker that was started before, or an older Headwater, meets it all the same.
Readers notice nothing.
"""

from collections.abc import Collection

import sqlalchemy as sa

from headwater.db.errors import BARRIER

_NAME = "headwater_barrier"
_ACTIONS = ("INSERT", "UPDATE", "DELETE")


def raise_barrier(conn: sa.Connection, reason: str, *, besides: Collection[str] = ()) -> None:
    """Refuses, from the end of the transaction on, every change to every table, saying why.

    A barrier that stands already gets the new reason.

    Args:
        conn: A write transaction, in which nobody else writes.
        reason: A sentence for whoever is refused.
        besides: Tables that stay open.
    """
    lift_barrier(conn)
    tables = sorted(set(_tables(conn)) - set(besides))
    text = (BARRIER + reason).replace("'", "''")
    if conn.dialect.name == "sqlite":
        for table in tables:
            for action in _ACTIONS:
                _run(
                    conn,
                    f'CREATE TRIGGER "{_NAME}_{action.lower()}_{table}" BEFORE {action} ON "{table}" '
                    f"BEGIN SELECT RAISE(ABORT, '{text}'); END",
                )
        return
    _run(
        conn,
        f"CREATE FUNCTION {_NAME}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$headwater$BEGIN RAISE EXCEPTION USING MESSAGE = '{text}'; END$headwater$",
    )
    for table in tables:
        _run(
            conn,
            f'CREATE TRIGGER {_NAME} BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON "{table}" '
            f"FOR EACH STATEMENT EXECUTE FUNCTION {_NAME}()",
        )


def lift_barrier(conn: sa.Connection) -> None:
    """Lets writers in again; nothing happens where there is no barrier."""
    if conn.dialect.name == "sqlite":
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'headwater_barrier_%'"
        for name in conn.exec_driver_sql(query).scalars().all():
            _run(conn, f'DROP TRIGGER "{name}"')
        return
    _run(conn, f"DROP FUNCTION IF EXISTS {_NAME}() CASCADE")


def _tables(conn: sa.Connection) -> list[str]:
    return sa.inspect(conn).get_table_names()


def _run(conn: sa.Connection, statement: str) -> None:
    conn.exec_driver_sql(statement.replace("%", "%%") if conn.dialect.name != "sqlite" else statement)
