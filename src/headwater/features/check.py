"""Finds everything that is wrong with one row, and says it in sentences.

This is the long way, with the last word: a decoder built from the schema may
pass a right row sooner, but what it refuses comes here. NaN, infinities,
booleans where a number is meant and numbers written as text are all problems
of type, never taken for something near.
"""

from collections.abc import Collection, Mapping, Sequence
from math import isfinite
from numbers import Integral, Real
from typing import Any

from headwater.errors import nearest
from headwater.features.fields import Field, FieldProblem
from headwater.features.values import category_of, is_boolean

_SHOWN = 60
_LISTED = 10
_TRUNCATED = "…"


def check_row(
    fields: Mapping[str, Field], row: Mapping[str, Any], needed: Collection[str] | None
) -> list[FieldProblem]:
    """See `Schema.check_row`; fields are under their names."""
    found: list[FieldProblem] = []
    given = 0
    for name, field in fields.items():
        value = row.get(name)
        if value is not None:
            given += 1
        problem = missing_problem(field, needed) if value is None else value_problem(field, value)
        if problem is not None:
            found.append(problem)
    if given < len(row):
        found += [unknown_problem(name, list(fields)) for name in row if name not in fields]
    return found


def unusual(fields: Sequence[Field], row: Mapping[str, Any]) -> list[str]:
    """See `Schema.unusual`."""
    found = []
    for field in fields:
        value = row.get(field.name)
        if not isinstance(value, int | float) or is_boolean(value):
            continue
        got = f"{field.name!r} is {shown(value)}; the training rows had no"
        if field.observed_min is not None and value < field.observed_min:
            found.append(f"{got} less than {field.observed_min:g}.")
        if field.observed_max is not None and value > field.observed_max:
            found.append(f"{got} more than {field.observed_max:g}.")
    return found


def missing_problem(field: Field, needed: Collection[str] | None) -> FieldProblem | None:
    """Returns the problem of a field that is not given, if it is one."""
    if not field.required or field.default is not None or (needed is not None and field.name not in needed):
        return None
    return _problem(field, "FIELD_MISSING", f"The field {field.name!r} is missing; give {expected(field)}.")


def value_problem(field: Field, value: Any) -> FieldProblem | None:
    """Returns what is wrong with a value that is given, or none."""
    if field.type == "boolean":
        return None if is_boolean(value) else _type_problem(field, value)
    if field.type == "category":
        return _category_problem(field, value)
    if type(value) is not float and (not isinstance(value, Real) or is_boolean(value)):
        return _type_problem(field, value)
    try:
        number = float(value)
    except OverflowError:
        number = float("inf")
    if not isfinite(number):
        return _type_problem(field, value)
    if field.type == "integer" and not isinstance(value, Integral) and not number.is_integer():
        return _type_problem(field, value)
    if (field.min is not None and number < field.min) or (field.max is not None and number > field.max):
        wanted = _limits(field)
        return _problem(
            field, "FIELD_RANGE", f"The field {field.name!r} must be {wanted}, got {shown(value)}."
        )
    return None


def unknown_problem(name: Any, names: Sequence[str]) -> FieldProblem:
    """Returns the problem of a field that the schema does not have."""
    near = nearest(str(name), names)
    meant = f"Did you mean {near[0]!r}?" if near else f"The fields are {_list(names)}."
    return FieldProblem(cut(str(name)), "FIELD_UNKNOWN", f"There is no field {cut(str(name))!r}. {meant}")


def expected(field: Field) -> str:
    """Returns what a field takes, such as `a number of at most 30`."""
    if field.type == "boolean":
        return "true or false"
    if field.type == "category":
        return f"one of {_list(field.categories)}" if field.categories else "a text"
    noun = "a number" if field.type == "number" else "a whole number"
    limits = _limits(field)
    return f"{noun} {limits}" if limits.startswith("between") else f"{noun} of {limits}" if limits else noun


def shown(value: Any) -> str:
    """Returns a value as a sentence can hold it: what kind it is, and not too long."""
    if is_boolean(value):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the text {cut(value)!r}"
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, int):
        return str(value) if value.bit_length() <= 64 else f"a whole number of {_digits(value)} digits"
    if isinstance(value, Real):
        return _real(float(value))
    return f"a value of type {type(value).__name__}"


def cut(text: str) -> str:
    """Returns the text, shortened where it is too long for a message."""
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + _TRUNCATED


def _category_problem(field: Field, value: Any) -> FieldProblem | None:
    category = category_of(value)
    if category is None or (not isinstance(value, str) and category not in field.categories):
        return _type_problem(field, value)
    if field.categories and category not in field.known:
        message = f"The field {field.name!r} must be {expected(field)}, got {shown(value)}."
        near = nearest(category, field.categories)
        meant = f" Did you mean {near[0]!r}?" if near else ""
        return _problem(field, "FIELD_CATEGORY", message + meant)
    return None


def _type_problem(field: Field, value: Any) -> FieldProblem:
    got = shown(value)
    is_number = field.type in ("number", "integer")
    if is_number and isinstance(value, str) and _is_number_text(value):
        got += " (send it without the quotes)"
    if is_number and isinstance(value, Real) and not is_boolean(value) and not _is_finite(value):
        return _problem(field, "FIELD_TYPE", f"The field {field.name!r} must be a finite number, got {got}.")
    return _problem(field, "FIELD_TYPE", f"The field {field.name!r} must be {_noun(field)}, got {got}.")


def _problem(field: Field, code: Any, message: str) -> FieldProblem:
    return FieldProblem(field.name, code, message)


def _noun(field: Field) -> str:
    return (
        expected(field)
        if field.type in ("boolean", "category")
        else ("a number" if field.type == "number" else "a whole number")
    )


def _limits(field: Field) -> str:
    if field.min is not None and field.max is not None:
        return f"between {field.min:.10g} and {field.max:.10g}"
    if field.min is not None:
        return f"at least {field.min:.10g}"
    return "" if field.max is None else f"at most {field.max:.10g}"


def _list(names: Sequence[str]) -> str:
    listed = ", ".join(repr(cut(name)) for name in names[:_LISTED])
    more = len(names) - _LISTED
    return f"{listed} and {more} more" if more > 0 else listed


def _is_number_text(text: str) -> bool:
    try:
        return isfinite(float(text))
    except ValueError:
        return False


def _is_finite(value: Any) -> bool:
    try:
        return isfinite(float(value))
    except OverflowError:
        return False


def _digits(value: int) -> int:
    return int(value.bit_length() * 0.30103) + 1


def _real(number: float) -> str:
    if number != number:  # noqa: PLR0124 - only NaN differs from itself
        return "NaN"
    if not isfinite(number):
        return "Infinity" if number > 0 else "-Infinity"
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)
