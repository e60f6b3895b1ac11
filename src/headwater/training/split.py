"""Divides rows into training, validation and test rows.

Shares are of all rows. The test rows are exactly those that scikit-learn's
`train_test_split(rows, test_size=share, random_state=seed)` holds out, so
that results can be compared with work done by hand; validation rows are then
drawn from the rest in the same way. Importing scikit-learn for this would
cost more than the split of a million rows.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from headwater.training.errors import TooFewRows
from headwater.training.request import Split

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MIN_TRAIN = 10
MIN_TEST = 2
FOLDS = 5


@dataclass(frozen=True)
class Parts:
    """Row indices of each part; together they are all rows, and no row is in two."""

    train: "NDArray[np.int64]"
    validation: "NDArray[np.int64]"
    test: "NDArray[np.int64]"


def split_rows(rows: int, split: Split) -> Parts:
    """Returns which rows train, validate and test.

    Raises:
        TooFewRows: Fewer than 10 rows would be left to train with, or fewer than 2 to test with.

    Source: scikit-learn 1.9, `ShuffleSplit`: a test size of ⌈share · rows⌉,
    rows permuted by a Mersenne Twister of that seed, test rows first.
    """
    import numpy as np

    test_rows = math.ceil(rows * split.test)
    validation_rows = math.ceil(rows * split.validation) if split.validation else 0
    train_rows = rows - test_rows - validation_rows
    if train_rows < MIN_TRAIN or test_rows < MIN_TEST:
        raise TooFewRows(
            f"{rows} rows are too few: {max(train_rows, 0)} would train, {validation_rows} validate, {test_rows} test.",
            hint=f"Commit more rows, or make `split` leave at least {MIN_TRAIN} to train and {MIN_TEST} to test with.",
        )
    rest, test = _hold_out(np.arange(rows), test_rows, split.seed)
    if not validation_rows:
        return Parts(rest, rest[:0], test)
    train, validation = _hold_out(rest, validation_rows, split.seed)
    return Parts(train, validation, test)


def folds(rows: int, seed: int) -> "list[tuple[NDArray[np.int64], NDArray[np.int64]]]":
    """Returns five pairs of (fitting, held-out) positions; each position is held out once."""
    import numpy as np

    order = np.random.RandomState(seed).permutation(rows)
    return [(np.sort(np.setdiff1d(order, part)), np.sort(part)) for part in np.array_split(order, FOLDS)]


def _hold_out(
    rows: "NDArray[np.int64]", count: int, seed: int
) -> "tuple[NDArray[np.int64], NDArray[np.int64]]":
    import numpy as np

    order = np.random.RandomState(seed).permutation(len(rows))
    return rows[order[count:]], rows[order[:count]]
