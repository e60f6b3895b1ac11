"""The arithmetic of a fitted transform, set out once so that a single row costs a few microseconds.

All numbers of a table go through the same array operations together, however
many fields there are. None of them mixes rows, so a row gives the same bits
alone and among a million.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from headwater.features.check import cut
from headwater.features.errors import RowsRefused
from headwater.features.fields import Columns, RowProblem
from headwater.features.steps import BooleanColumn, CategoryColumns, FittedColumn, NumberColumn

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LIMIT = float(np.finfo(np.float32).max)
_TOLD = 1000


class _Numbers:
    """All number columns: their places in the matrix and their fitted values as vectors."""

    def __init__(self, columns: Sequence[NumberColumn], places: Sequence[int]) -> None:
        self.fields = tuple(column.field for column in columns)
        self.places = list(places)
        self.fills = _vector([column.fill for column in columns], np.nan)
        self.lows = _vector([column.low for column in columns], -np.inf)
        self.highs = _vector([column.high for column in columns], np.inf)
        self.shifts = _vector([column.shift for column in columns], 0.0)
        self.scales = _vector([column.scale for column in columns], 1.0)
        self.is_filled = any(column.fill is not None for column in columns)
        self.is_clipped = any(column.low is not None or column.high is not None for column in columns)
        self.is_scaled = any(column.shift != 0 or column.scale != 1 for column in columns)

    def block(self, table: Columns, rows: int) -> "NDArray[np.float64]":
        block = np.empty((rows, len(self.fields)), dtype=np.float64)
        for place, field in enumerate(self.fields):
            block[:, place] = table[field]
        if self.is_filled:
            gaps = np.isnan(block)
            if gaps.any():
                block = np.where(gaps, self.fills, block)
        if self.is_clipped:
            np.minimum(np.maximum(block, self.lows, out=block), self.highs, out=block)
        if self.is_scaled:
            # A huge value over a tiny scale is infinite for a moment; the limit below catches it.
            with np.errstate(over="ignore"):
                block -= self.shifts
                block /= self.scales
        np.minimum(np.maximum(block, -_LIMIT, out=block), _LIMIT, out=block)
        return block


class Plan:
    """A transform made ready to run; safe to use from many threads."""

    def __init__(self, columns: Sequence[FittedColumn]) -> None:
        """Lays out the matrix."""
        numbers: list[NumberColumn] = []
        number_places: list[int] = []
        self._others: list[tuple[int, _Category | _Boolean]] = []
        width = 0
        for column in columns:
            if isinstance(column, NumberColumn):
                numbers.append(column)
                number_places.append(width)
                width += 1
            elif isinstance(column, CategoryColumns):
                self._others.append((width, _Category(column)))
                width += len(column.categories)
            else:
                self._others.append((width, _Boolean(column)))
                width += 1
        self._numbers = _Numbers(numbers, number_places)
        self._first = columns[0].field if columns else None
        self._width = width

    def matrix(self, table: Columns) -> "NDArray[np.float32]":
        """See `Transform.matrix`."""
        rows = 0 if self._first is None else len(table[self._first])
        if not self._others:
            return self._numbers.block(table, rows).astype(np.float32)
        matrix = np.zeros((rows, self._width), dtype=np.float32)
        if self._numbers.places:
            matrix[:, self._numbers.places] = self._numbers.block(table, rows)
        problems: list[RowProblem] = []
        for place, other in self._others:
            other.write(table, matrix, place, problems)
        if problems:
            raise RowsRefused(sorted(problems, key=lambda problem: problem.row or 0))
        return matrix


class _Category:
    """Writes the one-hot columns of one field."""

    def __init__(self, column: CategoryColumns) -> None:
        self._column = column
        self._codes: dict[Any, int] = {category: code for code, category in enumerate(column.categories)}
        # None is a missing value; -1 is left for a category that nobody knows.
        self._codes[None] = -2 if column.fill is None else self._codes[column.fill]

    def write(
        self, table: Columns, matrix: "NDArray[np.float32]", place: int, problems: list[RowProblem]
    ) -> None:
        values = table[self._column.field].tolist()
        codes = np.array([self._codes.get(value, -1) for value in values], dtype=np.int64)
        inside = np.flatnonzero(codes >= 0)
        matrix[inside, place + codes[inside]] = 1.0
        matrix[codes == -2, place : place + len(self._column.categories)] = np.nan
        if self._column.unseen == "refuse":
            problems += [self._problem(int(row), values[row]) for row in np.flatnonzero(codes == -1)[:_TOLD]]

    def _problem(self, row: int, value: Any) -> RowProblem:
        field = self._column.field
        message = f"The field {field!r} has the category {cut(str(value))!r}, which no training row had."
        return RowProblem(row, field, "FIELD_CATEGORY", message)


class _Boolean:
    """Writes the column of one boolean field."""

    def __init__(self, column: BooleanColumn) -> None:
        self._field = column.field
        self._fill = np.nan if column.fill is None else float(column.fill)

    def write(
        self, table: Columns, matrix: "NDArray[np.float32]", place: int, problems: list[RowProblem]
    ) -> None:
        del problems  # a boolean has none: `Schema.prepare` made it one
        values = table[self._field].tolist()
        matrix[:, place] = [self._fill if value is None else float(value) for value in values]


def _vector(values: Sequence[float | None], absent: float) -> "NDArray[np.float64]":
    return np.array([absent if value is None else value for value in values], dtype=np.float64)
