"""Decodes and checks the rows of a request against a model's schema.

The usual request is right. So a struct is built from the schema once, and one
decode reads and checks a whole body: required fields, types, ranges,
categories, unknown fields. Only what that refuses goes the long way, through
`Schema.check_row`, which finds every problem and has the last word on whether
there is one. Both ways lead to the same rows.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Literal

import msgspec
from msgspec.structs import replace

from headwater.features import Schema, row_of, struct_type
from headwater.serving.answers import Problem, Refusal
from headwater.serving.bodies import Row, csv_rows, json_rows
from headwater.serving.messages import Limits


class Table(msgspec.Struct):
    """The rows of one request as given, the good ones and where they stood, and what is wrong with the others."""

    given: list[Row]
    is_list: bool
    rows: list[Row]
    places: list[int] | None = None  # none: all rows are good
    problems: Sequence[Problem] = ()


class RowReader:
    """Reads bodies for one model and one choice of targets."""

    def __init__(self, schema: Schema, needed: Collection[str], limits: Limits) -> None:
        """Builds the struct.

        Args:
            schema: Types, ranges and defaults of all fields.
            needed: The fields that the chosen targets are computed from; others may be left out.
            limits: How many rows and problems one request may have.
        """
        self._schema = schema
        self._needed = frozenset(needed)
        self._limits = limits
        self._types: dict[str, str] = {field.name: field.type for field in schema.fields}
        self._decode = _fast_decoder(schema, self._needed)

    def read(self, body: bytes, kind: Literal["json", "csv"]) -> Table:
        """Returns the rows of a body.

        Raises:
            Refusal: It cannot be read, or has too many rows.
        """
        table = self.read_right(body, kind)
        if table is not None:
            return table
        rows, is_list = (csv_rows(body, self._types), True) if kind == "csv" else json_rows(body)
        return self._checked(rows, is_list=is_list)

    def read_right(self, body: bytes, kind: Literal["json", "csv"]) -> Table | None:
        """Returns the rows of a body that is right, the usual one, in microseconds; none: ask `read`.

        Raises:
            Refusal: It has too many rows.
        """
        if kind == "csv" or self._decode is None:
            return None
        table = self._decode(body)
        if table is not None:
            self._refuse_long(table.rows)
        return table

    def _checked(self, rows: list[Row], *, is_list: bool) -> Table:
        self._refuse_long(rows)
        problems: list[Problem] = []
        good: list[int] = []
        for place, row in enumerate(rows):
            found = [
                Problem(place, problem.field, problem.code, problem.message)
                for problem in self._schema.check_row(row, self._needed)
            ]
            if not found:
                good.append(place)
            elif len(problems) <= self._limits.problems:
                problems += found
        if not problems:
            return Table(rows, is_list, rows)
        return Table(rows, is_list, [rows[place] for place in good], good, problems)

    def _refuse_long(self, rows: Sequence[Row]) -> None:
        if len(rows) > self._limits.rows:
            raise Refusal(
                "TOO_LARGE", f"The body has {len(rows)} rows; send at most {self._limits.rows} per request."
            )


def _fast_decoder(schema: Schema, needed: frozenset[str]) -> Callable[[bytes], Table | None] | None:
    """Returns what reads a right body in one go and any other as none; no such way where JSON must escape a name."""
    # Defaults are the predictor's to fill in: here and in the log a row is what was sent.
    fields = [
        replace(field, default=None, required=field.required and field.default is None)
        for field in schema.fields
    ]
    try:
        shape = struct_type(fields, needed)
    except ValueError:
        return None
    decoder = msgspec.json.Decoder(shape | list[shape])  # type: ignore[valid-type]

    def decode(body: bytes) -> Table | None:
        try:
            found = decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        is_list = isinstance(found, list)
        rows = [row_of(item) for item in found] if is_list else [row_of(found)]
        # Every field that was given has its colon; with more colons than fields one was given twice, or as null,
        # or a text holds one.
        if body.count(b":") != sum(map(len, rows)):
            return None
        return Table(rows, is_list, rows)

    return decode
