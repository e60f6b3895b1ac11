"""Fits one target: split, transform, calibration, model, and what it says of rows nobody has seen.

Whatever is fitted is fitted on training rows. Calibration needs rows that the
model has not seen: validation rows where the request holds some out, else each
training row's prediction comes from a model of the other four folds, with a
transform of those folds too. The model that is kept is then fitted on all
training rows, so calibration costs time but no data.

Values in, values out; `target_files` writes them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from headwater.api.documents import TargetRows
from headwater.features import Transform
from headwater.models import Calibration, TargetInfo, calibrate_intervals, calibrate_sets
from headwater.models.predictor import LoadedTarget
from headwater.training.algorithms import FittedModel, Labels, algorithm_named
from headwater.training.dataset import Dataset, Target
from headwater.training.errors import InvalidRequest, TargetUnusable
from headwater.training.held_out import HeldOut
from headwater.training.schema_inference import infer_schema
from headwater.training.split import folds, split_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

Now = Callable[[], float]


@dataclass
class FitSeconds:
    """Seconds inside the algorithm's own fit calls: of the kept model, and of those for its calibration."""

    fit: float = 0.0
    calibration: float = 0.0


@dataclass(frozen=True)
class FittedTarget:
    """A target after its fit; `test` are the positions of its test rows in the dataset."""

    info: TargetInfo
    model: bytes
    importances: "NDArray[np.float64]"
    test: "NDArray[np.int64]"
    rows: HeldOut
    seconds: FitSeconds


def fit_target(dataset: Dataset, target: Target, *, threads: int, now: Now) -> FittedTarget:
    """Returns the fitted target with its predictions of the test rows.

    Args:
        dataset: The request's rows.
        target: One of its targets.
        threads: For the algorithm, where the request does not say.
        now: A monotonic clock, in seconds.

    Raises:
        InvalidRequest: A parameter is not for this target's task.
        InvalidField: What is declared of a field contradicts the data.
        TargetUnusable: All training rows have one value.
        FitFailed: The algorithm refuses.
    """
    run = _Run(dataset, target, threads, now)
    transform, model, calibration = run.fit_and_calibrate()
    parts, algorithm = run.parts, run.algorithm
    info = TargetInfo(
        target=target.name,
        task=target.task,
        algorithm=algorithm.name,
        params=run.params,
        file=algorithm.file,
        features=transform.fields,
        transform=transform,
        classes=run.classes,
        confidence=calibration,
        rows=TargetRows(train=len(parts.train), validation=len(parts.validation), test=len(parts.test)),
    )
    return FittedTarget(
        info=info,
        model=model.save(),
        importances=by_field(transform, model.importances()),
        test=parts.test,
        rows=run.held_out(info, model),
        seconds=run.seconds,
    )


def by_field(transform: Transform, importances: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Returns the importance of each field: the sum over the columns that it became."""
    widths = [len(getattr(column, "categories", ())) or 1 for column in transform.columns]
    starts = np.cumsum([0, *widths[:-1]])
    return np.add.reduceat(importances, starts)


class _Run:
    """One target's fit while it runs."""

    def __init__(self, dataset: Dataset, target: Target, threads: int, now: Now) -> None:
        request = dataset.request
        self.dataset = dataset
        self.target = target
        self.threads = threads
        self.now = now
        self.seconds = FitSeconds()
        self.parts = split_rows(len(dataset.rows), request.split)
        self.algorithm = algorithm_named(request.algorithm.name)
        self.params = self.algorithm.resolved(request.algorithm.params, seed=request.split.seed)
        self.classes, self.labels = _labels(dataset, target)
        self.schema = infer_schema(dataset, dataset.features_of(target.name))
        self.columns = self.schema.prepare({name: dataset.values(name) for name in self.schema.names})
        self._check()
        self.algorithm.load()

    def fit_and_calibrate(self) -> tuple[Transform, FittedModel, Calibration | None]:
        """Returns what is kept: a transform and a model of all training rows, and how sure they are."""
        off = self.dataset.request.confidence.method == "off"
        if off or len(self.parts.validation):
            transform, model, self.seconds.fit = self._fit(self.parts.train)
            if off:
                return transform, model, None
            rows = self.parts.validation
            calibration = self._calibration(rows, self.predict(transform, model, rows), "validation")
            return transform, model, calibration
        calibration = self._calibration(self.parts.train, self._out_of_fold(), "out-of-fold")
        transform, model, self.seconds.fit = self._fit(self.parts.train)
        return transform, model, calibration

    def held_out(self, info: TargetInfo, model: FittedModel) -> HeldOut:
        """Returns the test rows with predictions as an endpoint would make them."""
        test = self.parts.test
        labels = self.labels.values[test].tolist()
        actual = [self.classes[place] for place in labels] if self.classes else labels
        return HeldOut(actual, LoadedTarget(info, model).predict(self._columns_at(test)))

    def predict(
        self, transform: Transform, model: FittedModel, rows: "NDArray[np.int64]"
    ) -> "NDArray[np.float64]":
        """Returns what the model says of these rows."""
        return model.predict(transform.matrix(self._columns_at(rows)))

    def _fit(self, rows: "NDArray[np.int64]") -> tuple[Transform, FittedModel, float]:
        preprocess = self.dataset.request.preprocess
        columns = self._columns_at(rows)
        transform = Transform.fit(
            self.schema,
            columns,
            missing=preprocess.missing,
            clip=preprocess.outliers.clip if preprocess.outliers else None,
            scaling=preprocess.numeric,
        )
        matrix = transform.matrix(columns)
        labels = Labels(self.labels.values[rows], self.labels.classes)
        started = self.now()
        model = self.algorithm.fit(matrix, labels, self.params, threads=self.threads)
        return transform, model, self.now() - started

    def _out_of_fold(self) -> "NDArray[np.float64]":
        train = self.parts.train
        shape = (len(train), self.labels.classes) if self.labels.classes else (len(train),)
        predicted = np.empty(shape, dtype=np.float64)
        for fitting, held_out in folds(len(train), self.dataset.request.split.seed):
            transform, model, seconds = self._fit(train[fitting])
            predicted[held_out] = self.predict(transform, model, train[held_out])
            self.seconds.calibration += seconds
        return predicted

    def _calibration(
        self, rows: "NDArray[np.int64]", predicted: "NDArray[np.float64]", source: Any
    ) -> Calibration:
        level = self.dataset.request.confidence.level
        actual: Any = self.labels.values[rows]
        if self.labels.task == "classification":
            return calibrate_sets(predicted, actual, level, source=source)
        return calibrate_intervals(actual - predicted, level, source=source)

    def _columns_at(self, rows: "NDArray[np.int64]") -> "dict[str, NDArray[Any]]":
        return {name: values[rows] for name, values in self.columns.items()}

    def _check(self) -> None:
        mistakes = self.algorithm.mistakes(self.params, self.target.task)
        if mistakes:
            raise InvalidRequest(
                [
                    {"field": f"algorithm.params.{name}", "message": f"{text} (target {self.target.name!r})"}
                    for name, text in mistakes
                ]
            )
        if len(np.unique(self.labels.values[self.parts.train])) < 2:
            raise TargetUnusable(
                [
                    (
                        self.target.name,
                        f"The target {self.target.name!r} has one value in all training rows.",
                        "Commit more rows of the other values, or choose another `split: {seed: …}`.",
                    )
                ]
            )


def _labels(dataset: Dataset, target: Target) -> tuple[tuple[Any, ...], Labels]:
    if target.task == "regression":
        return (), Labels(dataset.values(target.name).astype(np.float64))
    values = [_whole(value) for value in dataset.table[target.name].to_pylist()]
    classes = tuple(sorted(set(values)))
    places = {value: place for place, value in enumerate(classes)}
    return classes, Labels(np.array([places[value] for value in values], dtype=np.int64), len(classes))


def _whole(value: Any) -> Any:
    """Returns a class without a needless `.0`: numbers beside missing values are read as floats."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
