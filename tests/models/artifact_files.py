"""Makes small real artifacts in memory: XGBoost models of made-up flowers, sealed or not."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from headwater.access import Keys, Signer
from headwater.api.documents import TargetRows
from headwater.features import Schema, Transform
from headwater.models import (
    Calibration,
    Layout,
    ManifestTarget,
    TargetInfo,
    build_manifest,
    calibrate_intervals,
    calibrate_sets,
    file_digest,
    sign_manifest,
    target_folder,
)
from headwater.models.artifact import Class, Task

ROWS = 120
CLASSES: tuple[Class, ...] = ("setosa", "versicolor", "virginica")
FIELDS = ("length", "width", "colour", "wild")

Files = dict[str, bytes]


def flowers(rows: int = ROWS, seed: int = 0) -> dict[str, NDArray[Any]]:
    """Returns columns of flowers: two numbers, a category and a boolean."""
    rng = np.random.default_rng(seed)
    return {
        "length": rng.normal(5, 1, rows),
        "width": rng.normal(3, 0.5, rows),
        "colour": rng.choice(np.array(["red", "blue"], dtype=object), rows),
        "wild": rng.random(rows) < 0.5,
    }


def flower_rows(rows: int, seed: int = 0) -> list[dict[str, Any]]:
    """Returns the same flowers as rows."""
    columns = flowers(rows, seed)
    return [
        dict(zip(columns, values, strict=True))
        for values in zip(*(c.tolist() for c in columns.values()), strict=True)
    ]


def artifact(
    targets: Mapping[str, Task],
    *,
    classes: Sequence[Class] = CLASSES,
    uses: Mapping[str, Sequence[str]] | None = None,
    confidence: bool = True,
    level: float = 0.9,
    version: int = 7,
) -> Files:
    """Returns the unsigned files of a version.

    Args:
        targets: Each target's name and task.
        classes: The classes of the targets that are classifications.
        uses: The fields that a target is computed from; all by default.
        confidence: Whether predictions are calibrated.
        level: What the calibration promises.
        version: Its number.
    """
    columns = flowers()
    schema = Schema.infer(columns)
    files = {Layout.SCHEMA: schema.to_json(), Layout.REPORT: b"<!doctype html>"}
    listed = []
    for number, (name, task) in enumerate(targets.items()):
        folder = target_folder(number, name)
        listed.append(ManifestTarget(name, task, folder))
        fields = tuple(FIELDS if uses is None else uses[name])
        info, model = _fitted(
            name, task, schema, columns, fields, tuple(classes), level if confidence else None
        )
        files[f"{folder}/{Layout.TARGET_INFO}"] = info.to_json()
        files[f"{folder}/model.ubj"] = model
    return sealed(files, listed, version=version)


def sealed(files: Mapping[str, bytes], targets: Sequence[ManifestTarget], *, version: int = 7) -> Files:
    """Returns the files with a manifest over them."""
    manifest = build_manifest(
        "flowers", version, targets, {path: file_digest(data) for path, data in files.items()}
    )
    return {**files, Layout.MANIFEST: manifest.to_json()}


def signed(files: Mapping[str, bytes], signer: Signer) -> Files:
    """Returns the files with a signature over their manifest."""
    return {**files, Layout.SIGNATURE: sign_manifest(files[Layout.MANIFEST], signer)}


def new_signer(folder: Any) -> Signer:
    """Returns a signer with a key of its own in this folder."""
    return Signer(Keys(folder))


def _fitted(
    name: str,
    task: Task,
    schema: Schema,
    columns: Mapping[str, NDArray[Any]],
    fields: tuple[str, ...],
    classes: tuple[Class, ...],
    level: float | None,
) -> tuple[TargetInfo, bytes]:
    transform = Transform.fit(schema, schema.prepare(columns), fields=fields)
    matrix = transform.matrix(schema.prepare(columns))
    truth = columns["length"] * 2 + columns["width"]
    settings: dict[str, Any] = {"max_depth": 3, "nthread": 1, "seed": 1}
    labels: NDArray[Any] = truth
    if task == "classification":
        ends = np.quantile(truth, np.linspace(0, 1, len(classes) + 1)[1:-1])
        labels = np.digitize(truth, ends)
        settings |= _objective(len(classes))
    booster = xgb.train(settings, xgb.DMatrix(matrix, labels), 8)
    calibration = None if level is None else _calibration(booster, matrix, labels, task, level)
    info = TargetInfo(
        target=name,
        task=task,
        algorithm="xgboost",
        params=settings,
        features=fields,
        transform=transform,
        classes=classes if task == "classification" else (),
        confidence=calibration,
        rows=TargetRows(train=ROWS, validation=0, test=0),
    )
    return info, bytes(booster.save_raw("ubj"))


def _objective(classes: int) -> dict[str, Any]:
    if classes == 2:
        return {"objective": "binary:logistic"}
    return {"objective": "multi:softprob", "num_class": classes}


def _calibration(booster: Any, matrix: Any, labels: NDArray[Any], task: Task, level: float) -> Calibration:
    raw = booster.inplace_predict(matrix).astype(np.float64)
    if task == "regression":
        return calibrate_intervals(labels - raw, level, source="validation")
    shares = np.column_stack([1 - raw, raw]) if raw.ndim == 1 else raw
    return calibrate_sets(shares, labels, level, source="validation")
