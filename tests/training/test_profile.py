import pyarrow as pa

from headwater.training.profile import profile


def test_numbers_have_a_spread_and_a_shape() -> None:
    column = profile(pa.table({"x": [1.0, 2.0, 3.0, 4.0, None]}))[0]

    assert (column.kind, column.rows, column.missing, column.distinct) == ("number", 5, 1, 4)
    assert column.spread == (1.0, 1.75, 2.5, 3.25, 4.0)
    assert column.mean == 2.5
    assert sum(column.shape) == 4


def test_texts_have_their_most_frequent_values() -> None:
    column = profile(pa.table({"kind": ["b", "a", "b", None, "c", "c"]}))[0]

    assert column.kind == "category"
    assert (column.top, column.shape) == (("b", "c", "a"), (2, 2, 1))
    assert column.spread is None


def test_empty_infinite_and_boolean_columns_are_described_too() -> None:
    table = pa.table(
        {
            "none": pa.nulls(3, pa.float64()),
            "huge": [float("inf"), 1.0, 2.0],
            "yes": [True, False, True],
            "n": [1, 1, 2],
        }
    )

    none, huge, yes, n = profile(table)

    assert (none.missing, none.spread, none.shape) == (3, None, ())
    assert huge.spread is not None
    assert huge.spread[4] == 2.0
    assert (yes.kind, yes.shape) == ("boolean", (2, 1))
    assert (n.kind, n.distinct) == ("integer", 2)
