import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from headwater.training.errors import TooFewRows
from headwater.training.request import Split
from headwater.training.split import FOLDS, folds, split_rows


@given(rows=st.integers(40, 2_000), share=st.floats(0.05, 0.7), seed=st.integers(0, 2**32 - 1))
def test_the_test_rows_are_those_of_scikit_learn(rows: int, share: float, seed: int) -> None:
    train, test = train_test_split(np.arange(rows), test_size=share, random_state=seed)

    parts = split_rows(rows, Split(test=share, seed=seed))

    np.testing.assert_array_equal(parts.test, test)
    np.testing.assert_array_equal(parts.train, train)
    assert len(parts.validation) == 0


@given(rows=st.integers(60, 2_000), test=st.floats(0.05, 0.4), validation=st.floats(0.05, 0.4))
def test_every_row_is_in_exactly_one_part_and_shares_are_of_all_rows(
    rows: int, test: float, validation: float
) -> None:
    parts = split_rows(rows, Split(test=test, validation=validation, seed=1))

    every = np.concatenate([parts.train, parts.validation, parts.test])
    assert sorted(every.tolist()) == list(range(rows))
    assert len(parts.test) == pytest.approx(rows * test, abs=1)
    assert len(parts.validation) == pytest.approx(rows * validation, abs=1)


def test_a_validation_share_leaves_the_test_rows_as_they_are() -> None:
    without = split_rows(150, Split(test=0.2, seed=3))
    with_validation = split_rows(150, Split(test=0.2, validation=0.2, seed=3))

    np.testing.assert_array_equal(without.test, with_validation.test)


def test_too_few_rows_say_how_many_each_part_would_have() -> None:
    with pytest.raises(TooFewRows, match="12 rows are too few: 9 would train, 0 validate, 3 test"):
        split_rows(12, Split(test=0.2))
    with pytest.raises(TooFewRows, match="1 test"):
        split_rows(15, Split(test=0.05))


@given(rows=st.integers(10, 300), seed=st.integers(0, 2**32 - 1))
def test_every_row_is_held_out_by_exactly_one_fold(rows: int, seed: int) -> None:
    pairs = folds(rows, seed)

    assert len(pairs) == FOLDS
    assert sorted(np.concatenate([held for _, held in pairs]).tolist()) == list(range(rows))
    assert all(
        len(set(fitting) & set(held)) == 0 and len(fitting) + len(held) == rows for fitting, held in pairs
    )
