"""Brings rows and tables into the schema's columns: one type per field, defaults filled in.

Numbers become float64 with NaN for a missing one; categories and booleans
objects with None. After this nothing asks where a value came from.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from headwater.features.check import value_problem
from headwater.features.errors import RowsRefused
from headwater.features.fields import NUMBERS, Columns, Field, RowProblem
from headwater.features.values import category_of, is_boolean

if TYPE_CHECKING:
    from numpy.typing import NDArray


def rows_to_columns(fields: Sequence[Field], rows: Sequence[Mapping[str, Any]]) -> "dict[str, NDArray[Any]]":
    """See `Schema.columns`."""
    return {field.name: _from_values(field, [row.get(field.name) for row in rows]) for field in fields}


def prepare(fields: Sequence[Field], columns: Columns) -> "dict[str, NDArray[Any]]":
    """See `Schema.prepare`."""
    rows = next((len(column) for column in columns.values()), 0)
    return {
        field.name: _from_array(field, columns[field.name])
        if field.name in columns
        else _from_values(field, [None] * rows)
        for field in fields
    }


def is_missing(value: Any) -> bool:
    """Says whether a table's value stands for none: None, NaN, or a data frame's own mark."""
    if value is None:
        return True
    if isinstance(value, float):
        return value != value  # noqa: PLR0124 - only NaN differs from itself
    return type(value).__name__ in ("NAType", "NaTType")


def _from_values(field: Field, values: list[Any]) -> "NDArray[Any]":
    import numpy as np

    if field.type not in NUMBERS:
        return _objects(field, values)
    fill = math.nan if field.default is None else float(field.default)
    try:
        made = np.array([fill if value is None else value for value in values])
        # Asked for floats at once, numpy would read texts as numbers and true as 1.
        if made.ndim == 1 and made.dtype.kind in "iuf":
            return made.astype(np.float64, copy=False)
        problems = _refused(field, values, range(len(values)))
        if not problems:
            return made.astype(np.float64)  # whole numbers of more than 64 bits
    except (OverflowError, TypeError, ValueError):
        problems = _refused(field, values, range(len(values)))
    raise RowsRefused(problems)


def _from_array(field: Field, column: Any) -> "NDArray[Any]":
    import numpy as np

    array = np.asarray(column)
    if field.type in NUMBERS and array.dtype.kind in "iuf":
        numbers = array.astype(np.float64)  # a copy: what was given stays as it is
        if field.default is not None:
            numbers[np.isnan(numbers)] = float(field.default)
        return numbers
    values = [None if is_missing(value) else value for value in array.tolist()]
    if field.type in NUMBERS:
        odd = [place for place, value in enumerate(values) if isinstance(value, str) or is_boolean(value)]
        if odd:  # numpy would read a text as a number, and true as 1
            raise RowsRefused(_refused(field, values, odd))
    return _from_values(field, values)


def _objects(field: Field, values: list[Any]) -> "NDArray[Any]":
    import numpy as np

    exact, meaning = (str, category_of) if field.type == "category" else (bool, _truth)
    fill = field.default
    made = [fill if value is None else value if type(value) is exact else meaning(value) for value in values]
    lost = [place for place, value in enumerate(made) if value is None and values[place] is not None]
    if lost:
        raise RowsRefused(_refused(field, values, lost))
    column = np.empty(len(values), dtype=object)
    column[:] = made
    return column


def _truth(value: Any) -> bool | None:
    if is_boolean(value) or value in (0, 1):
        return bool(value)
    return None


def _refused(field: Field, values: Sequence[Any], places: Sequence[int]) -> list[RowProblem]:
    found = []
    for place in places:
        problem = value_problem(field, values[place])
        if problem is not None:
            found.append(RowProblem(place, problem.field, problem.code, problem.message))
    return found
