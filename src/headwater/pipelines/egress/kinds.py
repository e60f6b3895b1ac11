"""What kinds of values columns have, for tables that are not there yet.

Few kinds, wide types: a table that egress makes has to take next month's
values too. Whoever wants narrower ones makes the table before.
"""

import math
import re
from typing import Any, Literal

import sqlalchemy as sa

Kind = Literal[
    "null", "boolean", "integer", "number", "decimal", "text", "binary", "date", "moment", "instant", "json"
]

_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")  # 007 and +49 are texts
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_LARGEST = 2**63 - 1
_WIDER: dict[frozenset[Kind], Kind] = {
    frozenset(("integer", "number")): "number",
    frozenset(("integer", "decimal")): "decimal",
    frozenset(("number", "decimal")): "decimal",
}
_OF_JSON: dict[type, Kind] = {bool: "boolean", int: "integer", float: "number", dict: "json", list: "json"}
_TYPES: dict[Kind, Any] = {
    "boolean": sa.Boolean(),
    "integer": sa.BigInteger(),
    "number": sa.Double(),
    "decimal": sa.Numeric(),
    "binary": sa.LargeBinary(),
    "date": sa.Date(),
    "moment": sa.DateTime(),
    "instant": sa.DateTime(timezone=True),
    "json": sa.JSON(),
}


def merged(one: Kind, other: Kind) -> Kind:
    """Returns the kind that holds values of both."""
    if other in (one, "null"):
        return one
    if one == "null":
        return other
    return _WIDER.get(frozenset((one, other)), "text")


def type_of(kind: Kind) -> Any:
    """Returns the type of a column for values of a kind; text where nothing is known."""
    return _TYPES.get(kind, sa.Text())


def kind_of_text(text: str) -> Kind:
    """Returns what a field of a CSV file is, if it stays the same when it is read as that and written again."""
    if text.lower() in ("true", "false"):
        return "boolean"
    if _INTEGER.fullmatch(text) and abs(int(text)) <= _LARGEST:
        return "integer"
    if _NUMBER.fullmatch(text) and math.isfinite(float(text)):
        return "number"
    return "text"


def kind_of_value(value: Any) -> Kind:
    """Returns what a value of a JSON file is."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _LARGEST:
        return "decimal"
    return _OF_JSON.get(type(value), "text")


def kind_of_arrow(arrow: Any) -> Kind:
    """Returns what a column of a Parquet file holds, by its type."""
    from pyarrow import types

    checks: tuple[tuple[Any, Kind], ...] = (
        (types.is_null, "null"),
        (types.is_boolean, "boolean"),
        (types.is_uint64, "decimal"),
        (types.is_integer, "integer"),
        (types.is_floating, "number"),
        (types.is_decimal, "decimal"),
        (types.is_date, "date"),
        (types.is_nested, "json"),
    )
    for is_such, kind in checks:
        if is_such(arrow):
            return kind
    if types.is_timestamp(arrow):
        return "moment" if arrow.tz is None else "instant"
    is_bytes = types.is_binary(arrow) or types.is_large_binary(arrow) or types.is_fixed_size_binary(arrow)
    return "binary" if is_bytes else "text"
