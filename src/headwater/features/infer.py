"""Finds out from data what each field is, and joins it with what its owner declares.

The declaration wins where it speaks; where it contradicts itself or the data,
that is an error here and not at the first prediction.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from headwater.features.check import cut, expected, shown, value_problem
from headwater.features.columns import is_missing
from headwater.features.errors import InvalidField
from headwater.features.fields import NUMBERS, DeclaredField, Field, FieldType
from headwater.features.frames import to_columns
from headwater.features.values import category_of, is_boolean

if TYPE_CHECKING:
    from numpy.typing import NDArray

Mistakes = list[tuple[str, str]]

_TYPES = {"b": "boolean", "i": "integer", "u": "integer", "f": "number", "U": "category"}


def infer_fields(table: Any, declared: Mapping[str, DeclaredField]) -> tuple[Field, ...]:
    """See `Schema.infer`."""
    columns = to_columns(table)
    mistakes: Mistakes = [
        (name, f"The field {name!r} is declared, but the data has no such column.")
        for name in declared
        if name not in columns
    ]
    fields = [_field(name, values, declared.get(name), mistakes) for name, values in columns.items()]
    if mistakes:
        raise InvalidField(mistakes)
    return tuple(field for field in fields if field is not None)


def _field(name: str, values: "NDArray[Any]", said: DeclaredField | None, mistakes: Mistakes) -> Field | None:
    seen = _type_of(values)
    kind: FieldType | None = said.type if said is not None and said.type is not None else seen
    if kind is None:
        mistakes.append((name, f"The column {name!r} holds values of more than one type; declare its type."))
        return None
    found = len(mistakes)
    present = _present(name, kind, values, mistakes)
    default = None if said is None else said.default
    required = None if said is None else said.required
    if required is None:
        required = default is None and len(present) == len(values)
    elif required and default is not None:
        mistakes.append(
            (name, f"The field {name!r} is declared as required and with a default; keep one of them.")
        )
    field = _with_limits(name, kind, present, said, mistakes)
    if len(mistakes) > found:
        return None
    return _with_default(msgspec.structs.replace(field, required=required), mistakes, default=default)


def _type_of(values: "NDArray[Any]") -> FieldType | None:
    known = _TYPES.get(values.dtype.kind)
    if known is not None:
        return known  # type: ignore[return-value]  # one of the four
    present = [value for value in values.tolist() if not is_missing(value)]
    if all(isinstance(value, str) for value in present):
        return "category"
    if all(is_boolean(value) for value in present):
        return "boolean"
    if any(is_boolean(value) or not isinstance(value, int | float) for value in present):
        return None
    return "integer" if all(isinstance(value, int) for value in present) else "number"


def _present(
    name: str, kind: FieldType, values: "NDArray[Any]", mistakes: Mistakes
) -> "NDArray[Any] | list[Any]":
    """Returns the values that are there, in the field's type; an array for numbers, else a list."""
    if kind in NUMBERS and values.dtype.kind in "iuf":
        return _numbers(name, kind, values, mistakes)
    plain = [value for value in values.tolist() if not is_missing(value)]
    made: list[Any]
    if kind == "category":
        made = [value if type(value) is str else category_of(value) for value in plain]
    elif kind == "boolean":
        made = [bool(value) if is_boolean(value) or value in (0, 1) else None for value in plain]
    else:
        field = Field(name, kind)
        made = [value if value_problem(field, value) is None else None for value in plain]
    odd = next((plain[place] for place, value in enumerate(made) if value is None), None)
    if odd is not None:
        mistakes.append(_does_not_fit(name, kind, odd))
    return [value for value in made if value is not None]


def _numbers(name: str, kind: FieldType, values: "NDArray[Any]", mistakes: Mistakes) -> "NDArray[Any]":
    import numpy as np

    present: NDArray[Any] = values[~np.isnan(values)]
    odd = present[
        np.isinf(present) if kind == "number" else ~np.isfinite(present) | (present != np.floor(present))
    ]
    if len(odd):
        mistakes.append(_does_not_fit(name, kind, odd[0].item()))
    return present


def _does_not_fit(name: str, kind: FieldType, value: Any) -> tuple[str, str]:
    wanted = expected(Field(name, kind))
    return name, f"The field {name!r} takes {wanted}, but a row of the data has {shown(value)}."


def _with_limits(
    name: str,
    kind: FieldType,
    present: "NDArray[Any] | list[Any]",
    said: DeclaredField | None,
    mistakes: Mistakes,
) -> Field:
    low, high, listed = (None, None, None) if said is None else (said.min, said.max, said.categories)
    if listed is not None and kind != "category":
        mistakes.append((name, f"The field {name!r} is a {kind} and cannot have categories."))
    if kind in NUMBERS:
        ends = _ends(present)
        _check_limits(name, low, high, ends, mistakes)
        return Field(name, kind, min=low, max=high, observed_min=ends[0], observed_max=ends[1])
    if low is not None or high is not None:
        mistakes.append((name, f"The field {name!r} is a {kind} and cannot have min or max."))
    if kind == "boolean":
        return Field(name, kind)
    seen = sorted(set(present))
    if listed is None:
        return Field(name, kind, categories=tuple(seen))
    lacking = sorted(set(seen) - set(listed))
    if lacking:
        mistakes.append(
            (name, f"The declared categories of {name!r} lack {cut(lacking[0])!r}, which the data has.")
        )
    if len(set(listed)) < len(listed):
        mistakes.append((name, f"The declared categories of {name!r} name one twice."))
    return Field(name, kind, categories=tuple(listed))


def _ends(present: "NDArray[Any] | list[Any]") -> tuple[float | None, float | None]:
    import numpy as np

    return (float(np.min(present)), float(np.max(present))) if len(present) else (None, None)


def _check_limits(
    name: str,
    low: float | None,
    high: float | None,
    ends: tuple[float | None, float | None],
    mistakes: Mistakes,
) -> None:
    if low is not None and high is not None and low > high:
        mistakes.append((name, f"The field {name!r} has min {low:g} above max {high:g}."))
    for end in (low, high):
        if end is not None and not math.isfinite(end):
            mistakes.append((name, f"The limits of {name!r} must be finite numbers."))
    if low is not None and ends[0] is not None and ends[0] < low:
        mistakes.append(
            (name, f"The field {name!r} is declared to be at least {low:g}, but the data has {ends[0]:g}.")
        )
    if high is not None and ends[1] is not None and ends[1] > high:
        mistakes.append(
            (name, f"The field {name!r} is declared to be at most {high:g}, but the data has {ends[1]:g}.")
        )


def _with_default(field: Field, mistakes: Mistakes, *, default: bool | float | str | None) -> Field | None:
    if default is not None and field.type == "category":
        default = category_of(default)
    problem = None if default is None else value_problem(field, default)
    if problem is not None:
        mistakes.append((field.name, f"The default of {field.name!r} does not fit: {problem.message}"))
        return None
    return msgspec.structs.replace(field, default=default)
