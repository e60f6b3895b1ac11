"""A struct built from fields, so that msgspec reads and checks a JSON row in one step.

It takes the right row in about a microsecond and stops at the first thing that
is wrong; `Schema.check_row` then finds the rest and has the last word, for the
struct is stricter in two places: it takes no number for a category, and no
whole number of more than 64 bits.
"""

import math
from collections.abc import Collection, Sequence
from typing import Annotated, Any, Literal

import msgspec

from headwater.features.fields import Field

_SLOT = "f"
_LEAST, _GREATEST = -(2**63), 2**63 - 1


def struct_type(fields: Sequence[Field], needed: Collection[str] | None = None) -> type[msgspec.Struct]:
    """Returns a struct type with one attribute per field, `f0`, `f1`, …, under the fields' names in JSON.

    Ranges, categories and defaults are the fields'; unknown names are
    refused. A field that may be left out is None when it is, or its default.

    Args:
        fields: A schema's fields, or some of them.
        needed: Fields that may not be left out unless they have a default; all by default.

    Raises:
        ValueError: A name holds a character that JSON escapes; use `Schema.check_row` there.
    """
    slots: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    names: dict[str, str] = {}
    for number, field in enumerate(fields):
        slot = f"{_SLOT}{number}"
        names[slot] = field.name
        if field.required and field.default is None and (needed is None or field.name in needed):
            slots.append((slot, _kind(field)))
        else:
            slots.append((slot, _kind(field) | None, field.default))
    return msgspec.defstruct("Row", slots, rename=names, forbid_unknown_fields=True, kw_only=True, gc=False)


def row_of(item: msgspec.Struct) -> dict[str, Any]:
    """Returns a decoded struct as a row under the fields' names; what was left out and has no default is not in it."""
    names = item.__struct_encode_fields__
    values = msgspec.structs.astuple(item)
    return {name: value for name, value in zip(names, values, strict=True) if value is not None}


def _kind(field: Field) -> Any:  # a type that is put together while running
    if field.type == "boolean":
        return bool
    if field.type == "category":
        return Literal[field.categories] if field.categories else str
    if field.type == "number":
        return Annotated[float, msgspec.Meta(ge=field.min, le=field.max)]
    # msgspec wants whole limits within 64 bits; a whole number beyond them goes the long way.
    low = _LEAST if field.min is None else max(math.ceil(field.min), _LEAST)
    high = _GREATEST if field.max is None else min(math.floor(field.max), _GREATEST)
    return Annotated[int, msgspec.Meta(ge=low, le=high)]
