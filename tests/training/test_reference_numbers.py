"""The numbers that XGBoost by hand gives for Iris, and that the same request here must give too."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headwater.models import Predictor
from headwater.training import open_dataset, read_request
from headwater.training.fitting import fit_target
from tests.training.conftest import REFERENCE_PARAMS, Workbench

# R² on the 66 test rows of xgboost 3.2.0 by hand, for the split and parameters below.
REFERENCE = {
    "SepalLength": 0.823,
    "SepalWidth": 0.396,
    "PetalLength": 0.969,
    "PetalWidth": 0.933,
    "ResultTargetValue": 0.976,
}
REQUEST: dict[str, Any] = {
    "model": "iris",
    "data": "iris@main:/iris.csv",
    "targets": "all",
    "task": "regression",
    "features": {"exclude": ["ResultLabel"]},
    "split": {"test": 0.44, "seed": 42},
    "algorithm": {"name": "xgboost", "params": REFERENCE_PARAMS},
}


@pytest.mark.parametrize("confidence", ["off", "auto"])
def test_r2_on_the_test_rows_is_that_of_xgboost_by_hand(
    confidence: str, workbench: Workbench, test_data: Path
) -> None:
    made = workbench.make((test_data / "iris.csv").read_bytes(), REQUEST | {"confidence": confidence})

    scores = made.json("scores.json")
    assert {target: scores[target]["r2"] for target in scores} == pytest.approx(REFERENCE, abs=0.02)
    assert {target: stats.scores["r2"] for target, stats in made.fits.items()} == pytest.approx(
        REFERENCE, abs=0.02
    )
    assert ("coverage" in scores["SepalLength"]) is (confidence == "auto")


def test_the_trees_are_those_of_the_scikit_learn_interface(test_data: Path) -> None:
    import xgboost

    request = read_request(REQUEST | {"confidence": "off"})
    dataset = open_dataset(request, test_data / "iris.csv", name="iris.csv")
    fitted = fit_target(dataset, dataset.target("PetalWidth"), threads=1, now=lambda: 0.0)
    names = dataset.features_of("PetalWidth")
    matrix = np.column_stack([dataset.values(name) for name in names])
    train = np.setdiff1d(np.arange(150), fitted.test)
    order = np.random.RandomState(42).permutation(150)[66:]
    by_hand = xgboost.XGBRegressor(**REFERENCE_PARAMS, n_jobs=1)

    by_hand.fit(matrix[order], dataset.values("PetalWidth")[order])

    assert sorted(order.tolist()) == train.tolist()
    np.testing.assert_allclose(fitted.rows.prediction.value, by_hand.predict(matrix[fitted.test]), rtol=1e-6)  # type: ignore[union-attr]


def test_the_artifact_loaded_again_predicts_what_was_written(workbench: Workbench, test_data: Path) -> None:
    made = workbench.make((test_data / "iris.csv").read_bytes(), REQUEST)
    predictor = Predictor.load(made.read)
    row = {
        "SepalLength": 5.4,
        "SepalWidth": 3.4,
        "PetalLength": 1.7,
        "PetalWidth": 0.2,
        "ResultTargetValue": 0,
    }

    answer = predictor.predict_rows([row])[0]

    assert predictor.targets == tuple(REFERENCE)
    assert answer["PetalWidth"]["lower"] < answer["PetalWidth"]["value"] < answer["PetalWidth"]["upper"]
    assert answer["PetalWidth"]["confidence"] == 0.9
    assert abs(answer["ResultTargetValue"]["value"]) < 0.1
