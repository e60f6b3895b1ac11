"""The struct built from fields: what it takes, `check_row` takes, and it means the same."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.features import Field, Schema, row_of, struct_type

SCHEMA = Schema(
    (
        Field("length", "number", min=0, max=30),
        Field("petals", "integer", min=0, max=1e30),
        Field("the colour", "category", categories=("red", "blue")),
        Field("wild", "boolean", required=False, default=True),
        Field("note", "category", required=False),
    )
)
GOOD: dict[str, Any] = {"length": 5.1, "petals": 5, "the colour": "red", "wild": False, "note": "new"}


def decode(row: dict[str, Any], fields: tuple[Field, ...] = SCHEMA.fields) -> dict[str, Any]:
    return row_of(msgspec.json.decode(msgspec.json.encode(row), type=struct_type(fields)))


def test_a_right_row_decodes_in_one_step() -> None:
    assert decode(GOOD) == GOOD


def test_defaults_are_filled_in_and_other_gaps_left_out() -> None:
    assert decode({"length": 5, "petals": 1, "the colour": "blue"}) == {
        "length": 5.0,
        "petals": 1,
        "the colour": "blue",
        "wild": True,
    }


@pytest.mark.parametrize(
    "change",
    [
        {"length": None},
        {"length": "5"},
        {"length": 31},
        {"length": True},
        {"petals": 1.5},
        {"petals": -1},
        {"the colour": "green"},
        {"wild": 1},
        {"other": 1},
    ],
)
def test_a_wrong_row_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        decode(GOOD | change)
    assert SCHEMA.check_row(GOOD | change)


def test_whole_numbers_keep_to_limits_with_a_fraction() -> None:
    fields = (Field("x", "integer", min=0.5, max=2.5),)

    assert decode({"x": 1}, fields) == {"x": 1}
    for wrong in (0, 3):
        with pytest.raises(msgspec.ValidationError):
            decode({"x": wrong}, fields)


def test_fields_that_are_not_needed_may_be_left_out() -> None:
    kind = struct_type(SCHEMA.fields, needed={"petals"})

    assert row_of(msgspec.json.decode(b'{"petals": 3}', type=kind)) == {"petals": 3, "wild": True}


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 40),
    st.integers(-(10**30), 10**30),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["red", "blue", "green", "5", ""]),
    st.lists(st.integers(), max_size=1),
)


@given(row=st.dictionaries(st.sampled_from([*SCHEMA.names, "other"]), values))
def test_whatever_the_struct_takes_the_check_takes_too(row: dict[str, Any]) -> None:
    try:
        decoded = decode(row)
    except msgspec.ValidationError:
        return

    assert SCHEMA.check_row(row) == []
    made, meant = SCHEMA.columns([decoded]), SCHEMA.columns([row])
    assert {name: column.tolist() for name, column in made.items()} == {
        name: column.tolist() for name, column in meant.items()
    }
