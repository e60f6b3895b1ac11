"""A model version that is ready to predict: rows in, values or classes out, each with its confidence.

Rows and tables go the same way: into columns, through each target's transform
into a matrix, through its model, and out with an interval or a set. Only the
fields that the chosen targets need are touched. Needs numpy and the model's
own library, and nothing that only training has.

Whether a row may be answered is the schema's business: `check_rows` and
`check_columns` ask it, and what predicts takes rows that passed.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from headwater.features import Columns, RowProblem, RowsRefused, Schema
from headwater.models.artifact import (
    ArtifactReader,
    Class,
    ManifestTarget,
    TargetInfo,
    matching,
    read_file,
    read_manifest,
)
from headwater.models.boosters import Model, load_model
from headwater.models.confidence import IntervalCalibration, SetCalibration
from headwater.models.errors import ArtifactCorrupt, UnknownTarget
from headwater.models.layout import Layout
from headwater.models.predictions import ClassTable, NumberTable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Row = Mapping[str, Any]


class Predictor:
    """A loaded version; may be used from many threads at once."""

    def __init__(self, model: str, version: int, schema: Schema, targets: "Sequence[LoadedTarget]") -> None:
        """Takes the parts; `load` reads them from an artifact."""
        self.model = model
        self.version = version
        self.schema = schema
        self._targets = {target.info.target: target for target in targets}

    @classmethod
    def load(cls, read: ArtifactReader) -> "Predictor":
        """Returns the version whose files `read` gives.

        Every file must be what the manifest says, since a library may crash
        over a damaged model; that the manifest is to be trusted, only
        `verified(read, signer)` makes sure.

        Raises:
            ArtifactCorrupt: A file is missing or does not fit the others.
            ArtifactFormat: The artifact needs a newer version of Headwater.
            MissingExtra: XGBoost is not installed.
        """
        manifest = read_manifest(read)
        read = matching(read, manifest.files)
        schema = _decoded(Layout.SCHEMA, read_file(read, Layout.SCHEMA), Schema)
        targets = [LoadedTarget.load(read, target, schema) for target in manifest.targets]
        return cls(manifest.model, manifest.version, schema, targets)

    @cached_property
    def targets(self) -> tuple[str, ...]:
        """The targets, in the order in which answers name them."""
        return tuple(self._targets)

    def info(self, target: str) -> TargetInfo:
        """Returns how a target was fitted.

        Raises:
            UnknownTarget: The model does not have it.
        """
        return self._chosen([target])[0].info

    def needed(self, targets: Collection[str] | None = None) -> tuple[str, ...]:
        """Returns the fields that these targets are computed from, in schema order; of all targets by default.

        Raises:
            UnknownTarget: One of them is not the model's.
        """
        used = {name for target in self._chosen(targets) for name in target.info.features}
        return tuple(name for name in self.schema.names if name in used)

    def check_rows(self, rows: Sequence[Row], targets: Collection[str] | None = None) -> None:
        """Returns when these targets can be predicted for every row.

        Raises:
            RowsRefused: They cannot; `problems` has everything that is wrong, row by row in schema order.
            UnknownTarget: One of the targets is not the model's.
        """
        needed = frozenset(self.needed(targets))
        problems = [
            RowProblem(place, problem.field, problem.code, problem.message)
            for place, row in enumerate(rows)
            for problem in self.schema.check_row(row, needed)
        ]
        if problems:
            raise RowsRefused(problems)

    def check_columns(self, columns: Columns, targets: Collection[str] | None = None) -> None:
        """Does for a table what `check_rows` does for rows; other columns than the schema's are left alone.

        Raises:
            RowsRefused: A row cannot be predicted; `problems` has up to 1000 for each field.
            UnknownTarget: One of the targets is not the model's.
        """
        problems = self.schema.check_columns(columns, self.needed(targets))
        if problems:
            raise RowsRefused(problems)

    def predict_rows(
        self, rows: Sequence[Row], targets: Collection[str] | None = None
    ) -> list[dict[str, Any]]:
        """Returns one prediction per row, as JSON has it.

        A number is `{value, lower, upper, confidence}`, a class `{label,
        probabilities, set, confidence}`; a model with several targets gives
        these under the targets' names. None stands for an end of an interval
        that too few calibration rows could bound, and for all of `lower`,
        `upper`, `set` and `confidence` where the request turned confidence off.

        Args:
            rows: Rows that `check_rows` has nothing against.
            targets: Which targets; all by default.

        Raises:
            UnknownTarget: One of them is not the model's.
        """
        chosen = self._chosen(targets)
        columns = self.schema.columns(rows, self.needed(targets))
        answers = [target.predict(columns).rows() for target in chosen]
        if len(self._targets) == 1:
            return answers[0]
        names = [target.info.target for target in chosen]
        return [dict(zip(names, row, strict=True)) for row in zip(*answers, strict=True)]

    def predict_columns(
        self, columns: Columns, targets: Collection[str] | None = None
    ) -> dict[str, NumberTable | ClassTable]:
        """Returns the predictions of a table, target by target.

        Missing values, and columns that are not there, are filled as in
        training; what must not be missing, `check_columns` says.

        Args:
            columns: The table, as `features.to_columns` gives it; columns that are not needed are left alone.
            targets: Which targets; all by default.

        Raises:
            UnknownTarget: One of them is not the model's.
            RowsRefused: A value does not have its field's type, or is a category that no row had.
        """
        chosen = self._chosen(targets)
        prepared = self.schema.prepare(columns, self.needed(targets))
        return {target.info.target: target.predict(prepared) for target in chosen}

    def _chosen(self, targets: Collection[str] | None) -> "list[LoadedTarget]":
        if targets is None:
            return list(self._targets.values())
        for name in targets:
            if name not in self._targets:
                raise UnknownTarget(name, targets=self.targets)
        return [target for name, target in self._targets.items() if name in targets]


class LoadedTarget:
    """One target's transform, model and calibration."""

    def __init__(self, info: TargetInfo, model: Model) -> None:
        """Takes the parts; `load` reads them from an artifact."""
        self.info = info
        self._model = model

    @classmethod
    def load(cls, read: ArtifactReader, target: ManifestTarget, schema: Schema) -> "LoadedTarget":
        """Returns the target of this folder; errors are those of `Predictor.load`."""
        path = f"{target.path}/{Layout.TARGET_INFO}"
        info = _decoded(path, read_file(read, path), TargetInfo)
        _check(path, info, target, schema)
        file = f"{target.path}/{info.file}"
        columns = len(info.transform.names)
        return cls(info, load_model(file, read_file(read, file), columns=columns, classes=len(info.classes)))

    def predict(self, columns: Columns) -> NumberTable | ClassTable:
        """Returns this target's predictions of prepared columns."""
        raw = self._model.predict(self.info.transform.matrix(columns))
        calibration = self.info.confidence
        if self.info.task == "regression":
            return _numbers(raw, calibration if isinstance(calibration, IntervalCalibration) else None)
        return _classes(
            raw, self.info.classes, calibration if isinstance(calibration, SetCalibration) else None
        )


def _numbers(values: "NDArray[np.float64]", calibration: IntervalCalibration | None) -> NumberTable:
    if calibration is None:
        return NumberTable(values, None, None, None)
    lower, upper = calibration.bounds(values)
    return NumberTable(values, lower, upper, calibration.level)


def _classes(
    raw: "NDArray[np.float64]", classes: Sequence[Class], calibration: SetCalibration | None
) -> ClassTable:
    # The label is the model's own first choice, whatever rounding does to equal probabilities.
    codes = raw.argmax(axis=1).astype("int64", copy=False)
    if calibration is None:
        return ClassTable(tuple(classes), codes, raw, None, None)
    probabilities, sets = calibration.probabilities(raw), calibration.sets(raw)
    return ClassTable(tuple(classes), codes, probabilities, sets, calibration.level)


def _check(path: str, info: TargetInfo, target: ManifestTarget, schema: Schema) -> None:
    if (info.target, info.task) != (target.target, target.task):
        raise ArtifactCorrupt(
            path, f"is about {info.target!r}, not about {target.target!r} as the manifest says"
        )
    if (info.task == "classification") != (len(info.classes) > 1):
        raise ArtifactCorrupt(path, f"has {len(info.classes)} classes for a {info.task}")
    absent = [name for name in (*info.features, *info.transform.fields) if name not in schema.by_name]
    if absent:
        raise ArtifactCorrupt(path, f"needs the field {absent[0]!r}, which the schema does not have")


def _decoded(path: str, data: bytes, kind: type[Any]) -> Any:  # of that kind; a struct either way
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ArtifactCorrupt(path, f"cannot be read ({error})") from None
