"""Tables of a database as a destination of egress.

A folder at the top of the output, or a file there without its ending, names a
table; its files hold the table's rows. Of which any file has changed, those
tables are written anew, each from all of its files, and all of them in one
transaction: readers see the rows of one commit or of the next one.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from headwater.pipelines.egress.address import Address
from headwater.pipelines.egress.connection import Target, open_target
from headwater.pipelines.egress.errors import EgressFailed
from headwater.pipelines.egress.kinds import Kind, merged, type_of
from headwater.pipelines.egress.rows import ENDINGS, READERS, RowFile
from headwater.pipelines.egress.values import Change, Files, Sent
from headwater.pipelines.spec import Egress
from headwater.storage import FileEntry, InvalidPath

_MOST_TABLES = 10_000
_CATALOG_TABLES = {"alembic_version", "commit_sets", "pipelines", "segments"}


class Database:
    """A database; a `Destination`."""

    def __init__(self, address: Address, egress: Egress) -> None:
        """Names it; nothing is opened before the first change."""
        self._address, self._columns, self._format = address, egress.columns, egress.format
        self._endings = ENDINGS[egress.format]

    def apply(self, changes: Iterator[Change], files: Files) -> Sent:
        """Writes the tables anew whose files have changed."""
        names = sorted(self._tables(changes, files), key=lambda name: (self._has_files(name, files), name))
        if not names:
            return Sent()
        rows = 0
        with open_target(self._address) as target:
            files.look()  # the lock may have been somebody else's until now
            if target.names() >= _CATALOG_TABLES:
                raise EgressFailed(
                    f"The output for {self._address.shown}",
                    why="a catalog of Headwater lies there",
                    hint="Name a database or schema of its own (?options=-csearch_path=NAME).",
                )
            for name in names:
                if self._is_own(target, name, files):
                    rows += self._replace(target, name, files)
            files.look()
        return Sent(tables=len(names), rows=rows)

    def _tables(self, changes: Iterator[Change], files: Files) -> set[str]:
        """Returns the tables of which a file has changed."""
        names: set[str] = set()
        for number, (path, file) in enumerate(changes):
            if number % 1_000 == 0:
                files.look()
            name = self._table_of(path, is_there=file is not None)
            if name is not None:
                names.add(name)
            if len(names) > _MOST_TABLES:
                raise EgressFailed(
                    f"The output for {self._address.shown}",
                    why=f"it would be more than {_MOST_TABLES:,} tables",
                    hint="Write the files of each table into a folder of the table's name.",
                )
        return names

    def _table_of(self, path: str, *, is_there: bool) -> str | None:
        folder, slash, _ = path.partition("/")
        if slash:
            return folder
        for ending in self._endings:
            if path.endswith(ending) and path != ending:
                return path.removesuffix(ending)
        if "." not in path:
            return path
        if not is_there:
            return None
        raise EgressFailed(
            f"The file {path!r}",
            why=f"it is neither named like a {self._format} file nor in a folder named after a table",
            hint=f"Write it as TABLE{self._endings[0]} or TABLE/anything, or leave it out of the output.",
        )

    def _has_files(self, table: str, files: Files) -> bool:
        return next(self._files_of(table, files), None) is not None

    def _files_of(self, table: str, files: Files) -> Iterator[FileEntry]:
        for ending in ("", *self._endings):
            with suppress(InvalidPath):  # too long a name with that ending
                found = files.tree.get(table + ending)
                if found is not None:
                    yield found
        yield from files.tree.entries(f"{table}/")

    def _is_own(self, target: Target, table: str, files: Files) -> bool:
        """Tells whether a table is this name's to write, where the database does not tell it from another one.

        Raises:
            EgressFailed: Both have files.
        """
        with self._telling(target, f"The table {table!r}"):
            called = target.called(table)
        if called == table or not self._has_files(called, files):
            return True
        if not self._has_files(table, files):
            return False
        raise EgressFailed(
            f"The table {table!r}",
            why=f"that database does not tell it from {called!r}, which the output has files of too",
            hint="Give one of the two another name.",
        )

    def _replace(self, target: Target, table: str, files: Files) -> int:
        """Replaces the rows of a table; returns how many it has then."""
        with self._telling(target, f"The table {table!r}"):
            target.check_name(table)
        columns = self._ready(target, table, files)
        rows = 0
        for file in self._row_files(table, files):
            files.look()
            with self._telling(target, f"The file {file.path!r} for the table {table!r}"):
                if file.names:
                    found = [self._column(name, columns, file, table) for name in file.names]
                    rows += target.insert(table, found, _watched(file.rows(), files))
        return rows

    def _ready(self, target: Target, table: str, files: Files) -> dict[str, Any]:
        """Makes sure that there is the table, without rows; returns its columns and their types."""
        with self._telling(target, f"The table {table!r}"):
            columns = target.columns(table)
            if columns is not None:
                target.clear(table)
                return columns
        kinds: dict[str, Kind] = {}
        for file in self._row_files(table, files):
            files.look()
            with self._telling(target, f"The file {file.path!r} for the table {table!r}"):
                for name, kind in zip(file.names, file.kinds(), strict=True):
                    kinds[name] = merged(kinds.get(name, "null"), kind)
        with self._telling(target, f"The table {table!r}"):
            if kinds:
                target.create(table, {name: type_of(kind) for name, kind in kinds.items()})
            return target.columns(table) or {}

    def _row_files(self, table: str, files: Files) -> Iterator[RowFile]:
        reader = READERS[self._format]
        for entry in self._files_of(table, files):
            yield reader(entry.path, partial(files.storage.open, entry), self._columns)

    def _column(self, name: str, columns: dict[str, Any], file: RowFile, table: str) -> tuple[str, Any]:
        """Returns the table's column that a file's column means: of the same name, or but for its case."""
        if name in columns:
            return name, columns[name]
        alike = [one for one in columns if one.casefold() == name.casefold()]
        if len(alike) == 1:
            return alike[0], columns[alike[0]]
        raise EgressFailed(
            f"The file {file.path!r}",
            why=f"the table {table!r} has no column {name!r}",
            hint=f"Its columns: {', '.join(columns)}. Add that one with ALTER TABLE, or drop the table, which is then made anew.",
        )

    @contextmanager
    def _telling(self, target: Target, what: str) -> Iterator[None]:
        try:
            yield
        except target.raises() as error:
            raise target.told(error, what) from None


def _watched(rows: Iterator[Sequence[Any]], files: Files) -> Iterator[Sequence[Any]]:
    for number, row in enumerate(rows):
        if number % 10_000 == 0:
            files.look()
        yield row
