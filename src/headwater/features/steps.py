"""What a transform does to each field, as plain values that JSON keeps without a change."""

from typing import Literal

import msgspec

Missing = Literal["median", "mean", "mode", "constant", "keep"]
Scaling = Literal["standard", "minmax"]
Unseen = Literal["refuse", "zero"]


class NumberColumn(msgspec.Struct, frozen=True, tag="number", tag_field="kind"):
    """A number: NaN becomes `fill`, then it is held within low and high, then (x − shift) / scale."""

    field: str
    fill: float | None = None
    low: float | None = None
    high: float | None = None
    shift: float = 0.0
    scale: float = 1.0


class CategoryColumns(msgspec.Struct, frozen=True, tag="category", tag_field="kind"):
    """A category, one-hot; a missing one counts as `fill`, or is NaN in every column without a fill."""

    field: str
    categories: tuple[str, ...]
    fill: str | None = None
    unseen: Unseen = "refuse"


class BooleanColumn(msgspec.Struct, frozen=True, tag="boolean", tag_field="kind"):
    """A boolean as 0 or 1; a missing one counts as `fill`, or is NaN without a fill."""

    field: str
    fill: bool | None = None


FittedColumn = NumberColumn | CategoryColumns | BooleanColumn
