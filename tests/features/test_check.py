"""Rows against a schema: every problem at once, in schema order, in sentences."""

import math
from typing import Any

import numpy as np
import pytest

from headwater.features import Field, Schema

SCHEMA = Schema(
    (
        Field("length", "number", min=0, max=30, observed_min=4.3, observed_max=7.9),
        Field("petals", "integer"),
        Field("colour", "category", categories=("red", "blue")),
        Field("wild", "boolean", required=False, default=False),
        Field("note", "category", required=False),
    )
)
GOOD: dict[str, Any] = {"length": 5.1, "petals": 5, "colour": "red", "wild": True, "note": "anything"}


@pytest.mark.parametrize(
    "row",
    [
        GOOD,
        {"length": 5, "petals": 5.0, "colour": "red"},
        GOOD | {"wild": None, "note": None},
        GOOD | {"length": np.float32(5.1), "petals": np.int64(5), "wild": np.bool_(True)},
        GOOD | {"length": 0, "petals": -3},
        GOOD | {"length": 30},
    ],
)
def test_a_right_row_has_no_problem(row: dict[str, Any]) -> None:
    assert SCHEMA.check_row(row) == []


@pytest.mark.parametrize(
    ("field", "value", "code", "message"),
    [
        ("length", None, "FIELD_MISSING", "The field 'length' is missing; give a number between 0 and 30."),
        ("petals", None, "FIELD_MISSING", "The field 'petals' is missing; give a whole number."),
        ("colour", None, "FIELD_MISSING", "The field 'colour' is missing; give one of 'red', 'blue'."),
        ("length", "long", "FIELD_TYPE", "The field 'length' must be a number, got the text 'long'."),
        (
            "length",
            "5.1",
            "FIELD_TYPE",
            "The field 'length' must be a number, got the text '5.1' (send it without the quotes).",
        ),
        ("length", True, "FIELD_TYPE", "The field 'length' must be a number, got true."),
        ("length", np.bool_(False), "FIELD_TYPE", "The field 'length' must be a number, got false."),
        ("length", [5.1], "FIELD_TYPE", "The field 'length' must be a number, got a list."),
        ("length", {"cm": 5}, "FIELD_TYPE", "The field 'length' must be a number, got an object."),
        ("length", math.nan, "FIELD_TYPE", "The field 'length' must be a finite number, got NaN."),
        ("length", math.inf, "FIELD_TYPE", "The field 'length' must be a finite number, got Infinity."),
        ("length", -math.inf, "FIELD_TYPE", "The field 'length' must be a finite number, got -Infinity."),
        (
            "length",
            10**400,
            "FIELD_TYPE",
            "The field 'length' must be a finite number, got a whole number of 401 digits.",
        ),
        ("length", 30.5, "FIELD_RANGE", "The field 'length' must be between 0 and 30, got 30.5."),
        ("length", -1, "FIELD_RANGE", "The field 'length' must be between 0 and 30, got -1."),
        ("petals", 5.5, "FIELD_TYPE", "The field 'petals' must be a whole number, got 5.5."),
        (
            "petals",
            "5",
            "FIELD_TYPE",
            "The field 'petals' must be a whole number, got the text '5' (send it without the quotes).",
        ),
        (
            "colour",
            "rde",
            "FIELD_CATEGORY",
            "The field 'colour' must be one of 'red', 'blue', got the text 'rde'. Did you mean 'red'?",
        ),
        ("colour", 3, "FIELD_TYPE", "The field 'colour' must be one of 'red', 'blue', got 3."),
        ("colour", ["red"], "FIELD_TYPE", "The field 'colour' must be one of 'red', 'blue', got a list."),
        ("wild", 1, "FIELD_TYPE", "The field 'wild' must be true or false, got 1."),
        ("wild", "true", "FIELD_TYPE", "The field 'wild' must be true or false, got the text 'true'."),
        ("note", 1.5, "FIELD_TYPE", "The field 'note' must be a text, got 1.5."),
    ],
)
def test_a_wrong_value_is_named_with_what_was_expected(
    field: str, value: Any, code: str, message: str
) -> None:
    (problem,) = SCHEMA.check_row(GOOD | {field: value})

    assert (problem.field, problem.code, problem.message) == (field, code, message)


def test_every_problem_is_told_in_schema_order_and_unknown_fields_last() -> None:
    row = {"lenght": 5.1, "colour": "green", "petals": "five", "wild": "yes"}

    problems = SCHEMA.check_row(row)

    assert [(problem.field, problem.code) for problem in problems] == [
        ("length", "FIELD_MISSING"),
        ("petals", "FIELD_TYPE"),
        ("colour", "FIELD_CATEGORY"),
        ("wild", "FIELD_TYPE"),
        ("lenght", "FIELD_UNKNOWN"),
    ]
    assert problems[-1].message == "There is no field 'lenght'. Did you mean 'length'?"


def test_fields_that_are_not_needed_may_be_missing_but_not_wrong() -> None:
    needed = {"petals"}

    assert SCHEMA.check_row({"petals": 5}, needed) == []
    assert [problem.code for problem in SCHEMA.check_row({"petals": 5, "length": 99}, needed)] == [
        "FIELD_RANGE"
    ]


def test_a_number_stands_for_a_category_that_is_numbered() -> None:
    schema = Schema((Field("zip", "category", categories=("10115", "80331")),))

    assert schema.check_row({"zip": 10115}) == []
    assert schema.columns([{"zip": 10115}])["zip"].tolist() == ["10115"]


def test_long_values_are_cut_in_messages() -> None:
    (problem,) = SCHEMA.check_row(GOOD | {"length": "x" * 10_000})

    assert len(problem.message) < 150
    assert "…" in problem.message


def test_what_was_never_observed_is_unusual_and_not_refused() -> None:
    assert SCHEMA.check_row(GOOD | {"length": 9.5}) == []
    assert SCHEMA.unusual(GOOD | {"length": 9.5}) == [
        "'length' is 9.5; the training rows had no more than 7.9."
    ]
    assert SCHEMA.unusual(GOOD | {"length": 1}) == ["'length' is 1; the training rows had no less than 4.3."]
    assert SCHEMA.unusual(GOOD) == []


def test_a_table_is_told_the_same_problems_with_their_rows() -> None:
    columns = {
        "length": np.array([5.1, 99.0, np.nan]),
        "petals": np.array([5.0, 5.5, 5.0]),
        "colour": np.array(["red", "red", "green"], dtype=object),
        "id": np.arange(3),
    }

    problems = SCHEMA.check_columns(columns)

    assert [(problem.row, problem.field, problem.code) for problem in problems] == [
        (1, "length", "FIELD_RANGE"),
        (1, "petals", "FIELD_TYPE"),
        (2, "length", "FIELD_MISSING"),
        (2, "colour", "FIELD_CATEGORY"),
    ]


def test_a_column_that_lacks_is_told_once() -> None:
    (problem,) = SCHEMA.check_columns(
        {"petals": np.array([1, 2]), "colour": np.array(["red", "red"], dtype=object)}
    )

    assert (problem.row, problem.field, problem.code) == (None, "length", "FIELD_MISSING")


def test_other_columns_of_a_table_are_refused_only_when_asked() -> None:
    columns = {"petals": np.array([1]), "petal": np.array([1])}

    assert SCHEMA.check_columns(columns, needed=()) == []
    (problem,) = SCHEMA.check_columns(columns, needed=(), unknown="refuse")
    assert problem.message == "There is no field 'petal'. Did you mean 'petals'?"


def test_problems_of_a_table_are_told_up_to_a_limit() -> None:
    columns = {"petals": np.full(1_000, 0.5)}

    assert len(SCHEMA.check_columns(columns, needed=(), limit=10)) == 10
