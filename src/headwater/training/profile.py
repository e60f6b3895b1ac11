"""Describes the columns of a table: types, gaps, ranges, shapes.

The same figures for every column, so that a page can show them side by side;
values, no pictures.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

_BINS = 24
_TOP = 6

ColumnKind = Literal["number", "integer", "category", "boolean"]


@dataclass(frozen=True)
class ColumnProfile:
    """One column over all rows of the data set.

    `spread` is (minimum, first quartile, median, third quartile, maximum) of
    numbers; `shape` counts values per bin between the ends, or rows of the
    most frequent categories, which `top` names.
    """

    name: str
    kind: ColumnKind
    rows: int
    missing: int
    distinct: int
    mean: float | None = None
    deviation: float | None = None
    spread: tuple[float, float, float, float, float] | None = None
    shape: tuple[int, ...] = ()
    top: tuple[str, ...] = field(default=())


def profile(table: Any) -> list[ColumnProfile]:
    """Returns one profile per column of a pyarrow table, in the table's order."""
    return [_column(name, table[name]) for name in table.column_names]


def _column(name: str, column: Any) -> ColumnProfile:
    import pyarrow.compute as pc

    kinds: dict[str, ColumnKind] = {"int64": "integer", "double": "number", "bool": "boolean"}
    kind = kinds.get(str(column.type), "category")
    present = pc.drop_null(column)
    distinct = len(pc.unique(present))
    if kind in ("number", "integer") and len(present):
        return _numbers(name, kind, column, present, distinct)
    counts = {str(entry["values"]): int(entry["counts"]) for entry in pc.value_counts(present).to_pylist()}
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_TOP]
    return ColumnProfile(
        name=name,
        kind=kind,
        rows=len(column),
        missing=column.null_count,
        distinct=distinct,
        shape=tuple(count for _, count in ranked),
        top=tuple(label for label, _ in ranked),
    )


def _numbers(name: str, kind: ColumnKind, column: Any, present: Any, distinct: int) -> ColumnProfile:
    import numpy as np

    values = present.cast("float64").to_numpy()
    finite = values[np.isfinite(values)]
    if not len(finite):
        return ColumnProfile(
            name=name, kind=kind, rows=len(column), missing=column.null_count, distinct=distinct
        )
    ends = np.quantile(finite, (0, 0.25, 0.5, 0.75, 1)).tolist()
    return ColumnProfile(
        name=name,
        kind=kind,
        rows=len(column),
        missing=column.null_count,
        distinct=distinct,
        mean=float(finite.mean()),
        deviation=float(finite.std()),
        spread=(ends[0], ends[1], ends[2], ends[3], ends[4]),
        shape=tuple(np.histogram(finite, bins=_BINS)[0].tolist()),
    )
