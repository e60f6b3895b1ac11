"""Schemas: what is found in data, what is declared, and where the two contradict each other."""

import json

import numpy as np
import pytest

from headwater.features import Field, InvalidField, RowsRefused, Schema
from tests.features.declared import Declared

FLOWERS = {
    "length": np.array([5.1, 4.9, np.nan]),
    "petals": np.array([5, 6, 5]),
    "colour": np.array(["red", "blue", None], dtype=object),
    "wild": np.array([True, False, True]),
}


def test_types_follow_the_columns() -> None:
    schema = Schema.infer(FLOWERS)

    assert [(field.name, field.type) for field in schema.fields] == [
        ("length", "number"),
        ("petals", "integer"),
        ("colour", "category"),
        ("wild", "boolean"),
    ]


def test_what_was_observed_is_kept() -> None:
    schema = Schema.infer(FLOWERS)

    assert (schema.by_name["length"].observed_min, schema.by_name["length"].observed_max) == (4.9, 5.1)
    assert schema.by_name["colour"].categories == ("blue", "red")
    assert schema.by_name["length"].min is None


def test_a_column_with_gaps_is_not_required_and_one_without_is() -> None:
    schema = Schema.infer(FLOWERS)

    assert {field.name: field.required for field in schema.fields} == {
        "length": False,
        "petals": True,
        "colour": False,
        "wild": True,
    }


def test_what_is_declared_wins() -> None:
    said = {
        "length": Declared(min=0, max=30, required=True),
        "petals": Declared(type="category"),
        "wild": Declared(default=True),
        "colour": Declared(categories=("red", "blue", "green")),
    }

    schema = Schema.infer(FLOWERS, said)

    assert schema.by_name["length"] == Field(
        "length", "number", required=True, min=0, max=30, observed_min=4.9, observed_max=5.1
    )
    assert schema.by_name["petals"].categories == ("5", "6")
    assert schema.by_name["wild"] == Field("wild", "boolean", required=False, default=True)
    assert schema.by_name["colour"].categories == ("red", "blue", "green")


def test_every_contradiction_is_told_at_once() -> None:
    said = {
        "length": Declared(min=9, max=1),
        "petals": Declared(default=2.5),
        "colour": Declared(categories=("red",)),
        "wild": Declared(required=True, default=False),
        "lenght": Declared(min=0),
    }

    with pytest.raises(InvalidField) as caught:
        Schema.infer(FLOWERS, said)

    told = [detail["message"] for detail in caught.value.details]
    assert told == [
        "The field 'lenght' is declared, but the data has no such column.",
        "The field 'length' has min 9 above max 1.",
        "The field 'length' is declared to be at least 9, but the data has 4.9.",
        "The field 'length' is declared to be at most 1, but the data has 5.1.",
        "The default of 'petals' does not fit: The field 'petals' must be a whole number, got 2.5.",
        "The declared categories of 'colour' lack 'blue', which the data has.",
        "The field 'wild' is declared as required and with a default; keep one of them.",
    ]


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        (Declared(type="number"), "The field 'x' takes a number, but a row of the data has the text 'a'."),
        (
            Declared(type="boolean"),
            "The field 'x' takes true or false, but a row of the data has the text 'a'.",
        ),
        (Declared(min=0), "The field 'x' is a category and cannot have min or max."),
        (
            Declared(default="z"),
            "The default of 'x' does not fit: The field 'x' must be one of 'a', 'b', got the text 'z'.",
        ),
    ],
)
def test_a_declaration_that_does_not_fit_the_data_is_named(declared: Declared, message: str) -> None:
    with pytest.raises(InvalidField) as caught:
        Schema.infer({"x": np.array(["a", "b"], dtype=object)}, {"x": declared})

    assert [detail["message"] for detail in caught.value.details] == [message]


def test_a_column_of_several_types_asks_for_a_declaration() -> None:
    with pytest.raises(InvalidField, match="more than one type"):
        Schema.infer({"x": np.array(["a", 1], dtype=object)})


def test_infinite_values_are_no_numbers() -> None:
    with pytest.raises(InvalidField, match="'x' takes a number, but a row of the data has Infinity"):
        Schema.infer({"x": np.array([1.0, np.inf])})


def test_whole_numbers_may_be_declared_where_the_column_holds_floats() -> None:
    schema = Schema.infer({"x": np.array([1.0, np.nan, 3.0])}, {"x": Declared(type="integer")})

    assert schema.by_name["x"].type == "integer"
    with pytest.raises(InvalidField, match=r"takes a whole number, but a row of the data has 1\.5"):
        Schema.infer({"x": np.array([1.5])}, {"x": Declared(type="integer")})


def test_a_schema_survives_json_byte_for_byte() -> None:
    schema = Schema.infer(FLOWERS, {"length": Declared(default=5.8, min=0)})

    again = Schema.from_json(schema.to_json())

    assert again == schema
    assert again.to_json() == schema.to_json()
    assert json.loads(schema.to_json())["fields"][0]["name"] == "length"


def test_two_fields_of_one_name_are_refused() -> None:
    with pytest.raises(InvalidField, match="'x' stands twice"):
        Schema((Field("x", "number"), Field("x", "integer")))


def test_rows_become_columns_with_defaults_filled_in() -> None:
    schema = Schema.infer(FLOWERS, {"length": Declared(default=5.8), "colour": Declared(default="red")})

    columns = schema.columns(
        [{"petals": 5, "wild": True}, {"length": 1, "colour": "blue", "petals": 6.0, "wild": False}]
    )

    assert columns["length"].tolist() == [5.8, 1.0]
    assert columns["petals"].tolist() == [5.0, 6.0]
    assert columns["colour"].tolist() == ["red", "blue"]
    assert columns["wild"].tolist() == [True, False]


def test_tables_are_brought_to_the_schemas_types() -> None:
    schema = Schema.infer(FLOWERS, {"petals": Declared(type="category")})

    columns = schema.prepare(
        {"petals": np.array([5.0, 6.0, np.nan]), "wild": np.array([1, 0, 1]), "other": np.arange(3)}
    )

    assert columns["petals"].tolist() == ["5", "6", None]
    assert columns["wild"].tolist() == [True, False, True]
    assert np.isnan(columns["length"]).all()
    assert "other" not in columns


def test_preparing_a_table_leaves_it_as_it_was() -> None:
    given = np.array([1.0, np.nan])
    schema = Schema.infer({"x": given}, {"x": Declared(default=7.0)})

    prepared = schema.prepare({"x": given})

    assert prepared["x"].tolist() == [1.0, 7.0]
    assert np.isnan(given[1])


@pytest.mark.parametrize("column", [np.array(["1.5"], dtype=object), np.array(["1.5"]), np.array([True])])
def test_texts_and_booleans_are_not_taken_for_numbers(column: np.ndarray) -> None:
    schema = Schema((Field("x", "number"),))

    with pytest.raises(RowsRefused) as caught:
        schema.prepare({"x": column})

    assert [(problem.row, problem.code) for problem in caught.value.problems] == [(0, "FIELD_TYPE")]


def test_a_number_too_large_for_its_column_is_refused_by_name() -> None:
    schema = Schema((Field("x", "integer"),))

    with pytest.raises(RowsRefused, match="'x' must be a finite number, got a whole number of 401 digits"):
        schema.columns([{"x": 10**400}])
