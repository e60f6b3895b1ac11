"""Transforms: fitted on training rows, the same bits for a row and a table, the same bytes after JSON."""

from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from headwater.features import CannotFit, Field, RowsRefused, Scaling, Schema, Transform

SCHEMA = Schema(
    (
        Field("a", "number", required=False),
        Field("b", "integer", required=False),
        Field("c", "category", required=False, categories=("red", "blue", "green")),
        Field("d", "boolean", required=False),
    )
)
TRAINING: list[dict[str, Any]] = [
    {"a": 1.0, "b": 1, "c": "red", "d": True},
    {"a": 2.0, "b": 2, "c": "red", "d": True},
    {"a": None, "b": 2, "c": "blue", "d": False},
    {"a": 6.0, "b": None, "c": None, "d": None},
]


def fit(**options: Any) -> Transform:
    return Transform.fit(SCHEMA, SCHEMA.columns(TRAINING), **options)


def matrix(transform: Transform, rows: list[dict[str, Any]]) -> NDArray[np.float32]:
    return transform.matrix(SCHEMA.columns(rows))


def test_names_tell_every_column() -> None:
    assert fit().names == ("a", "b", "c=red", "c=blue", "c=green", "d")


def test_numbers_are_filled_with_the_median_and_others_with_the_most_frequent() -> None:
    assert matrix(fit(), [{}]).tolist() == [[2.0, 2.0, 1.0, 0.0, 0.0, 1.0]]


@pytest.mark.parametrize(
    ("missing", "filled"),
    [("median", [2.0, 2.0]), ("mean", [3.0, 5 / 3]), ("mode", [1.0, 2.0]), ("constant", [-9.0, -9.0])],
)
def test_each_way_to_fill_a_gap(
    missing: Literal["median", "mean", "mode", "constant"], filled: list[float]
) -> None:
    row = matrix(fit(missing=missing, constant=-9.0), [{"c": "red", "d": False}])[0]

    assert row[:2].tolist() == pytest.approx(filled)


def test_gaps_that_are_kept_are_nan_in_every_column_they_touch() -> None:
    row = matrix(fit(missing="keep"), [{}])

    assert np.isnan(row).all()


def test_outliers_are_held_at_the_quantiles_of_the_training_rows() -> None:
    columns = {"a": np.arange(101.0)}
    schema = Schema((Field("a", "number"),))
    transform = Transform.fit(schema, columns, clip=(0.1, 0.9))

    assert transform.matrix({"a": np.array([-50.0, 50.0, 1e9])}).tolist() == [[10.0], [50.0], [90.0]]


@pytest.mark.parametrize(("scaling", "reference"), [("standard", StandardScaler), ("minmax", MinMaxScaler)])
def test_scaling_agrees_with_scikit_learn(scaling: Scaling, reference: type[Any]) -> None:
    rng = np.random.default_rng(1)
    table = {name: rng.normal(3, 20, 500) for name in "xyz"}
    schema = Schema.infer(table)

    ours = Transform.fit(schema, table, scaling=scaling).matrix(table)

    theirs = reference().fit_transform(np.column_stack(list(table.values())))
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)


def test_scaling_counts_filled_gaps_as_their_fill() -> None:
    schema = Schema((Field("a", "number", required=False),))
    columns = {"a": np.array([1.0, 3.0, np.nan])}

    scaled = Transform.fit(schema, columns, scaling="standard").matrix(columns)

    assert scaled.mean() == pytest.approx(0)
    assert scaled.std() == pytest.approx(1)


def test_a_constant_column_is_scaled_to_zero() -> None:
    schema = Schema((Field("a", "number"),))
    columns = {"a": np.array([4.0, 4.0])}

    assert Transform.fit(schema, columns, scaling="standard").matrix(columns).tolist() == [[0.0], [0.0]]


def test_a_column_without_any_value_cannot_be_fitted() -> None:
    schema = Schema((Field("a", "number"), Field("c", "category", categories=("x",))))

    with pytest.raises(CannotFit, match="'a' has no value in any training row"):
        Transform.fit(schema, {"a": np.array([np.nan])}, fields=["a"])
    with pytest.raises(CannotFit, match="'c' has no value in any training row"):
        Transform.fit(schema, {"c": np.array([None], dtype=object)}, fields=["c"])


def test_an_unknown_category_is_refused_with_its_row() -> None:
    with pytest.raises(RowsRefused) as caught:
        matrix(fit(), [{"c": "red"}, {"c": "pink"}])

    (problem,) = caught.value.problems
    assert (problem.row, problem.field, problem.code) == (1, "c", "FIELD_CATEGORY")
    assert "'pink'" in problem.message


def test_an_unknown_category_is_zero_everywhere_only_when_that_is_declared() -> None:
    row = matrix(fit(unseen="zero"), [{"c": "pink"}])

    assert row[0, 2:5].tolist() == [0.0, 0.0, 0.0]


def test_numbers_beyond_single_precision_are_held_at_its_limits() -> None:
    transform = fit(scaling="standard")

    found = matrix(transform, [{"a": 1e308, "b": -1e308}])

    limit = float(np.finfo(np.float32).max)
    assert found[0, :2].tolist() == [limit, -limit]


def test_only_the_chosen_fields_are_read() -> None:
    transform = fit(fields=["d", "a"])

    assert transform.fields == ("d", "a")
    assert transform.matrix({"d": np.array([True], dtype=object), "a": np.array([7.0])}).tolist() == [
        [1.0, 7.0]
    ]


def test_no_rows_give_an_empty_matrix() -> None:
    assert matrix(fit(), []).shape == (0, 6)


rows = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "a": st.floats(allow_nan=False, allow_infinity=False),
            "b": st.integers(-(2**62), 2**62),
            "c": st.sampled_from(SCHEMA.by_name["c"].categories),
            "d": st.booleans(),
        },
    ),
    min_size=1,
    max_size=40,
)
options = st.fixed_dictionaries(
    {
        "missing": st.sampled_from(["median", "mean", "mode", "constant", "keep"]),
        "clip": st.sampled_from([None, (0.1, 0.9)]),
        "scaling": st.sampled_from([None, "standard", "minmax"]),
    }
)


@given(rows=rows, options=options)
def test_row_by_row_gives_the_bits_of_the_table(rows: list[dict[str, Any]], options: dict[str, Any]) -> None:
    transform = fit(**options)

    table = matrix(transform, rows)

    assert table.dtype == np.float32
    assert table.flags.c_contiguous
    assert b"".join(matrix(transform, [row]).tobytes() for row in rows) == table.tobytes()


@given(rows=rows, options=options)
def test_a_transform_read_from_its_json_is_the_same_to_the_byte(
    rows: list[dict[str, Any]], options: dict[str, Any]
) -> None:
    try:
        transform = Transform.fit(SCHEMA, SCHEMA.columns(rows), **options)
    except CannotFit:
        return

    again = Transform.from_json(transform.to_json())

    assert again == transform
    assert again.to_json() == transform.to_json()
    assert matrix(again, rows).tobytes() == matrix(transform, rows).tobytes()
