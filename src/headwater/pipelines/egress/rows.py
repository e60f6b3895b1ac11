"""Reads files as rows of a table: CSV, JSON (lines, arrays, single objects) and Parquet.

Rows are read as they are needed. What a file cannot be read as is told with
its path and, where there is one, the line.
"""

import csv
import gzip
import io
import json
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, BinaryIO

from headwater.errors import MissingExtra
from headwater.pipelines.egress.errors import EgressFailed
from headwater.pipelines.egress.kinds import Kind, kind_of_arrow, kind_of_text, kind_of_value, merged

Row = tuple[Any, ...]
Open = Callable[[], BinaryIO]

_GZIP = b"\x1f\x8b"
_LONGEST_FIELD = 64 * 1024 * 1024
_CHARACTERS = 256 * 1024
_ROWS = 2_048


class RowFile(ABC):
    """One file of a table; may be read several times."""

    def __init__(self, path: str, open: Open, columns: Sequence[str]) -> None:
        """Names it; `columns` are those that the spec asks for, none where the file says."""
        self.path, self._open, self._columns = path, open, tuple(columns)

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """The columns, in the order of the rows' values; none for a file without rows."""

    @abstractmethod
    def rows(self) -> Iterator[Row]:
        """Yields the rows."""

    def kinds(self) -> tuple[Kind, ...]:
        """Returns what kind of values each column has."""
        kinds: list[Kind] = ["null"] * len(self.names)
        for row in self.rows():
            for number, value in enumerate(row):
                if value is not None:
                    kinds[number] = merged(kinds[number], self._kind(value))
        return tuple(kinds)

    def _kind(self, value: Any) -> Kind:
        return kind_of_value(value)

    def _bad(self, why: str, hint: str) -> EgressFailed:
        return EgressFailed(f"The file {self.path!r}", why=why, hint=hint)

    def _checked(self, names: Sequence[str]) -> tuple[str, ...]:
        if any(not name for name in names):
            raise self._bad("a column has no name", "Give every column of its header a name.")
        if len(set(names)) != len(names):
            twice = next(name for name in names if list(names).count(name) > 1)
            raise self._bad(f"it has two columns {twice!r}", "Give every column a name of its own.")
        return tuple(names)

    @contextmanager
    def _text(self) -> Iterator[io.TextIOBase]:
        with self._open() as raw:
            stream = io.BufferedReader(raw) if not hasattr(raw, "peek") else raw  # type: ignore[type-var]
            packed = stream.peek(2)[:2] == _GZIP
            plain: Any = gzip.GzipFile(fileobj=stream) if packed else stream
            try:
                yield io.TextIOWrapper(plain, encoding="utf-8-sig", newline="")
            except UnicodeDecodeError:
                raise self._bad("it is not UTF-8 text", "Write it as UTF-8.") from None
            except (gzip.BadGzipFile, EOFError, zlib.error):
                raise self._bad("it is packed by gzip, and damaged", "Write it anew.") from None


class CsvFile(RowFile):
    """Comma-separated values with a header, or, where the spec names the columns, with or without one.

    An empty field is no value.
    """

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The spec's columns, or the header's."""
        if self._columns:
            return self._columns
        with self._text() as text:
            return self._checked(next(self._lines(text), []))

    def rows(self) -> Iterator[Row]:
        """Yields the rows, each as long as the header."""
        names = list(self.names)
        with self._text() as text:
            for number, line in enumerate(self._lines(text)):
                if number == 0 and line == names:
                    continue
                if len(line) != len(names):
                    raise self._bad(
                        f"row {number + 1}, with the header, has {len(line)} fields, and there are {len(names)} columns",
                        "Mend that row; fields with commas or line ends in them stand in double quotes.",
                    )
                yield tuple(field or None for field in line)

    def _kind(self, value: Any) -> Kind:
        return kind_of_text(value)

    def _lines(self, text: io.TextIOBase) -> Iterator[list[str]]:
        csv.field_size_limit(_LONGEST_FIELD)
        reader = csv.reader(text, strict=True)
        try:
            yield from (line for line in reader if line)
        except csv.Error as error:
            raise self._bad(f"line {reader.line_num}: {error}", "Write it as RFC 4180 says.") from None


class JsonFile(RowFile):
    """JSON objects: one per line, one after the other, or in arrays; what an object lacks is no value."""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The spec's columns, or all names that any object has."""
        if self._columns:
            return self._columns
        names: dict[str, None] = {}
        for one in self._objects():
            names.update(dict.fromkeys(one))
        return self._checked(tuple(names))

    def rows(self) -> Iterator[Row]:
        """Yields the rows."""
        names = self.names
        for one in self._objects():
            yield tuple(one.get(name) for name in names)

    def _objects(self) -> Iterator[dict[str, Any]]:
        for number, value in enumerate(self._values(), 1):
            if not isinstance(value, dict):
                raise self._bad(
                    f"value {number} is no object", 'Write each row as an object: {"column": value, …}.'
                )
            yield value

    def _values(self) -> Iterator[Any]:
        """Yields the values of arrays and those between them, without holding more than one."""
        decode = json.JSONDecoder().raw_decode
        with self._text() as text:
            held, at, wanted = text.read(_CHARACTERS), 0, _CHARACTERS
            while True:
                at = _skipped(held, at)
                try:
                    if at == len(held):
                        raise ValueError
                    value, end = decode(held, at)
                except (ValueError, RecursionError) as error:
                    more = text.read(wanted)  # the value may go on behind what is held
                    if not more:
                        if at == len(held):
                            return
                        raise self._bad(f"it is no JSON ({error})", "Write one object per line.") from None
                    held, at, wanted = held[at:] + more, 0, wanted * 2
                    continue
                at, wanted = end, _CHARACTERS
                yield value


def _skipped(text: str, at: int) -> int:
    """Returns where the next value begins: behind blanks, and behind the signs of an array of rows."""
    while at < len(text) and text[at] in " \t\r\n,[]":
        at += 1
    return at


class ParquetFile(RowFile):
    """A Parquet file, a lot of rows at a time."""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The spec's columns, or the file's."""
        if not self._columns:
            return self._checked(tuple(self._types))
        missing = [name for name in self._columns if name not in self._types]
        if missing:
            raise self._bad(f"it has no column {missing[0]!r}", f"Its columns: {', '.join(self._types)}.")
        return self._columns

    def rows(self) -> Iterator[Row]:
        """Yields the rows."""
        names = list(self.names)
        with self._opened() as file:
            for batch in file.iter_batches(batch_size=_ROWS, columns=names):
                columns = [batch.column(batch.schema.get_field_index(name)).to_pylist() for name in names]
                yield from zip(*columns, strict=True)

    def kinds(self) -> tuple[Kind, ...]:
        """Returns what the file's own types are, without reading rows."""
        return tuple(self._types[name] for name in self.names)

    @cached_property
    def _types(self) -> dict[str, Kind]:
        with self._opened() as file:
            return {field.name: kind_of_arrow(field.type) for field in file.schema_arrow}

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        try:
            import pyarrow as pa
            from pyarrow import parquet
        except ImportError:
            raise MissingExtra("An egress of Parquet files", extra="ml") from None
        with self._open() as stream:
            try:
                yield parquet.ParquetFile(stream)
            except pa.ArrowException as error:
                said = str(error).partition("\n")[0].rstrip(".")
                raise self._bad(f"it is no Parquet file ({said})", "Write it anew.") from None


READERS: dict[str, type[RowFile]] = {"csv": CsvFile, "json": JsonFile, "parquet": ParquetFile}
ENDINGS: dict[str, tuple[str, ...]] = {
    "csv": (".csv", ".csv.gz"),
    "json": (".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz", ".ndjson.gz"),
    "parquet": (".parquet", ".pq"),
}
