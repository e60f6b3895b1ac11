"""Reads a data file, CSV or Parquet, as one Arrow table of plain columns.

What comes out has three kinds of column: numbers (int64, float64), texts and
booleans; NaN and empty texts are missing values. Every other type is turned
into one of these or refused by name, so that nothing above deals with the
details of a file format.

Knows nothing of requests, targets or models.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from headwater.training.errors import InvalidData

_BLOCK = 16 * 1024 * 1024
_WHOLE_LIMIT = 1 << 30
_HEADER_LIMIT = 1 << 20
_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_PARQUET = (".parquet", ".pq")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|nan|NaN|")
_ENDINGS = ", ".join((*_SEPARATORS, *_PARQUET))


def read_table(source: Path | bytes, name: str) -> Any:
    """Returns the file as a pyarrow table of numbers, texts and booleans, with at least one row.

    Args:
        source: The file, or its bytes.
        name: The file's path in its repo; its ending says which format it has.

    Raises:
        InvalidData: The file is empty, has no header or no rows, has two
            columns of one name, or cannot be read as what its name says.
    """
    ending = PurePosixPath(name).suffix.lower()
    if ending in _SEPARATORS:
        table = _read_csv(source, name, _SEPARATORS[ending])
    elif ending in _PARQUET:
        table = _read_parquet(source, name)
    else:
        raise InvalidData(
            f"{name} is not a kind of file that can be trained on.", hint=f"Give one of {_ENDINGS}."
        )
    if not table.num_rows:
        raise InvalidData(
            f"{name} has a header but no rows.", hint="Commit the data's rows, then train again."
        )
    return _plain(table, name)


def _read_parquet(source: Path | bytes, name: str) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _as_invalid_data(name):
        table = pq.ParquetFile(pa.BufferReader(source) if isinstance(source, bytes) else source).read()
    _check_names(table.column_names, name)
    return table


def _read_csv(source: Path | bytes, name: str, separator: str) -> Any:
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    _check_header(_header(source, name, separator), name)
    with _as_invalid_data(name):
        return _parse_csv(source, separator, size)


def _parse_csv(source: Path | bytes, separator: str, size: int) -> Any:
    import pyarrow as pa
    import pyarrow.csv as pc

    def parse(block: int, *, threads: bool = True) -> Any:
        read = pc.ReadOptions(block_size=block, use_threads=threads)
        parse_options = pc.ParseOptions(delimiter=separator, newlines_in_values=True)
        # Texts are missing only when empty: "NA" and "null" are fine category names.
        convert = pc.ConvertOptions(strings_can_be_null=False)
        origin = pa.BufferReader(source) if isinstance(source, bytes) else source
        return pc.read_csv(origin, read, parse_options, convert)

    try:
        return parse(_BLOCK)
    except pa.ArrowInvalid as error:
        # Types come from the first block; a later value that does not fit needs a look at all of them.
        if "conversion error" in str(error) and _BLOCK < size <= _WHOLE_LIMIT:
            return parse(size + 1)
        return parse(_BLOCK, threads=False)  # fails again, and only this way says in which row


def _header(source: Path | bytes, name: str, separator: str) -> list[str]:
    raw: BinaryIO = io.BytesIO(source[:_HEADER_LIMIT]) if isinstance(source, bytes) else source.open("rb")
    try:
        with io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as lines:
            return next((row for row in csv.reader(lines, delimiter=separator) if row), [])
    except UnicodeDecodeError:
        raise InvalidData(
            f"{name} is not UTF-8 text.", hint="Save it as UTF-8 (most programs have a choice)."
        ) from None
    except csv.Error as error:
        raise InvalidData(
            f"The header of {name} cannot be read: {error}.", hint="Mend its first line."
        ) from None


def _check_header(header: list[str], name: str) -> None:
    if not header:
        raise InvalidData(f"{name} is empty.", hint="Commit a file with a header line and rows.")
    if all(_NUMBER.fullmatch(cell.strip()) for cell in header):
        raise InvalidData(
            f"{name} has no header: its first line is {', '.join(header[:5])}.",
            hint="Put a line with the columns' names before the first row.",
        )
    _check_names(header, name)


def _check_names(names: list[str], file: str) -> None:
    empty = [str(place) for place, name in enumerate(names, 1) if not name.strip()]
    if empty:
        raise InvalidData(
            f"{file} has a column without a name: number {', '.join(empty)} of {len(names)}.",
            hint="Give every column a name in the header line.",
        )
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        shown = ", ".join(repr(name) for name in twice)
        raise InvalidData(
            f"{file} has more than one column named {shown}.", hint="Give every column a name of its own."
        )


def _plain(table: Any, name: str) -> Any:
    import pyarrow as pa

    columns, refused = [], []
    for field in table.schema:
        change = _conversion(field.type)
        if change is None:
            refused.append(f"{field.name!r} ({field.type})")
        else:
            with _as_invalid_data(name):
                columns.append(change(table[field.name]))
    if refused:
        raise InvalidData(
            f"{name} has columns of a type that cannot be used: {', '.join(refused)}.",
            hint="Leave them out of the file; numbers, texts, dates and booleans can be used.",
        )
    return pa.table(columns, names=table.column_names)


def _conversion(kind: Any) -> Callable[[Any], Any] | None:
    import pyarrow.types as pt

    if pt.is_boolean(kind):
        return lambda column: column
    if pt.is_null(kind):
        return lambda column: column.cast("float64")
    if pt.is_integer(kind) and not pt.is_uint64(kind):
        return lambda column: column.cast("int64")
    if pt.is_integer(kind) or pt.is_floating(kind) or pt.is_decimal(kind):
        return _real
    if pt.is_string(kind) or pt.is_large_string(kind) or pt.is_string_view(kind) or pt.is_temporal(kind):
        return _text
    if pt.is_dictionary(kind):
        inner = _conversion(kind.value_type)
        return None if inner is None else lambda column: inner(column.cast(kind.value_type))
    return None


def _real(column: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    numbers = pc.cast(column, pa.float64())
    return pc.if_else(pc.is_nan(numbers), None, numbers)


def _text(column: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pc.cast(column, pa.string())
    return pc.if_else(pc.equal(texts, ""), None, texts)


@contextmanager
def _as_invalid_data(name: str) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise InvalidData(
            f"{name} cannot be read: {reason}.", hint="Mend the file and commit it again."
        ) from None
