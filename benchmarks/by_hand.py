"""The fits of one target as somebody would write them without Headwater: numpy and XGBoost, nothing else.

Runs in child processes like those of a worker. Splits, folds, columns and
parameters are written out here on purpose and not taken from Headwater; that
both did the same work is shown by the trees, which must be equal. The calls
are those of XGBoost's own `train`; its estimators, XGBRegressor and
XGBClassifier, take about a tenth longer for the same trees.
"""

import csv
import hashlib
import math
import time
from pathlib import Path
from typing import Any

import msgspec

FOLDS = 5


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """One target of a CSV file: parameters by their scikit-learn names, and how test rows are drawn."""

    data: bytes
    target: str
    params: dict[str, Any]
    test: float
    seed: int


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds inside the fit calls, five folds and the kept model, and the digest of its trees."""

    seconds: float
    trees: str


def fit(payload: bytes, scratch: Path) -> bytes:  # noqa: ARG001 - what an executor calls gets a folder
    """Fits five folds and the kept model, as `confidence: auto` without validation rows asks for."""
    import numpy as np
    import xgboost

    work = msgspec.msgpack.decode(payload, type=Work)
    rows = list(csv.DictReader(work.data.decode().splitlines()))
    matrix = np.array(_features(rows, work.target), dtype=np.float32).T.copy()
    labels, classes = _labels([row[work.target] for row in rows])
    held_out = math.ceil(len(rows) * work.test)
    train = np.random.RandomState(work.seed).permutation(len(rows))[held_out:]
    order = np.random.RandomState(work.seed).permutation(len(train))
    chosen = [train[np.setdiff1d(order, part)] for part in np.array_split(order, FOLDS)]
    seconds = 0.0
    booster: Any = None
    for fitting in [*chosen, train]:
        started = time.perf_counter()
        booster = _train(xgboost, matrix[fitting], labels[fitting], classes, work.params)
        seconds += time.perf_counter() - started
    return msgspec.msgpack.encode(Done(seconds=seconds, trees=trees_digest(booster)))


def trees_digest(booster: Any) -> str:
    """Returns a digest of every split and leaf of a model."""
    return hashlib.sha256("\n".join(booster.get_dump(with_stats=True)).encode()).hexdigest()


def _train(xgboost: Any, matrix: Any, labels: Any, classes: int, params: dict[str, Any]) -> Any:
    settings = params | (
        {"objective": "multi:softprob", "num_class": classes}
        if classes
        else {"objective": "reg:squarederror"}
    )
    trees = settings.pop("n_estimators")
    data = xgboost.DMatrix(matrix, labels, nthread=params["n_jobs"])
    return xgboost.train(settings, data, trees, verbose_eval=False)


def _features(rows: list[dict[str, str]], target: str) -> list[list[float]]:
    """Returns the matrix's columns: numbers as they are, a text as one column per value, in the file's order."""
    columns: list[list[float]] = []
    for name in rows[0]:
        values = [row[name] for row in rows]
        if name == target:
            continue
        if _is_number(values[0]):
            columns.append([float(value) for value in values])
        else:
            columns += [[float(value == known) for value in values] for known in sorted(set(values))]
    return columns


def _labels(values: list[str]) -> tuple[Any, int]:
    import numpy as np

    if _is_number(values[0]):
        return np.array(values, dtype=np.float64), 0
    known = sorted(set(values))
    return np.array([known.index(value) for value in values], dtype=np.int64), len(known)


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()
