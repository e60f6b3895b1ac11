"""The training request as a value: what INTERFACE calls by these names, with every default filled in.

A request is only data. Two that mean the same have the same canonical bytes,
however they were written; `target_part` is the share of it that the fit of
one target depends on, so that changing a gate or a promotion refits nothing.

Reading a request from YAML, JSON or keywords, with all its mistakes at once,
is the work of `request_reader`; what it means for a data file, of `dataset`.
"""

import re
from typing import Annotated, Any, Literal

import msgspec

from headwater.features import Scaling
from headwater.models.gates import GateSpec

Task = Literal["regression", "classification"]
TaskChoice = Literal["auto", "regression", "classification"]
ALL = "all"
# Raised when the same request and data come to mean another fit.
_FIT_FORMAT = 1

Share = Annotated[float, msgspec.Meta(ge=0, lt=1)]
DATA_FORM = "Write it as REPO@BRANCH:/PATH, such as iris@main:/iris.csv"
_DATA = re.compile(r"(?P<repo>[^@:]+)(?:@(?P<at>[^:]+))?:/*(?P<path>[^/].*)")


class DataRef(msgspec.Struct, frozen=True):
    """A file of a repo at a branch, tag or commit."""

    repo: str
    at: str
    path: str


class Declared(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a request says about one field; what it does not say is learned from the training rows."""

    type: Literal["number", "integer", "category", "boolean"] | None = None
    required: bool | None = None
    default: float | bool | str | None = None
    min: float | None = None
    max: float | None = None
    categories: tuple[str, ...] | None = None


class Features(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which columns may be features (all but the excluded, unless some are included), and what is declared of them."""

    include: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    fields: dict[str, Declared] = {}

    def admits(self, column: str) -> bool:
        """Says whether the column may be a feature."""
        return column not in self.exclude and (self.include is None or column in self.include)


class AlgorithmChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which algorithm, with which parameters."""

    name: str = "xgboost"
    params: dict[str, Any] = {}


class Outliers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Numbers outside these quantiles of the training rows are set to them."""

    clip: tuple[float, float]


class Preprocess(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How columns become a matrix; everything is fitted on training rows."""

    missing: Literal["median", "mean", "mode", "keep"] = "median"
    outliers: Outliers | None = None
    categorical: Literal["one-hot"] = "one-hot"
    numeric: Scaling | None = None


class Split(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Shares of all rows that are held out, and the seed that draws them."""

    test: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.2
    validation: Share = 0.0
    seed: Annotated[int, msgspec.Meta(ge=0, lt=2**32)] = 0


class MetricChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The metric that a result is judged by first, per task."""

    regression: Literal["r2", "rmse", "mse", "mae"] = "rmse"
    classification: Literal["accuracy", "log_loss", "f1_macro", "auroc"] = "log_loss"


class Confidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How sure predictions say they are: intervals and sets that hold for this share of new rows."""

    level: Annotated[float, msgspec.Meta(ge=0.5, lt=1)] = 0.9
    method: Literal["auto", "off"] = "auto"


class Retrain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When the request runs again by itself: after so many more or other rows of data."""

    on: Literal["data"] = "data"
    rows: Annotated[int, msgspec.Meta(ge=1)] = 1


class TrainingRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is to be learned, from which data, how, and where the result may go."""

    model: str
    data: str
    targets: str | tuple[str, ...]
    features: Features = Features()
    where: str | None = None
    task: TaskChoice | dict[str, TaskChoice] = "auto"
    algorithm: AlgorithmChoice = AlgorithmChoice()
    preprocess: Preprocess = Preprocess()
    split: Split = Split()
    metric: MetricChoice = MetricChoice()
    confidence: Confidence = Confidence()
    gates: tuple[GateSpec, ...] = ()
    promote: tuple[str, ...] = ()
    retrain: Retrain | None = None
    priority: int = 0

    @property
    def source(self) -> DataRef:
        """The data file, taken apart."""
        return data_ref(self.data)

    def task_of(self, target: str) -> TaskChoice:
        """Returns the task asked for this target."""
        return self.task if isinstance(self.task, str) else self.task.get(target, "auto")

    def document(self) -> dict[str, Any]:
        """Returns the request as plain values, defaults included."""
        plain: dict[str, Any] = msgspec.to_builtins(self, order="sorted")
        return plain

    def canonical(self) -> bytes:
        """Returns the bytes that equal requests share: JSON with sorted keys and every default."""
        return msgspec.json.encode(self, order="sorted")


def data_ref(text: str) -> DataRef:
    """Returns the parts of `repo@what:/path`; without `@what` the branch main is meant.

    Raises:
        ValueError: The text has another form.
    """
    match = _DATA.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return DataRef(match["repo"], match["at"] or "main", match["path"])


def target_part(request: TrainingRequest, target: str) -> bytes:
    """Returns what of the request the fit of one target depends on, as canonical JSON.

    The other targets are not in it: each is fitted on its own, and whether
    they are asked for changes no feature. Neither is where the result goes.
    """
    part = {
        "format": _FIT_FORMAT,
        "target": target,
        "task": request.task_of(target),
        "features": request.features,
        "where": request.where,
        "algorithm": request.algorithm,
        "preprocess": request.preprocess,
        "split": request.split,
        "confidence": request.confidence,
    }
    return msgspec.json.encode(part, order="sorted")
