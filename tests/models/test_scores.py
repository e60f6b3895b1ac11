"""Scores: scikit-learn's definitions, and nothing that JSON cannot hold."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from headwater.models import METRICS, classification_scores, coverage, regression_scores, set_coverage


@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(2, 60))
def test_scores_of_numbers_are_scikit_learns(seed: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    actual = rng.normal(size=rows)
    predicted = actual + rng.normal(size=rows)

    scores = regression_scores(actual, predicted)

    assert scores == pytest.approx(
        {
            "r2": metrics.r2_score(actual, predicted),
            "rmse": metrics.root_mean_squared_error(actual, predicted),
            "mse": metrics.mean_squared_error(actual, predicted),
            "mae": metrics.mean_absolute_error(actual, predicted),
        }
    )


@pytest.mark.parametrize(("predicted", "r2"), [([3.0, 3.0], 1.0), ([3.0, 4.0], 0.0)])
def test_a_constant_truth_has_the_r2_of_scikit_learn(predicted: list[float], r2: float) -> None:
    actual = np.array([3.0, 3.0])

    assert regression_scores(actual, np.array(predicted))["r2"] == r2 == metrics.r2_score(actual, predicted)


@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(3, 60), classes=st.integers(2, 5))
def test_scores_of_classes_are_scikit_learns(seed: int, rows: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    actual = rng.integers(0, classes, rows)
    shares = np.round(rng.dirichlet(np.ones(classes), rows), 1) + 0.01
    shares /= shares.sum(axis=1, keepdims=True)

    scores = classification_scores(actual, shares)

    labels = shares.argmax(axis=1)
    assert scores["accuracy"] == pytest.approx(metrics.accuracy_score(actual, labels))
    assert scores["log_loss"] == pytest.approx(metrics.log_loss(actual, shares, labels=range(classes)))
    assert scores["f1_macro"] == pytest.approx(metrics.f1_score(actual, labels, average="macro"))
    one_against_rest = [
        metrics.roc_auc_score(actual == number, shares[:, number])
        for number in range(classes)
        if 0 < (actual == number).sum() < rows
    ]
    if one_against_rest:
        assert scores["auroc"] == pytest.approx(np.mean(one_against_rest))
    else:
        assert "auroc" not in scores


def test_with_two_classes_the_area_is_the_usual_one() -> None:
    actual = np.array([0, 0, 1, 1])
    likely = np.array([0.1, 0.4, 0.35, 0.8])

    assert classification_scores(actual, np.column_stack([1 - likely, likely]))["auroc"] == pytest.approx(
        0.75
    )


def test_an_area_that_is_not_defined_is_left_out() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = classification_scores(np.array([1, 1]), np.array([[0.2, 0.8], [0.4, 0.6]]))

    assert sorted(scores) == ["accuracy", "f1_macro", "log_loss"]


def test_a_certain_mistake_costs_much_but_not_infinitely_much() -> None:
    scores = classification_scores(np.array([0]), np.array([[0.0, 1.0]]))

    assert math.isfinite(scores["log_loss"])
    assert scores["log_loss"] == pytest.approx(metrics.log_loss([0], [[0.0, 1.0]], labels=[0, 1]))


def test_every_score_is_a_known_metric_of_its_task() -> None:
    numbers = regression_scores(np.array([1.0, 2.0]), np.array([1.0, 2.5]))
    classes = classification_scores(np.array([0, 1]), np.array([[0.9, 0.1], [0.2, 0.8]]))

    assert set(numbers) == {name for name, metric in METRICS.items() if metric.task == "regression"}
    assert set(classes) == {name for name, metric in METRICS.items() if metric.task == "classification"}
    assert {name for name, metric in METRICS.items() if metric.greater_is_better} == {
        "r2",
        "accuracy",
        "f1_macro",
        "auroc",
    }


def test_coverage_is_the_share_within() -> None:
    actual = np.array([1.0, 2.0, 3.0, 4.0])

    assert coverage(actual, np.array([1.0, 2.1, 0.0, 0.0]), np.array([1.0, 3.0, 3.0, 3.9])) == 0.5
    assert set_coverage(np.array([0, 1]), np.array([[True, False], [True, False]])) == 0.5
