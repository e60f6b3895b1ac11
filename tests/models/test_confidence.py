"""Confidence: the promised share of new rows is covered, however the errors look, and few rows promise nothing."""

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from headwater.models import (
    IntervalCalibration,
    SetCalibration,
    calibrate_intervals,
    calibrate_sets,
    classification_scores,
    conformal_quantile,
    coverage,
    set_coverage,
)

TRIALS = 2_000


@pytest.mark.parametrize(
    ("rows", "level", "rank"),
    [
        (9, 0.9, 9),
        (10, 0.9, 10),
        (19, 0.95, 19),
        (99, 0.9, 90),
        (100, 0.9, 91),
        (4, 0.5, 3),
        (199, 0.995, 199),
    ],
)
def test_the_quantile_has_the_finite_sample_rank(rows: int, level: float, rank: int) -> None:
    scores = np.random.default_rng(1).permutation(np.arange(1.0, rows + 1))

    assert conformal_quantile(scores, level) == rank


@pytest.mark.parametrize(("rows", "level"), [(0, 0.5), (8, 0.9), (18, 0.95), (98, 0.99)])
def test_too_few_rows_have_no_finite_quantile(rows: int, level: float) -> None:
    assert conformal_quantile(np.zeros(rows), level) == np.inf


def test_a_level_is_the_decimal_that_was_written() -> None:
    # 0.55 · 100 in binary is above 55, and would ask for the next one.
    assert 0.55 * 100 > 55
    assert conformal_quantile(np.arange(1.0, 100.0), 0.55) == 55


@given(
    scores=st.lists(st.floats(0, 1e6), min_size=1, max_size=200),
    level=st.sampled_from([0.5, 0.8, 0.9, 0.95]),
)
def test_at_least_the_promised_share_of_the_rows_lies_within_the_quantile(
    scores: list[float], level: float
) -> None:
    quantile = conformal_quantile(np.array(scores), level)

    assert np.mean(np.array(scores) <= quantile) >= min(level, 1.0)


def draw_errors(rng: np.random.Generator, shape: tuple[int, ...], kind: str) -> NDArray[np.float64]:
    if kind == "normal":
        return rng.normal(size=shape)
    if kind == "heavy-tailed":
        return rng.standard_t(1.5, size=shape)
    return rng.exponential(size=shape)


@pytest.mark.parametrize("kind", ["normal", "heavy-tailed", "skewed"])
@pytest.mark.parametrize(("rows", "level"), [(19, 0.9), (100, 0.9), (50, 0.5)])
def test_intervals_cover_the_promised_share_of_new_rows(kind: str, rows: int, level: float) -> None:
    rng = np.random.default_rng(27)
    covered = 0.0
    for _ in range(TRIALS):
        errors = draw_errors(rng, (rows + 10,), kind)
        calibration = calibrate_intervals(errors[:rows], level, source="validation")
        lower, upper = calibration.bounds(np.zeros(10))
        covered += coverage(errors[rows:], lower, upper) / TRIALS

    # Exactly ⌈(n + 1) · level⌉ / (n + 1) in the mean; four standard errors around it.
    expected = np.ceil((rows + 1) * level) / (rows + 1)
    assert covered == pytest.approx(expected, abs=4 * 0.5 / np.sqrt(TRIALS))
    assert expected >= level


def draw_classes(rng: np.random.Generator, rows: int, sharpness: float) -> tuple[Any, Any]:
    """Returns the probabilities that an overconfident model gives, and true classes drawn from calmer ones."""
    logits = rng.normal(size=(rows, 4)) * 1.5
    true = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    given = np.exp(logits * sharpness) / np.exp(logits * sharpness).sum(axis=1, keepdims=True)
    actual = (true.cumsum(axis=1) < rng.random((rows, 1))).sum(axis=1).clip(max=3)
    return given, actual


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
def test_sets_cover_the_promised_share_of_new_rows(sharpness: float) -> None:
    rng = np.random.default_rng(5)
    covered = 0.0
    for _ in range(300):
        shares, actual = draw_classes(rng, 160, sharpness)
        calibration = calibrate_sets(shares[:60], actual[:60], 0.9, source="validation")
        covered += set_coverage(actual[60:], calibration.sets(shares[60:])) / 300

    assert 0.895 <= covered <= 0.93


def test_a_set_always_holds_the_most_probable_class() -> None:
    shares, actual = draw_classes(np.random.default_rng(6), 500, 3.0)
    calibration = calibrate_sets(shares, actual, 0.5, source="validation")

    sets = calibration.sets(shares)

    assert sets.any(axis=1).all()
    assert sets[np.arange(500), shares.argmax(axis=1)].all()


def test_a_higher_level_never_gives_a_smaller_set_or_interval() -> None:
    rng = np.random.default_rng(7)
    shares, actual = draw_classes(rng, 300, 1.0)
    errors = rng.normal(size=300)
    levels = [0.5, 0.7, 0.9, 0.99]

    sizes = [
        calibrate_sets(shares, actual, level, source="validation").sets(shares).sum() for level in levels
    ]
    radii = [calibrate_intervals(errors, level, source="validation").radius or np.inf for level in levels]

    assert sizes == sorted(sizes)
    assert radii == sorted(radii)


def test_too_few_rows_give_infinite_intervals_and_every_class() -> None:
    intervals = calibrate_intervals(np.array([0.1, -0.2]), 0.9, source="out-of-fold")
    sets = calibrate_sets(np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0, 1]), 0.9, source="out-of-fold")

    assert (intervals.radius, sets.threshold) == (None, None)
    assert [end.tolist() for end in intervals.bounds(np.array([1.0]))] == [[-np.inf], [np.inf]]
    assert sets.sets(np.array([[1.0, 0.0]])).tolist() == [[True, True]]


@pytest.mark.parametrize("sharpness", [0.4, 3.0])
def test_the_temperature_mends_probabilities_without_touching_the_label(sharpness: float) -> None:
    rng = np.random.default_rng(8)
    shares, actual = draw_classes(rng, 4_000, sharpness)
    calibration = calibrate_sets(shares[:2_000], actual[:2_000], 0.9, source="validation")

    mended = calibration.probabilities(shares[2_000:])

    assert calibration.temperature == pytest.approx(sharpness, rel=0.15)
    assert mended.sum(axis=1) == pytest.approx(np.ones(2_000))
    assert (mended.argmax(axis=1) == shares[2_000:].argmax(axis=1)).all()
    before = classification_scores(actual[2_000:], shares[2_000:])["log_loss"]
    assert classification_scores(actual[2_000:], mended)["log_loss"] < before


@pytest.mark.parametrize(
    ("shares", "actual"),
    [
        ([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]], [0, 1, 0]),  # all right
        ([[0.9, 0.1], [0.2, 0.8]], [0, 0]),  # one class only
    ],
)
def test_rows_that_say_nothing_of_the_temperature_leave_it_alone(
    shares: list[list[float]], actual: list[int]
) -> None:
    calibration = calibrate_sets(np.array(shares), np.array(actual), 0.9, source="validation")

    assert calibration.temperature == 1.0
    assert calibration.probabilities(np.array(shares)).tolist() == shares


def test_probabilities_of_exactly_zero_stay_finite() -> None:
    shares = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])

    calibration = calibrate_sets(shares, np.array([0, 1, 1, 1]), 0.5, source="validation")

    assert np.isfinite(calibration.probabilities(shares)).all()
    assert 0.05 <= calibration.temperature <= 20


def test_intervals_agree_with_crepes() -> None:
    crepes = pytest.importorskip("crepes")
    rng = np.random.default_rng(9)
    residuals, values = rng.normal(size=137), rng.normal(size=50)
    for level in (0.5, 0.8, 0.9, 0.95, 0.99):
        theirs = crepes.ConformalRegressor().fit(residuals).predict_int(values, confidence=level)

        lower, upper = calibrate_intervals(residuals, level, source="validation").bounds(values)

        np.testing.assert_allclose(np.column_stack([lower, upper]), theirs, rtol=1e-12)


def test_sets_agree_with_crepes() -> None:
    crepes = pytest.importorskip("crepes")
    rng = np.random.default_rng(10)
    shares, actual = draw_classes(rng, 300, 1.0)
    scores = 1 - shares[np.arange(200), actual[:200]]
    for level in (0.5, 0.8, 0.9, 0.95, 0.99):
        classifier = crepes.ConformalClassifier().fit(scores)
        theirs = classifier.predict_set(1 - shares[200:], confidence=level, smoothing=False).astype(bool)
        theirs[np.arange(100), shares[200:].argmax(axis=1)] = True  # ours are never empty

        ours = calibrate_sets(shares[:200], actual[:200], level, source="validation").sets(shares[200:])

        assert (ours == theirs).all()


def test_out_of_fold_calibration_of_a_refitted_model_covers_too() -> None:
    rng = np.random.default_rng(11)
    covered = []
    for _ in range(200):
        x = rng.normal(size=(260, 3))
        y = x @ np.array([1.0, -2.0, 0.5]) + rng.normal(size=260)
        folds = np.array_split(rng.permutation(60), 5)
        residuals = np.empty(60)
        for fold in folds:
            rest = np.setdiff1d(np.arange(60), fold)
            residuals[fold] = y[fold] - x[fold] @ np.linalg.lstsq(x[rest], y[rest])[0]
        refitted = np.linalg.lstsq(x[:60], y[:60])[0]
        lower, upper = calibrate_intervals(residuals, 0.9, source="out-of-fold").bounds(x[60:] @ refitted)
        covered.append(coverage(y[60:], lower, upper))

    assert 0.89 <= np.mean(covered) <= 0.95


def test_calibrations_are_told_apart_in_json() -> None:
    for calibration in (
        IntervalCalibration(0.9, 1.5, 20, "validation"),
        SetCalibration(0.9, None, 1.2, 20, "out-of-fold"),
    ):
        data = msgspec.json.encode(calibration)
        assert msgspec.json.decode(data, type=IntervalCalibration | SetCalibration) == calibration
