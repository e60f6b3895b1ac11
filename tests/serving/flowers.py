"""A small real model of Iris with two targets, a number and a class, and a source that a test can move."""

from collections.abc import Mapping
from functools import cache

import numpy as np
import xgboost
from sklearn.datasets import load_iris

from headwater.api.documents import TargetRows
from headwater.features import Columns, Field, Schema, Transform
from headwater.ids import CommitId
from headwater.models import (
    Calibration,
    Layout,
    ManifestTarget,
    Predictor,
    TargetInfo,
    build_manifest,
    calibrate_intervals,
    calibrate_sets,
    target_folder,
)
from headwater.models.artifact import file_digest
from headwater.serving.endpoint import Served

KINDS = ("setosa", "versicolor", "virginica")
SCHEMA = Schema(
    (
        Field("SepalLength", "number", min=0, max=30, observed_min=4.3, observed_max=7.9),
        Field("PetalLength", "number", min=0, max=30),
        Field("PetalWidth", "number", required=False, default=1.2, min=0),
        Field("Species", "category", categories=KINDS),
    )
)
ROW = {"SepalLength": 5.1, "PetalLength": 1.4, "PetalWidth": 0.2, "Species": "setosa"}
WIDTH, KIND = "PetalWidth", "Species"


@cache
def files(version: int = 1, *, trees: int = 5) -> Mapping[str, bytes]:
    """Returns the files of an artifact of the model `iris`."""
    columns = _columns()
    found = {Layout.SCHEMA: SCHEMA.to_json(), Layout.REQUEST: b"{}"}
    targets = []
    for number, target in enumerate((WIDTH, KIND)):
        folder = target_folder(number, target)
        info, model = _fitted(columns, target, trees)
        found[f"{folder}/{Layout.TARGET_INFO}"] = info.to_json()
        found[f"{folder}/{info.file}"] = model
        targets.append(ManifestTarget(target, info.task, folder))
    digests = {path: file_digest(data) for path, data in found.items()}
    found[Layout.MANIFEST] = build_manifest("iris", version, targets, digests).to_json()
    return found


def predictor(version: int = 1) -> Predictor:
    return Predictor.load(files(version).__getitem__)


class Shelf:
    """A source whose head a test moves: `None`, `v1`, `v2`, …; any other head cannot be loaded."""

    def __init__(self, head: str | None = "v1") -> None:
        self.at = head
        self.loads: list[str] = []

    def head(self) -> str | None:
        return self.at

    def load(self, head: str) -> Served:
        self.loads.append(head)
        version = int(head.removeprefix("v"))
        return Served(predictor(version), CommitId(f"commit-of-{head}"))


def _columns() -> Columns:
    data = load_iris()
    names = np.array(KINDS, dtype=object)
    return {
        "SepalLength": data.data[:, 0],
        "PetalLength": data.data[:, 2],
        "PetalWidth": data.data[:, 3],
        "Species": names[data.target],
    }


def _fitted(columns: Columns, target: str, trees: int) -> tuple[TargetInfo, bytes]:
    features = tuple(name for name in SCHEMA.names if name != target)
    prepared = SCHEMA.prepare(columns)
    transform = Transform.fit(SCHEMA, prepared, fields=features)
    matrix = transform.matrix(prepared)
    actual = columns[target] if target == WIDTH else load_iris().target
    settings = {"objective": "multi:softprob", "num_class": 3} if target == KIND else {}
    booster = xgboost.train(settings | {"nthread": 1}, xgboost.DMatrix(matrix, label=actual), trees)
    predicted = booster.inplace_predict(matrix)
    confidence: Calibration = (
        calibrate_sets(predicted, actual, 0.9, source="validation")
        if target == KIND
        else calibrate_intervals(actual - predicted, 0.9, source="validation")
    )
    info = TargetInfo(
        target=target,
        task="classification" if target == KIND else "regression",
        algorithm="xgboost",
        params={},
        features=features,
        transform=transform,
        classes=KINDS if target == KIND else (),
        confidence=confidence,
        rows=TargetRows(150, 0, 0),
    )
    return info, bytes(booster.save_raw("ubj"))
