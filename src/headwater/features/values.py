"""What single values mean: which are booleans, which category a value stands for."""

from numbers import Integral, Real
from typing import Any


def is_boolean(value: Any) -> bool:
    """Says whether the value is true or false: Python's own, or numpy's scalar."""
    return isinstance(value, bool) or type(value).__name__ in ("bool_", "bool")


def category_of(value: Any) -> str | None:
    """Returns the category that a value stands for, or none.

    A text is itself and a whole number its digits, since numbered categories
    arrive as numbers; a boolean is `true` or `false` in tables that were
    declared so. Anything else stands for none.
    """
    if isinstance(value, str):
        return value
    if is_boolean(value):
        return "true" if value else "false"
    if isinstance(value, Integral):
        return str(int(value)) if int(value).bit_length() <= 64 else None
    if isinstance(value, Real) and float(value).is_integer() and abs(float(value)) < 2**53:
        return str(int(float(value)))
    return repr(float(value)) if isinstance(value, Real) and value == value else None  # noqa: PLR0124 - NaN
