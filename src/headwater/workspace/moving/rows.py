"""Copies the tables of one catalog into another, in batches, and goes on where it was cut off.

What tables there are is read from the database, not from the code: so none is
forgotten. A batch and the cursor behind it are one transaction. A row may
refer to a later one of its own table (a commit to a parent that was made by a
squash); such references are set when all rows are there.
"""

from collections.abc import Iterator, Sequence
from itertools import islice

import msgspec
import sqlalchemy as sa

from headwater.db import Catalog
from headwater.telemetry import Progress
from headwater.workspace import store
from headwater.workspace.moving import digest

# What belongs to one catalog and not to the workspace in it.
_OWN = frozenset({"alembic_version", "schema_history", "workers"})
_OWN_PREFIXES = ("workspace_", "move_")
_BATCH_ROWS, _BATCH_BYTES = 500, 4 * 1024 * 1024

Row = tuple[object, ...]


def moving_tables(catalog: Catalog) -> list[sa.Table]:
    """Returns the tables that move, those that others refer to first."""
    found = sa.MetaData()
    with catalog.read() as conn:
        found.reflect(bind=conn)
    return [
        table
        for table in found.sorted_tables
        if table.name not in _OWN and not table.name.startswith(_OWN_PREFIXES)
    ]


def row_counts(catalog: Catalog) -> dict[str, int]:
    """Returns how many rows each table that moves has."""
    tables = moving_tables(catalog)
    with catalog.read() as conn:
        return {
            table.name: conn.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in tables
        }


def empty_tables(catalog: Catalog) -> None:
    """Removes what a new catalog begins with, or what a move that was given up has left."""
    tables = moving_tables(catalog)
    with catalog.write() as conn:
        store.forget_cursors(conn)
        for table in reversed(tables):
            conn.execute(sa.delete(table))


def copy_tables(source: Catalog, target: Catalog, progress: Progress) -> int:
    """Copies all rows that are not there yet; returns how many rows there are."""
    counts = row_counts(source)
    progress.start("Moving rows", sum(counts.values()))
    theirs = {table.name: table for table in moving_tables(target)}
    total = 0
    for table in moving_tables(source):
        copy = TableCopy(source, target, table, theirs[table.name])
        total += copy.run(progress)
    progress.finish(f"{total} rows moved")
    return total


class TableCopy:
    """One table on its way from one catalog to another."""

    def __init__(self, source: Catalog, target: Catalog, ours: sa.Table, theirs: sa.Table) -> None:
        """Takes the table as it is in either database."""
        self._source, self._target, self._ours, self._theirs = source, target, ours, theirs
        self._names = sorted(column.name for column in ours.columns)
        self._keys = [column.name for column in ours.primary_key.columns]
        self._inside = {
            key.parent.name: key.column.name
            for constraint in ours.foreign_key_constraints
            for key in constraint.elements
            if key.column.table is ours and constraint.referred_table is ours
        }

    def run(self, progress: Progress) -> int:
        """Copies what is left, and returns how many rows the table has."""
        with self._target.read() as conn:
            cursor = store.cursor_of(conn, self._ours.name)
        progress.advance(cursor.count)
        if not cursor.done:
            for batch in batches(rows_of(self._source, self._ours, self._names, after=self._after(cursor))):
                cursor = self._bring(batch, cursor)
                progress.advance(len(batch))
            if cursor.later:
                self._set_references()
            with self._target.write() as conn:
                store.keep_cursor(conn, msgspec.structs.replace(cursor, done=True))
        return cursor.count

    def _after(self, cursor: store.Cursor) -> Row | None:
        return None if cursor.position is None else tuple(msgspec.msgpack.decode(cursor.position))

    def _bring(self, batch: Sequence[Row], cursor: store.Cursor) -> store.Cursor:
        with self._target.write() as conn:
            given = [dict(zip(self._names, row, strict=True)) for row in batch]
            later = self._postpone(conn, given)
            conn.execute(sa.insert(self._theirs), given)
            last = dict(zip(self._names, batch[-1], strict=True))
            cursor = msgspec.structs.replace(
                cursor,
                position=msgspec.msgpack.encode([last[name] for name in self._keys]),
                count=cursor.count + len(batch),
                digest=digest.added(cursor.digest, sum(map(digest.of_row, batch))),
                later=cursor.later or later,
            )
            store.keep_cursor(conn, cursor)
        return cursor

    def _postpone(self, conn: sa.Connection, rows: list[dict[str, object]]) -> bool:
        """Takes out references to rows of this table that are not there yet."""
        later = False
        for name, referred in self._inside.items():
            wanted = {row[name] for row in rows if row[name] is not None}
            column = self._theirs.c[referred]
            known = (
                set(conn.execute(sa.select(column).where(column.in_(wanted))).scalars()) if wanted else set()
            )
            for row in rows:
                known.add(row[referred])
                if row[name] is not None and row[name] not in known:
                    row[name], later = None, True
        return later

    def _set_references(self) -> None:
        names = sorted({*self._keys, *self._inside})
        table = self._theirs
        is_same = [table.c[name] == sa.bindparam(f"is_{name}") for name in self._keys]
        update = sa.update(table).where(*is_same)
        update = update.values({name: sa.bindparam(f"to_{name}") for name in self._inside})
        for batch in batches(rows_of(self._source, self._ours, names)):
            given = [dict(zip(names, row, strict=True)) for row in batch]
            with self._target.write() as conn:
                conn.execute(
                    update,
                    [
                        {f"is_{name}": row[name] for name in self._keys}
                        | {f"to_{name}": row[name] for name in self._inside}
                        for row in given
                    ],
                )


def rows_of(
    catalog: Catalog, table: sa.Table, names: Sequence[str], *, after: Row | None = None
) -> Iterator[Row]:
    """Yields rows by their primary key, from behind a key on, without holding them."""
    keys = list(table.primary_key.columns)
    query = sa.select(*(table.c[name] for name in names)).order_by(*keys)
    if after is not None:
        query = query.where(_behind(keys, after))
    with catalog.read() as conn:
        for row in conn.execution_options(yield_per=_BATCH_ROWS if not _has_bytes(table) else 16).execute(
            query
        ):
            yield tuple(row)


def batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """Yields rows in lists of bounded length and size."""
    batch: list[Row] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += sum(len(value) for value in row if isinstance(value, bytes | str))
        if len(batch) >= _BATCH_ROWS or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def sum_of(catalog: Catalog, table: sa.Table) -> tuple[int, bytes]:
    """Returns how many rows a table has, and the sum of their digests."""
    names = sorted(column.name for column in table.columns)
    count, total = 0, bytes(32)
    rows = rows_of(catalog, table, names)
    while some := list(islice(rows, 64)):
        count += len(some)
        total = digest.added(total, sum(map(digest.of_row, some)))
    return count, total


def _behind(keys: Sequence[sa.Column[object]], after: Row) -> sa.ColumnElement[bool]:
    if len(keys) == 1:
        return keys[0] > after[0]
    given = (sa.literal(value, key.type) for key, value in zip(keys, after, strict=True))
    return sa.tuple_(*keys) > sa.tuple_(*given)


def _has_bytes(table: sa.Table) -> bool:
    return any(isinstance(column.type, sa.LargeBinary) for column in table.columns)
