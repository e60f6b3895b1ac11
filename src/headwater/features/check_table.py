"""Finds what is wrong with a table, a column at a time, so that a million rows take no million checks.

Only values that do not pass as a whole column are looked at one by one, by the
same functions that check a single row.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from headwater.features.check import missing_problem, unknown_problem, value_problem
from headwater.features.columns import is_missing
from headwater.features.fields import NUMBERS, Columns, Field, RowProblem

if TYPE_CHECKING:
    from numpy.typing import NDArray


def check_columns(
    fields: Mapping[str, Field],
    columns: Columns,
    needed: Collection[str] | None,
    *,
    unknown: Literal["refuse", "ignore"],
    limit: int,
) -> list[RowProblem]:
    """See `Schema.check_columns`."""
    found: list[tuple[int, int, RowProblem]] = []
    for order, field in enumerate(fields.values()):
        problems = _column(field, columns.get(field.name), needed, limit)
        found += [(-1 if problem.row is None else problem.row, order, problem) for problem in problems]
    if unknown == "refuse":
        for name in columns:
            if name not in fields:
                problem = unknown_problem(name, list(fields))
                found.append((-1, len(fields), _at(None, problem)))
    return [problem for _, _, problem in sorted(found, key=lambda entry: entry[:2])]


def _column(
    field: Field, column: "NDArray[Any] | None", needed: Collection[str] | None, limit: int
) -> list[RowProblem]:
    absent = missing_problem(field, needed)
    if column is None:
        return [] if absent is None else [_at(None, absent)]
    values, suspects, gaps = _suspects(field, column)
    found = [] if absent is None else [_at(row, absent) for row in gaps[:limit]]
    for row in suspects:
        if len(found) >= limit:
            break
        problem = value_problem(field, values[row])
        if problem is not None:
            found.append(_at(row, problem))
    return found


def _suspects(field: Field, column: "NDArray[Any]") -> tuple[Sequence[Any], Iterable[int], list[int]]:
    """Returns the values, the rows that may hold a wrong one, and the rows that hold none."""
    import numpy as np

    array = np.asarray(column)
    if field.type in NUMBERS and array.dtype.kind in "iuf":
        gaps = np.isnan(array)
        wrong = np.isinf(array)
        if field.type == "integer" and array.dtype.kind == "f":
            wrong |= ~gaps & (array != np.floor(array))
        if field.min is not None:
            wrong |= array < field.min
        if field.max is not None:
            wrong |= array > field.max
        return array.tolist(), np.flatnonzero(wrong).tolist(), np.flatnonzero(gaps).tolist()
    values = array.tolist()
    missing = [row for row, value in enumerate(values) if is_missing(value)]
    if field.type == "category" and field.categories:
        bad = [row for row, value in enumerate(values) if not (type(value) is str and value in field.known)]
    else:
        exact = {"boolean": bool, "category": str}.get(field.type)
        bad = [row for row, value in enumerate(values) if type(value) is not exact]
    gone = set(missing)
    return values, [row for row in bad if row not in gone], missing


def _at(row: int | None, problem: Any) -> RowProblem:
    return RowProblem(row, problem.field, problem.code, problem.message)
