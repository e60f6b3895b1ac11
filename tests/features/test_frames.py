"""Frames: every kind becomes the same columns, and results come back as the kind that was given."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from headwater.features import FrameRefused, like, to_columns

ROWS: list[dict[str, Any]] = [
    {"length": 5.1, "petals": 5, "colour": "red", "wild": True},
    {"length": None, "petals": 6, "colour": None, "wild": False},
]
PLAIN = {name: [row[name] for row in ROWS] for name in ROWS[0]}


def polars_frame() -> Any:
    return pytest.importorskip("polars").DataFrame(PLAIN)


KINDS: dict[str, Callable[[], Any]] = {
    "pandas": lambda: pd.DataFrame(PLAIN),
    "pandas, nullable": lambda: pd.DataFrame(PLAIN).convert_dtypes(),
    "pandas, categorical": lambda: pd.DataFrame(PLAIN).astype({"colour": "category"}),
    "polars": polars_frame,
    "arrow table": lambda: pa.table(PLAIN),
    "arrow batch": lambda: pa.RecordBatch.from_pydict(PLAIN),
    "rows": lambda: ROWS,
    "dictionary": lambda: PLAIN,
    "arrays": lambda: {name: np.array(values, dtype=object) for name, values in PLAIN.items()},
    "arrow dictionary": lambda: pa.table(PLAIN | {"colour": pa.array(PLAIN["colour"]).dictionary_encode()}),
}


@pytest.fixture(params=KINDS)
def frame(request: pytest.FixtureRequest) -> Any:
    return KINDS[request.param]()


def test_every_kind_becomes_the_same_columns(frame: Any) -> None:
    columns = to_columns(frame)

    assert list(columns) == ["length", "petals", "colour", "wild"]
    assert columns["length"][0] == 5.1
    assert np.isnan(columns["length"][1])
    assert [str(values.dtype) for values in columns.values()] == ["float64", "int64", "object", "bool"]
    assert columns["petals"].tolist() == [5, 6]
    assert columns["colour"].tolist() == ["red", None]
    assert columns["wild"].tolist() == [True, False]


def test_results_come_back_as_the_kind_that_was_given(frame: Any) -> None:
    columns = {"value": np.array([1.5, 2.5]), "label": np.array(["a", "b"], dtype=object)}

    result = like(frame, columns)

    assert type(result) is (list if isinstance(frame, list) else type(frame))
    back = to_columns(result)
    assert back["value"].tolist() == [1.5, 2.5]
    assert back["label"].tolist() == ["a", "b"]


def test_a_pandas_frame_keeps_its_index() -> None:
    frame = pd.DataFrame({"x": [1.0, 2.0]}, index=["p", "q"])

    assert list(like(frame, {"y": np.array([1.0, 2.0])}).index) == ["p", "q"]


def test_a_numpy_array_takes_its_names_from_outside() -> None:
    table = np.array([[1.0, 2.0], [3.0, 4.0]])

    assert to_columns(table, ["a", "b"])["b"].tolist() == [2.0, 4.0]
    assert like(table, {"y": np.array([5.0, 6.0]), "z": np.array([7.0, 8.0])}).tolist() == [
        [5.0, 7.0],
        [6.0, 8.0],
    ]
    with pytest.raises(FrameRefused, match="has 2 columns, and 3 of their names are known"):
        to_columns(table, ["a", "b", "c"])


def test_a_structured_array_brings_its_names() -> None:
    table = np.array([(1.5, "a")], dtype=[("x", float), ("y", "U1")])

    columns = to_columns(table)

    assert (columns["x"].tolist(), columns["y"].tolist()) == ([1.5], ["a"])


def test_booleans_with_gaps_stay_booleans() -> None:
    columns = to_columns(pd.DataFrame({"x": pd.array([True, None], dtype="boolean")}))

    assert columns["x"].tolist() == [True, None]


def test_dates_become_texts_and_decimals_numbers() -> None:
    columns = to_columns([{"day": dt.date(2026, 3, 1), "price": Decimal("1.5")}])

    assert columns["day"].tolist() == ["2026-03-01"]
    assert columns["price"].tolist() == [1.5]


def test_rows_that_lack_a_field_have_a_gap_there() -> None:
    columns = to_columns([{"x": 1}, {"y": "a"}])

    assert np.isnan(columns["x"][1])
    assert columns["y"].tolist() == [None, "a"]


def test_whole_numbers_too_large_for_a_column_become_floats() -> None:
    assert to_columns({"x": [2**70]})["x"].tolist() == [float(2**70)]
    assert to_columns({"x": [10**400, None]})["x"][0] == np.inf


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (7, "A int is no table"),
        ("text", "A str is no table"),
        ([1, 2], "Row 0 is a int, not a dictionary"),
        (np.arange(3), "A numpy array of 1 dimensions is no table"),
        ({"x": [1], "y": [1, 2]}, "The columns have different lengths: 1, 2"),
        ({"x": [{}]}, "The column 'x' holds a dict"),
        (pd.DataFrame([[1, 2]], columns=["x", "x"]), "two columns named 'x'"),
    ],
)
def test_what_is_no_table_is_refused_by_name(table: Any, message: str) -> None:
    with pytest.raises(FrameRefused, match=message):
        to_columns(table)
