import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from headwater.features import Field, Schema
from headwater.serving import Limits
from headwater.serving.answers import Refusal
from headwater.serving.bodies import json_rows
from headwater.serving.rows import RowReader

SCHEMA = Schema(
    (
        Field("length", "number", min=0, max=30),
        Field("width", "number", required=False, default=1.5),
        Field("petals", "integer", required=False, min=1),
        Field("is_wild", "boolean"),
        Field("kind", "category", categories=("rose", "wild: rose")),
        Field("note", "category", required=False),
    )
)

values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 35),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["rose", "wild: rose", "5", "", "é"]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)
right = {
    "length": st.floats(0, 30) | st.integers(0, 30),
    "width": st.floats(-1e9, 1e9),
    "petals": st.integers(1, 2**63 - 1),
    "is_wild": st.booleans(),
    "kind": st.sampled_from(["rose", "wild: rose"]),
    "note": st.text(max_size=5),
}
right_rows = st.fixed_dictionaries(
    {name: right[name] for name in ("length", "is_wild", "kind")},
    optional={name: right[name] for name in ("width", "petals", "note")},
)
wild_rows = st.fixed_dictionaries({}, optional={name: values | strategy for name, strategy in right.items()})
rows = st.one_of(right_rows, wild_rows, st.dictionaries(st.text(max_size=3), values, max_size=3))
needs = st.sets(st.sampled_from(SCHEMA.names)) | st.just(set(SCHEMA.names))


def long_way(body: bytes, needed: set[str]) -> tuple[list[Any], list[Any], bool]:
    found, is_list = json_rows(body)
    return found, [SCHEMA.check_row(row, needed) for row in found], is_list


@given(body=(rows | st.lists(rows, max_size=4)).map(lambda value: json.dumps(value).encode()), needed=needs)
def test_the_fast_way_and_the_long_way_agree(body: bytes, needed: set[str]) -> None:
    fast = RowReader(SCHEMA, needed, Limits()).read_right(body, "json")

    if fast is not None:
        expected, problems, is_list = long_way(body, needed)
        assert not any(problems)
        assert (fast.rows, fast.given, fast.is_list) == (expected, expected, is_list)


@given(body=(right_rows | st.lists(right_rows, max_size=4)))
def test_a_right_body_goes_the_fast_way(body: Any) -> None:
    has_colon = "wild: rose" in json.dumps(body) or any(
        ":" in row.get("note", "") for row in ([body] if isinstance(body, dict) else body)
    )

    table = RowReader(SCHEMA, SCHEMA.names, Limits()).read_right(json.dumps(body).encode(), "json")

    assert (table is not None) or has_colon
    assert table is None or table.given == ([body] if isinstance(body, dict) else body)


@given(names=st.lists(st.sampled_from(["length", "is_wild", "kind", "width"]), min_size=3, max_size=6))
def test_a_field_that_is_given_twice_is_never_taken(names: list[str]) -> None:
    cells = {"length": "1", "is_wild": "true", "kind": '"rose"', "width": "2"}
    body = ("{" + ", ".join(f'"{name}": {cells[name]}' for name in names) + "}").encode()
    reader = RowReader(SCHEMA, set(), Limits())

    if len(set(names)) < len(names):
        assert reader.read_right(body, "json") is None
        assert _refused(reader, body)
    else:
        assert reader.read(body, "json").problems == ()


def _refused(reader: RowReader, body: bytes) -> bool:
    try:
        reader.read(body, "json")
    except Refusal as refusal:
        return refusal.code == "MALFORMED"
    return False


def test_names_that_json_must_escape_are_read_the_long_way() -> None:
    schema = Schema((Field('the "length"', "number"),))
    reader = RowReader(schema, schema.names, Limits())

    table = reader.read(json.dumps({'the "length"': 5}).encode(), "json")

    assert (table.rows, table.problems) == ([{'the "length"': 5}], ())
