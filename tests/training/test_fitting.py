from typing import Any

import numpy as np
import pytest

from headwater.features import CannotFit, InvalidField
from headwater.models import ClassTable, IntervalCalibration, NumberTable, SetCalibration
from headwater.training import InvalidRequest, TargetUnusable, open_dataset, read_request
from headwater.training.fitting import FittedTarget, fit_target
from headwater.training.split import split_rows
from tests.training.conftest import csv_of, wave

FEW = {"params": {"n_estimators": 15, "max_depth": 3}}


def fitted(data: bytes, target: str, **fields: Any) -> FittedTarget:
    request = read_request(
        {"model": "m", "data": "d@main:/d.csv", "targets": [target], "algorithm": FEW} | fields
    )
    dataset = open_dataset(request, data, name="d.csv")
    return fit_target(dataset, dataset.target(target), threads=1, now=lambda: 0.0)


def test_test_rows_change_nothing_that_is_fitted() -> None:
    kinds = ["a", "b", "c", "d"]
    columns: dict[str, list[Any]] = {
        "x": wave(80),
        "y": wave(80, step=0.7),
        "gap": [None if place % 9 == 0 else value for place, value in enumerate(wave(80, step=1.3))],
        "kind": [kinds[place % 4] for place in range(80)],
    }
    options: dict[str, Any] = {
        "preprocess": {"missing": "mean", "outliers": {"clip": [0.05, 0.95]}, "numeric": "standard"},
        "split": {"test": 0.3, "seed": 5},
    }
    first = fitted(csv_of(**columns), "y", **options)
    for row in first.test:
        columns["x"][row] = columns["x"][row] * 100 + 1e6
        columns["gap"][row] = None
        columns["y"][row] = -1e5
        columns["kind"][row] = "d"

    second = fitted(csv_of(**columns), "y", **options)

    assert second.model == first.model
    assert second.info == first.info
    assert second.rows.actual != first.rows.actual


def test_out_of_fold_calibration_gives_up_no_training_row(mixed: bytes) -> None:
    off = fitted(mixed, "y", confidence="off")
    auto = fitted(mixed, "y")

    assert off.info.confidence is None
    assert isinstance(auto.info.confidence, IntervalCalibration)
    assert auto.info.confidence.source == "out-of-fold"
    assert auto.info.confidence.rows == auto.info.rows.train == 96
    assert auto.model == off.model


def test_validation_rows_calibrate_where_there_are_any(mixed: bytes) -> None:
    held = fitted(mixed, "y", split={"test": 0.2, "validation": 0.2})

    assert held.info.confidence is not None
    assert held.info.confidence.source == "validation"
    assert held.info.confidence.rows == held.info.rows.validation == 24
    assert held.info.rows.train == 72


def test_intervals_of_out_of_fold_calibration_hold_about_as_often_as_asked() -> None:
    random = np.random.RandomState(1)
    x = random.normal(size=600)
    data = csv_of(x=x.tolist(), y=(3 * x + random.normal(size=600)).tolist())

    held = fitted(data, "y", split={"test": 0.5}, confidence=0.8)

    assert held.rows.coverage == pytest.approx(0.8, abs=0.06)


def test_a_class_target_has_probabilities_and_sets(mixed: bytes) -> None:
    held = fitted(mixed, "kind")

    assert held.info.classes == ("high", "low", "mid")
    assert isinstance(held.info.confidence, SetCalibration)
    assert isinstance(held.rows.prediction, ClassTable)
    np.testing.assert_allclose(held.rows.prediction.probabilities.sum(axis=1), 1, atol=1e-9)
    assert held.rows.scores["accuracy"] > 0.9
    assert set(held.rows.scores) == {"accuracy", "log_loss", "f1_macro", "auroc", "coverage"}


def test_booleans_and_whole_numbers_are_classes_of_their_own_type(mixed: bytes) -> None:
    numbers = fitted(mixed, "count", task="classification", where="count is not None")

    assert fitted(mixed, "good").info.classes == (False, True)
    assert numbers.info.classes == (0, 1, 2, 3, 4)
    assert {type(label) for label in numbers.info.classes} == {int}


def test_a_class_too_rare_for_every_fold_is_still_learned() -> None:
    kind = ["a", "b"] * 39 + ["rare", "rare"]
    data = csv_of(x=[{"a": 0.0, "b": 1.0, "rare": 2.0}[label] for label in kind], kind=kind)

    held = fitted(data, "kind", split={"test": 0.1, "seed": 3})

    assert held.info.classes == ("a", "b", "rare")
    assert held.rows.scores["accuracy"] == 1.0


def test_a_class_that_only_test_rows_have_counts_as_wrong_and_not_as_an_error() -> None:
    kind = ["a", "b"] * 20
    seed = 4
    lone = int(split_rows(40, read_request_split(seed)).test[0])
    kind[lone] = "new"
    data = csv_of(x=[0.0 if label == "a" else 1.0 for label in kind], kind=kind)

    held = fitted(data, "kind", split={"test": 0.2, "seed": seed})

    assert held.rows.scores["accuracy"] == pytest.approx(7 / 8)


def read_request_split(seed: int) -> Any:
    return read_request(
        {"model": "m", "data": "d:/x.csv", "targets": "y", "split": {"test": 0.2, "seed": seed}}
    ).split


def test_a_category_that_only_test_rows_have_can_be_predicted() -> None:
    kind: list[str] = ["a", "b"] * 20
    kind[int(split_rows(40, read_request_split(0)).test[0])] = "new"

    held = fitted(csv_of(kind=kind, y=wave(40)), "y")

    assert isinstance(held.rows.prediction, NumberTable)
    assert len(held.rows.prediction.value) == 8


def test_importances_are_per_field_and_sum_to_one(mixed: bytes) -> None:
    held = fitted(mixed, "y")

    assert held.info.features == ("x", "count", "kind", "good")
    assert len(held.importances) == 4
    assert held.importances.sum() == pytest.approx(1)
    assert held.importances.argmax() == 0


def test_missing_numbers_may_stay_missing(mixed: bytes) -> None:
    kept = fitted(mixed, "y", preprocess={"missing": "keep"})

    assert kept.info.transform != fitted(mixed, "y").info.transform
    assert kept.rows.scores["r2"] > 0.9


def test_training_rows_of_one_class_are_refused() -> None:
    kind = ["a"] * 40
    for row in split_rows(40, read_request_split(0)).test[:2]:
        kind[int(row)] = "b"

    with pytest.raises(TargetUnusable, match="'kind' has one value in all training rows"):
        fitted(csv_of(x=wave(40), kind=kind), "kind")


def test_an_objective_of_the_other_task_is_refused_by_name(mixed: bytes) -> None:
    with pytest.raises(
        InvalidRequest, match=r"algorithm.params.objective: 'reg:gamma' is not for classification"
    ):
        fitted(mixed, "kind", algorithm={"params": {"objective": "reg:gamma"}})


def test_what_is_declared_against_the_data_is_refused(mixed: bytes) -> None:
    with pytest.raises(InvalidField, match="at least 100"):
        fitted(mixed, "y", features={"fields": {"x": {"min": 100}}})


def test_a_column_without_values_in_training_rows_is_named() -> None:
    lone = split_rows(40, read_request_split(0)).test[0]
    gap = [1.5 if place == lone else None for place in range(40)]

    with pytest.raises(CannotFit, match="'gap'"):
        fitted(csv_of(x=wave(40), gap=gap, y=wave(40, step=0.3)), "y")


def test_time_is_measured_around_fit_calls_only(mixed: bytes) -> None:
    ticks = iter(range(1_000))
    request = read_request({"model": "m", "data": "d@main:/d.csv", "targets": ["y"], "algorithm": FEW})
    dataset = open_dataset(request, mixed, name="d.csv")

    held = fit_target(dataset, dataset.target("y"), threads=1, now=lambda: float(next(ticks)))

    assert held.seconds.fit == 1
    assert held.seconds.calibration == 5
