"""Numbers that a database gives to new rows by itself: they must go on above those ever given.

A row's number is never given twice, even when the row is gone, so the mark of
the database counts and not only the highest number that is left.
"""

import sqlalchemy as sa

from headwater.db import Catalog
from headwater.workspace.moving.rows import moving_tables


def carry_numbers(source: Catalog, target: Catalog) -> None:
    """Lets the target's numbers go on above those of the source."""
    tables = moving_tables(target)
    with source.read() as conn:
        marks = {table.name: _mark(conn, table) for table in tables}
    with target.write() as conn:
        for table in tables:
            column, mark = _numbered(table), marks[table.name]
            if column is not None and mark:
                _set_mark(conn, table.name, column, mark)


def _numbered(table: sa.Table) -> str | None:
    """Returns the column that the database numbers, if the table has one."""
    keys = list(table.primary_key.columns)
    return keys[0].name if len(keys) == 1 and isinstance(keys[0].type, sa.Integer) else None


def _mark(conn: sa.Connection, table: sa.Table) -> int:
    column = _numbered(table)
    if column is None:
        return 0
    highest = conn.execute(
        sa.select(sa.func.max(sa.column(column))).select_from(sa.table(table.name))
    ).scalar()
    return max(int(highest or 0), _given(conn, table.name, column))


def _given(conn: sa.Connection, table: str, column: str) -> int:
    if conn.dialect.name == "sqlite":
        if not conn.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'").first():
            return 0
        found = conn.execute(sa.text("SELECT seq FROM sqlite_sequence WHERE name = :name"), {"name": table})
        return int(found.scalar() or 0)
    sequence = _sequence(conn, table, column)
    if sequence is None:
        return 0
    query = f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {sequence}"  # noqa: S608 - the server's own name
    return int(conn.exec_driver_sql(query).scalar_one())


def _set_mark(conn: sa.Connection, table: str, column: str, mark: int) -> None:
    if conn.dialect.name == "sqlite":
        text = "UPDATE sqlite_sequence SET seq = max(seq, :mark) WHERE name = :name"
        made = "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :name"
        if "AUTOINCREMENT" not in conn.execute(sa.text(made), {"name": table}).scalar_one().upper():
            return
        if conn.execute(sa.text(text), {"mark": mark, "name": table}).rowcount == 0:
            conn.execute(
                sa.text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :mark)"),
                {"mark": mark, "name": table},
            )
        return
    sequence = _sequence(conn, table, column)
    if sequence is not None:
        conn.execute(sa.select(sa.func.setval(sequence, mark)))


def _sequence(conn: sa.Connection, table: str, column: str) -> str | None:
    found: str | None = conn.execute(sa.select(sa.func.pg_get_serial_sequence(f'"{table}"', column))).scalar()
    return found
