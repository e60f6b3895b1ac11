from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.serving.answers import Refusal
from headwater.serving.bodies import csv_rows, json_rows, media_type

TYPES = {"length": "number", "petals": "integer", "is_wild": "boolean", "kind": "category"}


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        (None, "json"),
        ("", "json"),
        ("application/json", "json"),
        ("Application/JSON; charset=UTF-8", "json"),
        ("application/vnd.iris+json", "json"),
        ("text/csv", "csv"),
        ('text/csv; header=present; charset="utf-8"', "csv"),
    ],
)
def test_the_header_says_the_format(content_type: str | None, expected: str) -> None:
    assert media_type(content_type, None) == expected


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [
        ("application/vnd.apache.arrow.stream", None),
        ("application/x-www-form-urlencoded", None),
        ("multipart/form-data; boundary=x", None),
        ("text/plain", None),
        ("application/json; charset=latin-1", None),
        ("application/json", "gzip"),
    ],
)
def test_other_formats_are_refused(content_type: str, encoding: str | None) -> None:
    with pytest.raises(Refusal) as caught:
        media_type(content_type, encoding)

    assert caught.value.code == "UNSUPPORTED_MEDIA_TYPE"


def test_one_object_is_one_row_and_a_list_is_a_list() -> None:
    assert json_rows(b'{"a": 1}') == ([{"a": 1}], False)
    assert json_rows(b'[{"a": 1}]') == ([{"a": 1}], True)
    assert json_rows(b" [] ") == ([], True)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \n",
        b"{",
        b"[1]",
        b'[{"a": 1}, null]',
        b"5",
        b'"text"',
        b"null",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b"{'a': 1}",
        b'{"a": 1,}',
        b'{"a": 1} {"a": 2}',
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 2}}',
        b'{"a": 1, "\\u0061": 2}',
        b'{"a": "\xff"}',
        b'\xef\xbb\xbf{"a": 1}',
        '{"a": 1}'.encode("utf-16"),
        b'{"a": "\\ud800"}',
        b'{"a": 01}',
        b'{"a": ' + b"9" * 10_000 + b"}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 900 + b"]" * 900,
    ],
)
def test_what_is_not_an_object_or_a_list_of_them_is_malformed(body: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        json_rows(body)

    assert caught.value.code == "MALFORMED"


def test_a_repeated_field_is_named() -> None:
    with pytest.raises(Refusal, match="'SepalLength' is given twice"):
        json_rows(b'[{"SepalLength": 1}, {"SepalLength": 1, "b": 2, "SepalLength": 3}]')


def test_cells_become_what_the_schema_says() -> None:
    body = b"length,petals,is_wild,kind,other\n5.1,3,true,1,x\n-1e3,4,0,wild rose,\n"

    assert csv_rows(body, TYPES) == [
        {"length": 5.1, "petals": 3, "is_wild": True, "kind": "1", "other": "x"},
        {"length": -1000.0, "petals": 4, "is_wild": False, "kind": "wild rose"},
    ]


@pytest.mark.parametrize(
    "cell", ["nan", "inf", "-Infinity", "1_000", "five", "1,5", "0x10", "1" * 5_000 + "e9"]
)
def test_a_cell_that_is_no_number_stays_text(cell: str) -> None:
    [row] = csv_rows(f'length,petals\n"{cell}",1\n'.encode(), TYPES)

    assert row["length"] == cell


@pytest.mark.parametrize(
    ("cell", "value"), [("3.0", 3.0), ("1e2", 100.0), (" 7 ", 7), ("1" * 5_000, "1" * 5_000)]
)
def test_a_cell_of_an_integer_column_is_read_as_written(cell: str, value: Any) -> None:
    assert csv_rows(f"petals\n{cell}\n".encode(), TYPES) == [{"petals": value}]


def test_a_byte_order_mark_and_other_line_ends_are_no_matter() -> None:
    assert csv_rows(b"\xef\xbb\xbflength,kind\r\n1,a\r\n\r\n2,b", TYPES) == [
        {"length": 1.0, "kind": "a"},
        {"length": 2.0, "kind": "b"},
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n",
        b"length,length\n1,2\n",
        b"length,kind\n1\n",
        b"length,kind\n1,a,b\n",
        b'length,kind\n1,"a\n',
        b'length,kind\n1,"a"b\n',
        b"length,kind\n1,\xff\n",
        b"kind\n" + b"a" * 200_000 + b"\n",
    ],
)
def test_csv_that_cannot_be_read_is_malformed(body: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        csv_rows(body, TYPES)

    assert caught.value.code == "MALFORMED"


def test_a_line_of_another_length_is_named() -> None:
    with pytest.raises(Refusal, match="line 3 has 1 cells, the header 2"):
        csv_rows(b"length,kind\n1,a\n2\n", TYPES)


@given(st.binary(max_size=300))
def test_any_bytes_are_rows_or_refused(body: bytes) -> None:
    assert _code(json_rows, body) in {"OK", "MALFORMED"}
    assert _code(lambda data: csv_rows(data, TYPES), body) in {"OK", "MALFORMED"}


def _code(read: Callable[[bytes], object], body: bytes) -> str:
    try:
        read(body)
    except Refusal as refusal:
        return refusal.code
    return "OK"
