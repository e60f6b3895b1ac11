"""Turns the bytes of a body into rows, or says why they are none: JSON strictly, CSV with a header.

JSON that means two things is refused: a field given twice, NaN, bytes that are
not UTF-8. What a CSV cell means is decided by the schema's type for its
column; a cell that does not fit stays text, so that the check of the row names
it as it would name the same text in JSON.
"""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NoReturn

import msgspec

from headwater.serving.answers import Refusal

Row = dict[str, Any]

_JSON_TYPES = frozenset({"", "application/json", "text/json"})
_CSV_TYPES = frozenset({"text/csv", "application/csv"})
_UTF8 = frozenset({"utf-8", "utf8", "us-ascii"})
_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}

# Numbers too large for a float become infinite here, and the check of the row says so by the field's name.
_decoder = msgspec.json.Decoder(float_hook=float)


def media_type(content_type: str | None, encoding: str | None) -> Literal["json", "csv"]:
    """Returns which of the two formats a body has, from its headers.

    Raises:
        Refusal: It has another one, is compressed, or is not in UTF-8.
    """
    if encoding and encoding.strip().lower() != "identity":
        raise Refusal(
            "UNSUPPORTED_MEDIA_TYPE", f"Send the body as it is, not encoded with {encoding[:40]!r}."
        )
    kind, _, parameters = (content_type or "").partition(";")
    kind = kind.strip().lower()
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() not in _UTF8:
            raise Refusal("UNSUPPORTED_MEDIA_TYPE", "Send the body in UTF-8.")
    if kind in _JSON_TYPES or (kind.startswith("application/") and kind.endswith("+json")):
        return "json"
    if kind in _CSV_TYPES:
        return "csv"
    raise Refusal(
        "UNSUPPORTED_MEDIA_TYPE", f"Send application/json or text/csv with a header line, not {kind[:80]!r}."
    )


def json_rows(body: bytes) -> tuple[list[Row], bool]:
    """Returns the rows of a JSON body and whether it is a list.

    Raises:
        Refusal: It is not one object or a list of objects, or not JSON.
    """
    if not body.strip():
        raise Refusal("MALFORMED", "The body is empty; send one JSON object or a list of them.")
    try:
        value = _decoder.decode(body)
        _refuse_repeated(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refusal("MALFORMED", f"The body is not JSON: {error}.") from None
    except RecursionError:
        raise Refusal("MALFORMED", "The body is nested too deeply.") from None
    if isinstance(value, dict):
        return [value], False
    if not isinstance(value, list):
        raise Refusal("MALFORMED", "The body is one JSON object or a list of them.")
    for place, row in enumerate(value):
        if not isinstance(row, dict):
            raise Refusal("MALFORMED", f"Row {place} is not a JSON object.")
    return value, True


def _refuse_repeated(body: bytes) -> None:
    # The numbers were read already; here they need not be.
    json.loads(body.decode(), object_pairs_hook=_unique, parse_int=_no_number, parse_float=_no_number)


def _no_number(_: str) -> None:
    return None


def _unique(pairs: Sequence[tuple[str, Any]]) -> None:
    names = {name for name, _ in pairs}
    if len(names) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise Refusal("MALFORMED", f"The field {name[:100]!r} is given twice.")
            seen.add(name)


def csv_rows(body: bytes, types: Mapping[str, str]) -> list[Row]:
    """Returns the rows of a CSV body; an empty cell means that the field is not given.

    Args:
        body: UTF-8, with or without a byte-order mark, the first line a header.
        types: The schema's type of each field it has.

    Raises:
        Refusal: It has no header, lines of different length, or is not CSV in UTF-8.
    """
    try:
        lines = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        header = [name.strip() for name in next(lines, [])]
        _check_header(header)
        kinds = [types.get(name, "") for name in header]
        rows: list[Row] = []
        for cells in lines:
            if not cells:
                continue
            if len(cells) != len(header):
                _malformed(f"line {lines.line_num} has {len(cells)} cells, the header {len(header)}")
            rows.append(
                {
                    name: _cell(cell, kind)
                    for name, kind, cell in zip(header, kinds, cells, strict=True)
                    if cell.strip()
                }
            )
    except (csv.Error, UnicodeDecodeError) as error:
        _malformed(str(error))
    return rows


def _check_header(header: Sequence[str]) -> None:
    if not header or header == [""]:
        raise Refusal("MALFORMED", "The body is empty; send CSV with a header line.")
    seen: set[str] = set()
    for name in header:
        if name in seen:
            raise Refusal("MALFORMED", f"The column {name[:100]!r} stands twice in the header.")
        seen.add(name)


def _malformed(reason: str) -> NoReturn:
    raise Refusal("MALFORMED", f"The body is not CSV: {reason}.") from None


def _cell(text: str, kind: str) -> Any:  # text where it does not fit the type
    if kind in {"number", "integer"}:
        return _number(text, kind)
    if kind == "boolean":
        return _BOOLEANS.get(text.strip().lower(), text)
    return text


def _number(text: str, kind: str) -> float | int | str:
    try:
        if "_" in text:  # Python's own way to write a million
            return text
        value = float(text)
        if not math.isfinite(value):
            return text
        return int(text) if kind == "integer" and "." not in text and "e" not in text.lower() else value
    except ValueError:
        return text
