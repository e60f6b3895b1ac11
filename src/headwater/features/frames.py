"""The one place that knows data frames: every door takes them, and gives back the kind that came in.

pandas, polars, arrow tables, numpy arrays and lists of dictionaries become
columns of numpy arrays and back. None of these libraries is imported before a
frame of its kind arrives, so that serving needs numpy alone.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from headwater.features.errors import FrameRefused

if TYPE_CHECKING:
    from numpy.typing import NDArray

_HINT = (
    "Give a pandas or polars data frame, an arrow table, a list of dictionaries, or a dictionary of arrays."
)


def to_columns(table: Any, names: Sequence[str] | None = None) -> "dict[str, NDArray[Any]]":
    """Returns a table's columns as numpy arrays, in the table's order.

    Numbers are int64 or float64 with NaN for a missing one, booleans bool;
    texts, and booleans with gaps, are objects with None. Dates and times
    become texts in ISO form.

    Args:
        table: A pandas or polars frame, an arrow table or batch, a dictionary
            of arrays, a list of dictionaries, or a numpy array with two dimensions.
        names: The columns' names, for a numpy array without its own.

    Raises:
        FrameRefused: It is none of these, or a column has no usable type.
    """
    import numpy as np

    library = _library(table)
    if library in ("pandas", "polars"):
        _refuse_repeated([str(name) for name in table.columns])
        return {str(name): _series(table[name], str(name)) for name in table.columns}
    if library == "pyarrow":
        _refuse_repeated(table.schema.names)
        return {name: _arrow(table.column(name), name) for name in table.schema.names}
    if isinstance(table, np.ndarray):
        return _numpy(table, names)
    if isinstance(table, Mapping):
        return _same_length({str(name): _array(values, str(name)) for name, values in table.items()})
    if isinstance(table, list | tuple):
        return _rows(table)
    raise FrameRefused(f"A {type(table).__name__} is no table.", hint=_HINT)


def like(original: Any, columns: "Mapping[str, NDArray[Any]]") -> Any:
    """Returns columns as a table of the original's kind; a pandas frame keeps its index.

    A numpy array with two dimensions gives one of them again, without names.

    Args:
        original: What `to_columns` took.
        columns: As many values per column as the original has rows.
    """
    import numpy as np

    library = _library(original)
    if library == "pandas":
        return type(original)(dict(columns), index=original.index)
    if library == "polars":
        return type(original)({name: values.tolist() for name, values in columns.items()})
    if library == "pyarrow":
        return type(original).from_pydict({name: values.tolist() for name, values in columns.items()})
    if isinstance(original, np.ndarray) and original.dtype.names is None:
        return np.column_stack(list(columns.values()))
    if isinstance(original, np.ndarray | Mapping):
        return dict(columns)
    lists = [values.tolist() for values in columns.values()]
    return [dict(zip(columns, values, strict=True)) for values in zip(*lists, strict=True)]


def _library(table: Any) -> str:
    return (
        type(table).__module__.partition(".")[0]
        if hasattr(table, "columns") or hasattr(table, "schema")
        else ""
    )


def _refuse_repeated(names: Sequence[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise FrameRefused(
                f"The table has two columns named {name!r}.", hint="Give every column a name of its own."
            )
        seen.add(name)


def _series(series: Any, name: str) -> "NDArray[Any]":
    kind = str(series.dtype).lower()
    if kind in (
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "float32",
        "float64",
        "bool",
    ) and not (hasattr(series, "null_count") and series.null_count()):
        return _array(series.to_numpy(), name)
    values = series.to_list()
    return _array([None if _is_gap(value) else value for value in values], name)


def _arrow(column: Any, name: str) -> "NDArray[Any]":
    import pyarrow.types as pt

    if (pt.is_integer(column.type) or pt.is_floating(column.type)) and not column.null_count:
        return _array(column.to_numpy(), name)
    return _array(column.to_pylist(), name)


def _numpy(table: "NDArray[Any]", names: Sequence[str] | None) -> "dict[str, NDArray[Any]]":
    if table.dtype.names is not None:
        return {name: _array(table[name], name) for name in table.dtype.names}
    if table.ndim != 2:
        raise FrameRefused(
            f"A numpy array of {table.ndim} dimensions is no table.", hint="Give it rows and columns."
        )
    if names is None or len(names) != table.shape[1]:
        given = "none" if names is None else str(len(names))
        raise FrameRefused(
            f"The numpy array has {table.shape[1]} columns, and {given} of their names are known.",
            hint="Give a dictionary of arrays, or an array with one column per field in the schema's order.",
        )
    return {name: _array(table[:, place], name) for place, name in enumerate(names)}


def _rows(rows: Sequence[Any]) -> "dict[str, NDArray[Any]]":
    wrong = next((place for place, row in enumerate(rows) if not isinstance(row, Mapping)), None)
    if wrong is not None:
        raise FrameRefused(f"Row {wrong} is a {type(rows[wrong]).__name__}, not a dictionary.", hint=_HINT)
    names = dict.fromkeys(name for row in rows for name in row)
    return {str(name): _array([row.get(name) for row in rows], str(name)) for name in names}


def _array(values: Any, name: str) -> "NDArray[Any]":
    import numpy as np

    if isinstance(values, np.ndarray) and values.dtype.kind in "biuf":
        return _native(values)
    plain = values.tolist() if isinstance(values, np.ndarray) else list(values)
    made = [_plain(value, name) for value in plain]
    kinds = {type(value) for value in made}
    if kinds == {bool}:
        return np.array(made, dtype=np.bool_)
    if kinds == {int}:
        return _whole(made)
    if kinds <= {int, float, type(None)}:
        return np.array([np.nan if value is None else _real(value) for value in made], dtype=np.float64)
    column = np.empty(len(made), dtype=object)
    column[:] = made
    return column


def _native(values: "NDArray[Any]") -> "NDArray[Any]":
    import numpy as np

    if values.dtype.kind == "b":
        return values
    is_whole = values.dtype.kind == "i" or (values.dtype.kind == "u" and values.dtype.itemsize < 8)
    return values.astype(np.int64 if is_whole else np.float64, copy=False)


def _whole(values: list[int]) -> "NDArray[Any]":
    import numpy as np

    fits = min(values) >= -(2**63) and max(values) < 2**63
    return np.array(values, dtype=np.int64) if fits else np.array([_real(value) for value in values])


def _real(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number beyond 1.8e308; the check of the rows names it as infinite
        return float("inf") if value > 0 else float("-inf")


def _plain(value: Any, name: str) -> Any:
    import numpy as np

    if value is None or type(value) in (int, float, str, bool):
        return None if type(value) is float and value != value else value  # noqa: PLR0124 - only NaN differs
    if _is_gap(value):
        return None
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    raise FrameRefused(
        f"The column {name!r} holds a {type(value).__name__}, which cannot be a value.",
        hint="Numbers, texts, booleans and dates can be used; leave the column out, or turn it into one of these.",
    )


def _is_gap(value: Any) -> bool:
    return type(value).__name__ in ("NAType", "NaTType")


def _same_length(columns: "dict[str, NDArray[Any]]") -> "dict[str, NDArray[Any]]":
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        raise FrameRefused(
            f"The columns have different lengths: {', '.join(map(str, sorted(lengths)))}.",
            hint="Give every column one value per row.",
        )
    return columns
