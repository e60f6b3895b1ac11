"""Fits a transform on training rows: what fills a gap, where outliers begin, how numbers are scaled."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from headwater.features.errors import CannotFit
from headwater.features.fields import Columns, Field
from headwater.features.schema import Schema
from headwater.features.steps import (
    BooleanColumn,
    CategoryColumns,
    FittedColumn,
    Missing,
    NumberColumn,
    Scaling,
    Unseen,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def fit_columns(
    schema: Schema,
    columns: Columns,
    *,
    fields: Sequence[str] | None,
    missing: Missing,
    constant: float,
    clip: tuple[float, float] | None,
    scaling: Scaling | None,
    unseen: Unseen,
) -> tuple[FittedColumn, ...]:
    """See `Transform.fit`."""
    fitted: list[FittedColumn] = []
    for name in schema.names if fields is None else fields:
        field, values = schema.by_name[name], columns[name]
        if field.type == "category":
            fill = None if missing == "keep" else _most_frequent(field, values)
            fitted.append(CategoryColumns(name, field.categories, fill, unseen))
        elif field.type == "boolean":
            fitted.append(BooleanColumn(name, None if missing == "keep" else _most_frequent(field, values)))
        else:
            fitted.append(_number(field, values, missing, constant, clip, scaling))
    return tuple(fitted)


def _number(
    field: Field,
    values: "NDArray[np.float64]",
    missing: Missing,
    constant: float,
    clip: tuple[float, float] | None,
    scaling: Scaling | None,
) -> NumberColumn:
    import numpy as np

    # Held within what the matrix can show, so that no square of a number is infinite.
    limit = float(np.finfo(np.float32).max)
    present = np.clip(values[~np.isnan(values)], -limit, limit)
    if not len(present):
        raise _nothing(field)
    fill = float(constant) if missing == "constant" else _FILLS[missing](present)
    low, high = (None, None) if clip is None else (float(end) for end in np.quantile(present, clip))
    held = present if low is None else np.clip(present, low, high)
    if fill is not None and len(present) < len(values):
        filled = fill if low is None or high is None else min(max(fill, low), high)
        held = np.concatenate([held, np.full(len(values) - len(present), filled)])
    shift, scale = _scaling(held, scaling)
    return NumberColumn(field.name, fill, low, high, shift, scale)


def _median(values: "NDArray[np.float64]") -> float:
    import numpy as np

    return float(np.median(values))


def _mean(values: "NDArray[np.float64]") -> float:
    return float(values.mean())


def _mode(values: "NDArray[np.float64]") -> float:
    import numpy as np

    distinct, counts = np.unique(values, return_counts=True)
    return float(distinct[counts.argmax()])  # the least of those that occur equally often


def _no_fill(values: "NDArray[np.float64]") -> None:
    del values


_FILLS: dict[str, Any] = {"median": _median, "mean": _mean, "mode": _mode, "keep": _no_fill}


def _scaling(values: "NDArray[np.float64]", scaling: Scaling | None) -> tuple[float, float]:
    if scaling is None:
        return 0.0, 1.0
    if scaling == "standard":
        shift, scale = float(values.mean()), float(values.std())
    else:
        shift, scale = float(values.min()), float(values.max() - values.min())
    return shift, scale if scale > 0 else 1.0


def _most_frequent(field: Field, values: "NDArray[Any]") -> Any:
    counts = Counter(value for value in values.tolist() if value is not None)
    if not counts:
        raise _nothing(field)
    most = max(counts.values())
    return min(value for value, count in counts.items() if count == most)


def _nothing(field: Field) -> CannotFit:
    return CannotFit(
        f"The field {field.name!r} has no value in any training row.",
        hint=f"Leave it out with `features: {{exclude: [{field.name}]}}`, or commit rows that have it.",
        details=[{"field": field.name}],
    )
