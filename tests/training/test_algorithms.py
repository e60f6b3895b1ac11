from typing import Any

import numpy as np
import pytest

from headwater.training.algorithms import Labels, algorithm_named, algorithm_names

XGBOOST = algorithm_named("xgboost")
RANDOM = np.random.RandomState(0)
X = RANDOM.normal(size=(80, 3)).astype(np.float32)


def test_every_name_has_an_algorithm_of_that_name() -> None:
    assert [algorithm_named(name).name for name in algorithm_names()] == list(algorithm_names())


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"max_dept": 3}, "Did you mean 'max_depth'"),
        ({"zzz": 3}, "It has base_score"),
        ({"eta": 0.1, "learning_rate": 0.1}, "is the same as 'eta'"),
        ({"subsample": 1.5}, "above 0 and at most 1, not 1.5"),
        ({"n_estimators": 0}, "of at least 1, not 0"),
        ({"n_estimators": 10.5}, "whole number"),
        ({"max_depth": True}, "whole number"),
        ({"max_depth": "6"}, "whole number"),
        ({"grow_policy": "sideways"}, "one of depthwise, lossguide"),
        ({"objective": "binary:hinge"}, "one of reg:squarederror"),
        ({"early_stopping_rounds": 5}, "not available in this version"),
    ],
)
def test_a_parameter_that_cannot_be_honoured_is_a_mistake(params: dict[str, Any], told: str) -> None:
    mistakes = XGBOOST.mistakes(params)

    assert len(mistakes) == 1
    assert told in mistakes[0][1]


def test_aliases_are_resolved_and_the_seed_filled_in() -> None:
    params = {"eta": 0.3, "lambda": 2, "num_round": 7}

    assert XGBOOST.mistakes(params) == []
    assert XGBOOST.resolved(params, seed=5) == {
        "learning_rate": 0.3,
        "reg_lambda": 2,
        "n_estimators": 7,
        "random_state": 5,
    }
    assert XGBOOST.resolved({"seed": 1, "nthread": 3}, seed=5)["random_state"] == 1
    assert XGBOOST.resolved({"seed": 1, "nthread": 3}, seed=5)["n_jobs"] == 3


@pytest.mark.parametrize("classes", [0, 2, 3])
def test_equal_fits_give_equal_bytes_and_shapes_as_promised(classes: int) -> None:
    values = np.arange(80) % classes if classes else X[:, 0].astype(np.float64)
    params = XGBOOST.resolved({"n_estimators": 5, "subsample": 0.7}, seed=1)

    first, second = (XGBOOST.fit(X, Labels(values, classes), params, threads=1) for _ in range(2))

    assert first.save() == second.save()
    assert first.predict(X).shape == ((80, classes) if classes else (80,))
    assert first.importances().shape == (3,)
    assert first.importances().sum() == pytest.approx(1)


def test_a_fold_without_a_class_still_gives_its_probability() -> None:
    params = XGBOOST.resolved({"n_estimators": 5}, seed=1)

    model = XGBOOST.fit(X, Labels(np.arange(80) % 2, 3), params, threads=1)

    assert model.predict(X).shape == (80, 3)
    assert model.predict(X)[:, 2].max() < 0.3


def test_a_model_that_never_splits_has_importances_of_zero() -> None:
    params = XGBOOST.resolved({"n_estimators": 2, "gamma": 1e9}, seed=1)

    model = XGBOOST.fit(X, Labels(X[:, 0].astype(np.float64)), params, threads=1)

    assert model.importances().tolist() == [0, 0, 0]
