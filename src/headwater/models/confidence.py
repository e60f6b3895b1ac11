"""How sure a prediction is: intervals for numbers, calibrated probabilities and sets for classes.

Split-conformal: on rows that the model was not fitted on, measure how far off
it is, and take the quantile that covers the asked share of new rows. It needs
no assumption about the error's distribution, only that new rows come from
where the calibration rows came from, and costs an addition per prediction.

`confidence` in an answer is the level that the interval or set promises, for
both tasks; how sure the model is of one label stands in `probabilities`.
"""

from collections.abc import Callable
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Source = Literal["validation", "out-of-fold"]
Level = Annotated[float, msgspec.Meta(gt=0, lt=1)]

# Beyond these a few rows, all right or all wrong, would make every probability 0, 1 or equal.
_COLDEST, _HOTTEST = 0.05, 20.0
_STEPS = 60  # each narrows the search to 0.62 of what it was
_LEAST = 1e-12


class IntervalCalibration(msgspec.Struct, frozen=True, tag="interval", tag_field="kind"):
    """Half the width of every interval; none when there were too few rows to promise any bound."""

    level: Level
    radius: float | None
    rows: int
    source: Source

    def bounds(self, values: "NDArray[np.float64]") -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
        """Returns the lower and upper ends for predicted values; infinite without a radius."""
        radius = float("inf") if self.radius is None else self.radius
        return values - radius, values + radius


class SetCalibration(msgspec.Struct, frozen=True, tag="set", tag_field="kind"):
    """A temperature for the probabilities, and the threshold of the set; no threshold admits every class."""

    level: Level
    threshold: float | None
    temperature: float
    rows: int
    source: Source

    def probabilities(self, raw: "NDArray[np.float64]") -> "NDArray[np.float64]":
        """Returns calibrated probabilities, shape and row sums as before; the order of classes stays.

        pₖ ∝ rawₖ^(1/T), which divides the logits by the temperature T.

        Source: Guo, Pleiss, Sun & Weinberger, "On Calibration of Modern
        Neural Networks", ICML 2017, section 4.2.
        """
        return _tempered(raw, self.temperature)

    def sets(self, raw: "NDArray[np.float64]") -> "NDArray[np.bool_]":
        """Returns which classes are in each row's set; never none: the label always is.

        The set is found with the model's own probabilities, not the tempered
        ones, so that fitting the temperature on the calibration rows costs
        nothing of the promise.
        """
        import numpy as np

        if self.threshold is None:
            return np.ones(raw.shape, dtype=np.bool_)
        inside = 1.0 - raw <= self.threshold
        inside[np.arange(len(raw)), raw.argmax(axis=1)] = True
        return inside


Calibration = IntervalCalibration | SetCalibration


def calibrate_intervals(
    residuals: "NDArray[np.floating[Any]]", level: float, *, source: Source
) -> IntervalCalibration:
    """Returns the calibration of a regression.

    Args:
        residuals: Actual minus predicted of rows that the model was not fitted on, shape (rows,).
        level: The share of new rows whose value shall lie in its interval.
        source: Where the rows come from. Out-of-fold residuals are those of
            models fitted on other rows than the final one: with them the
            promise holds nearly, and mostly to the safe side, instead of exactly.

    Source: Lei, G'Sell, Rinaldo, Tibshirani & Wasserman, "Distribution-Free
    Predictive Inference for Regression", JASA 113 (2018), Theorem 2.2; for
    out-of-fold rows Vovk, "Cross-conformal predictors", Annals of Mathematics
    and Artificial Intelligence 74 (2015).
    """
    import numpy as np

    radius = conformal_quantile(np.abs(np.asarray(residuals, dtype=np.float64)), level)
    return IntervalCalibration(level, radius if np.isfinite(radius) else None, len(residuals), source)


def calibrate_sets(
    probabilities: "NDArray[np.floating[Any]]",
    actual: "NDArray[np.integer[Any]]",
    level: float,
    *,
    source: Source,
) -> SetCalibration:
    """Returns the calibration of a classification.

    Args:
        probabilities: Of rows that the model was not fitted on, shape (rows, classes).
        actual: Each row's true class, shape (rows,), in [0, classes).
        level: The share of new rows whose class shall be in its set.
        source: Where the rows come from; see `calibrate_intervals`.

    Source: Sadinle, Lei & Wasserman, "Least Ambiguous Set-Valued Classifiers
    with Bounded Error Levels", JASA 114 (2019), with score 1 − p(true class).
    """
    import numpy as np

    raw = np.asarray(probabilities, dtype=np.float64)
    scores = 1.0 - raw[np.arange(len(raw)), actual]
    threshold = conformal_quantile(scores, level)
    return SetCalibration(
        level,
        threshold if np.isfinite(threshold) else None,
        _best_temperature(raw, np.asarray(actual)),
        len(raw),
        source,
    )


def conformal_quantile(scores: "NDArray[np.float64]", level: float) -> float:
    """Returns the ⌈(n + 1) · level⌉-th smallest score; infinite when there are fewer.

    A new row's score is at most that with probability ≥ level, when it is
    exchangeable with the n given ones.

    Args:
        scores: How far off each calibration row is, shape (n,).
        level: In (0, 1); taken as the decimal fraction that it is written as.

    Source: Vovk, Gammerman & Shafer, "Algorithmic Learning in a Random World",
    2005; the form used here is Lemma 1 of Tibshirani, Barber, Candès &
    Ramdas, "Conformal Prediction Under Covariate Shift", NeurIPS 2019.
    """
    import numpy as np

    rank = ceil(Fraction(repr(float(level))) * (len(scores) + 1))
    if rank > len(scores):
        return float("inf")
    return float(np.partition(scores, rank - 1)[rank - 1])


def _tempered(raw: "NDArray[np.float64]", temperature: float) -> "NDArray[np.float64]":
    import numpy as np

    if temperature == 1.0:
        return raw
    logits = _logs(raw) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return shares


def _logs(raw: "NDArray[np.float64]") -> "NDArray[np.float64]":
    import numpy as np

    # XGBoost gives single precision, where a probability can be 0; no row may then cost infinitely much.
    logs: NDArray[np.float64] = np.log(np.maximum(raw, _LEAST))
    return logs


def _best_temperature(raw: "NDArray[np.float64]", actual: "NDArray[Any]") -> float:
    """Returns the temperature with the least log loss; 1 when that is not finite or has no best one.

    The loss is convex in 1/T, so a golden-section search over 1/T finds it.
    """
    import numpy as np

    if len(np.unique(actual)) < 2 or bool(np.all(raw.argmax(axis=1) == actual)):
        # All right (or all one class): the loss falls without end as T does, and says nothing.
        return 1.0
    logits = _logs(raw)
    rows = np.arange(len(raw))

    def loss(inverse: float) -> float:
        scaled = logits * inverse
        top = scaled.max(axis=1)
        return float(np.mean(np.log(np.exp(scaled - top[:, None]).sum(axis=1)) + top - scaled[rows, actual]))

    return 1.0 / _least(loss, 1.0 / _HOTTEST, 1.0 / _COLDEST)


def _least(loss: Callable[[float], float], low: float, high: float) -> float:
    ratio = (5**0.5 - 1) / 2
    for _ in range(_STEPS):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, right) if loss(left) <= loss(right) else (left, high)
    return (low + high) / 2
