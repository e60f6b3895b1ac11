"""How good predictions are, in plain numpy, so that a gate can compute them where nothing else is installed.

Definitions follow scikit-learn, so that scores can be compared with work done
by hand. A score that is not defined for the rows is left out: JSON has no NaN,
and a gate that asks for it then says so.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Metric(msgspec.Struct, frozen=True):
    """A score: for which task, and which direction is better."""

    name: str
    task: Literal["regression", "classification"]
    greater_is_better: bool


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("r2", "regression", greater_is_better=True),
        Metric("rmse", "regression", greater_is_better=False),
        Metric("mse", "regression", greater_is_better=False),
        Metric("mae", "regression", greater_is_better=False),
        Metric("accuracy", "classification", greater_is_better=True),
        Metric("log_loss", "classification", greater_is_better=False),
        Metric("f1_macro", "classification", greater_is_better=True),
        Metric("auroc", "classification", greater_is_better=True),
    )
}


def regression_scores(
    actual: "NDArray[np.floating[Any]]", predicted: "NDArray[np.floating[Any]]"
) -> dict[str, float]:
    """Returns r2, rmse, mse and mae.

    R² = 1 − Σ(y − ŷ)² / Σ(y − ȳ)²; where all actual values are equal it is 1
    for a perfect prediction and 0 for any other, as in scikit-learn.

    Args:
        actual: True values, shape (rows,), rows ≥ 1.
        predicted: Predicted values, same shape.
    """
    import numpy as np

    truth = np.asarray(actual, dtype=np.float64)
    errors = truth - np.asarray(predicted, dtype=np.float64)
    squared = float(np.mean(errors**2))
    spread = float(np.mean((truth - truth.mean()) ** 2))
    r2 = 1.0 - squared / spread if spread > 0 else float(squared == 0)
    return {"r2": r2, "rmse": squared**0.5, "mse": squared, "mae": float(np.mean(np.abs(errors)))}


def classification_scores(
    actual: "NDArray[np.integer[Any]]", probabilities: "NDArray[np.floating[Any]]"
) -> dict[str, float]:
    """Returns accuracy, log_loss, f1_macro, and auroc where it is defined.

    F1 is averaged over the classes that occur or are predicted; the area
    under the ROC curve (one class against the rest) over the classes of which
    there are rows and rows of others.

    Args:
        actual: The index of each row's true class, shape (rows,), rows ≥ 1.
        probabilities: Shape (rows, classes), rows summing to 1.

    Source: Hand & Till, "A Simple Generalisation of the Area Under the ROC
    Curve for Multiple Class Classification Problems", Machine Learning 45
    (2001), for the rank form of the area.
    """
    import numpy as np

    truth = np.asarray(actual)
    shares = np.asarray(probabilities, dtype=np.float64)
    labels = shares.argmax(axis=1)
    likely = np.clip(shares[np.arange(len(truth)), truth], np.finfo(np.float64).eps, 1.0)
    scores = {
        "accuracy": float(np.mean(labels == truth)),
        "log_loss": float(-np.mean(np.log(likely))),
        "f1_macro": _f1_macro(truth, labels, shares.shape[1]),
    }
    areas = [_area(truth == number, shares[:, number]) for number in range(shares.shape[1])]
    known = [area for area in areas if area is not None]
    if known:
        scores["auroc"] = float(np.mean(known))
    return scores


def coverage(
    actual: "NDArray[np.floating[Any]]",
    lower: "NDArray[np.floating[Any]]",
    upper: "NDArray[np.floating[Any]]",
) -> float:
    """Returns the share of actual values within their intervals, ends included; shapes (rows,), rows ≥ 1."""
    import numpy as np

    return float(np.mean((lower <= actual) & (actual <= upper)))


def set_coverage(actual: "NDArray[np.integer[Any]]", sets: "NDArray[np.bool_]") -> float:
    """Returns the share of rows whose class is in their set.

    Args:
        actual: The index of each row's true class, shape (rows,), rows ≥ 1.
        sets: Which classes are in each row's set, shape (rows, classes).
    """
    import numpy as np

    return float(np.mean(sets[np.arange(len(actual)), actual]))


def _f1_macro(truth: "NDArray[Any]", labels: "NDArray[Any]", classes: int) -> float:
    import numpy as np

    hits = np.bincount(truth[truth == labels], minlength=classes)
    both = np.bincount(truth, minlength=classes) + np.bincount(labels, minlength=classes)
    seen = both > 0
    return float(np.mean(2 * hits[seen] / both[seen]))


def _area(is_class: "NDArray[np.bool_]", shares: "NDArray[np.float64]") -> float | None:
    import numpy as np

    positives = int(is_class.sum())
    negatives = len(is_class) - positives
    if not positives or not negatives:
        return None
    _, places, counts = np.unique(shares, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = (ends - (counts - 1) / 2)[places]  # equal shares have the mean of their ranks
    return float((ranks[is_class].sum() - positives * (positives + 1) / 2) / (positives * negatives))
