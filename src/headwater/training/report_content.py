"""Gathers what the report of a version shows, and draws the pictures of its data."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from headwater.models.gates import GateSpec, TargetScores, judge
from headwater.training.artifact_files import TestedTarget
from headwater.training.dataset import Dataset
from headwater.training.plots import correlation_plot, pair_plot
from headwater.training.profile import profile
from headwater.training.provenance import ArtifactProvenance
from headwater.training.report import Figure, GateLine, Page, TargetPart

if TYPE_CHECKING:
    from numpy.typing import NDArray

_GROUPS = 8
_PAIRS = 7
_LATER = "compared when it is promoted"
_CAPTIONS = {
    "predicted-actual": "Test rows. On the dashed line a prediction is right.",
    "residuals": "Test rows. A pattern here is something that the model has not learned.",
    "confusion": "Test rows. Green is right, red is taken for another class.",
    "importances": "Share of the total gain of all splits, over the columns that a feature became.",
}


def data_pictures(dataset: Dataset) -> dict[str, bytes]:
    """Returns the pictures of the data by name: none where there are fewer than two columns of numbers."""
    columns = _number_columns(dataset)
    if len(columns) < 2:
        return {}
    targets = [target.name for target in dataset.targets]
    first = sorted(columns, key=lambda name: name not in targets)[:_PAIRS]
    pairs = {name: values for name, values in columns.items() if name in first}
    return {"pairs": pair_plot(pairs, _groups(dataset)), "correlations": correlation_plot(columns)}


def report_page(
    dataset: Dataset,
    tested: Sequence[TestedTarget],
    pictures: dict[str, bytes],
    *,
    version: int,
    provenance: ArtifactProvenance,
) -> Page:
    """Returns the page's content.

    Args:
        dataset: The request's rows.
        tested: Its targets.
        pictures: Those of the data.
        version: The version's number.
        provenance: Where the version comes from.
    """
    request, source = dataset.request, provenance.data
    captions = {
        "pairs": "Below the diagonal each two columns, on it their densities, above it Pearson's r"
        + (" (large: all rows, small: by class)." if _groups(dataset) is not None else "."),
        "correlations": "Pearson's correlation over the rows that have both values.",
    }
    return Page(
        model=request.model,
        version=version,
        data=f"{source.repo}@{source.commit[:12]}:/{source.path}",
        rows=len(dataset.rows),
        rows_left_out=provenance.rows - len(dataset.rows),
        profile=tuple(profile(dataset.table)),
        roles=_roles(dataset),
        figures=tuple(Figure(data, captions[name], small=name != "pairs") for name, data in pictures.items()),
        targets=tuple(_part(dataset, one) for one in tested),
        gates=tuple(line for gate in request.gates for line in _gate_lines(dataset, gate, tested)),
        promote=request.promote,
        request=_yaml(request.document()),
        provenance=_lines(provenance),
    )


def _part(dataset: Dataset, one: TestedTarget) -> TargetPart:
    info, held = one.info, one.rows.coverage
    pictures = ((name, one.picture(name)) for name in _CAPTIONS)
    return TargetPart(
        name=info.target,
        task=info.task,
        algorithm=info.algorithm,
        params=info.params,
        train_rows=info.rows.train,
        validation_rows=info.rows.validation,
        test_rows=info.rows.test,
        features=info.features,
        scores=one.rows.scores,
        metric=_metric(dataset, one),
        confidence=None if info.confidence is None or held is None else (info.confidence.level, held),
        width=one.rows.width,
        figures=tuple(Figure(data, _CAPTIONS[name]) for name, data in pictures if data is not None),
    )


def _metric(dataset: Dataset, one: TestedTarget) -> str:
    metric = dataset.request.metric
    return metric.regression if one.info.task == "regression" else metric.classification


def _gate_lines(dataset: Dataset, gate: GateSpec, tested: Sequence[TestedTarget]) -> list[GateLine]:
    results = [
        TargetScores(one.target.name, one.info.task, _metric(dataset, one), one.rows.scores) for one in tested
    ]
    later = gate.no_worse_than is not None
    rows = judge([gate], results, {} if gate.no_worse_than is None else {gate.no_worse_than: _LATER})
    return [
        GateLine(
            gate=row.gate.removesuffix(f": {_LATER}"),
            target=row.target,
            limit=row.limit,
            value=row.value,
            passed=None if later and row.gate.endswith(_LATER) else row.passed,
        )
        for row in rows
    ]


def _roles(dataset: Dataset) -> dict[str, str]:
    targets = {target.name for target in dataset.targets}
    features = {name for target in targets for name in dataset.features_of(target)}
    both = targets & features
    roles = dict.fromkeys(dataset.table.column_names, "left out")
    return (
        roles
        | dict.fromkeys(features, "feature")
        | dict.fromkeys(targets, "target")
        | dict.fromkeys(both, "target, feature")
    )


def _number_columns(dataset: Dataset) -> "dict[str, NDArray[np.float64]]":
    found = {}
    for name in dataset.table.column_names:
        if str(dataset.table[name].type) in ("int64", "double"):
            values = dataset.values(name).astype(np.float64)
            if np.isfinite(values).any():
                found[name] = np.where(np.isfinite(values), values, np.nan)
    return found


def _groups(dataset: Dataset) -> list[str | None] | None:
    """Returns the class of each row, by the first target of few classes, else by any column of few texts."""
    import pyarrow.compute as pc

    targets = [target.name for target in dataset.targets if target.task == "classification"]
    texts = [name for name in dataset.table.column_names if str(dataset.table[name].type) == "string"]
    for name in (*targets, *texts):
        if 2 <= len(pc.unique(dataset.table[name])) <= _GROUPS:
            return [None if value is None else _text(value) for value in dataset.table[name].to_pylist()]
    return None


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _yaml(document: dict[str, Any]) -> str:
    import yaml

    kept = {name: value for name, value in document.items() if value not in (None, [], {})}
    first = [name for name in ("model", "data", "targets") if name in kept]
    ordered = {
        name: _without_nothing(kept[name]) for name in (*first, *(name for name in kept if name not in first))
    }
    text: str = yaml.safe_dump(ordered, sort_keys=False, allow_unicode=True, width=100)
    return text


def _without_nothing(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nothing(item) for name, item in value.items() if item is not None}
    return [_without_nothing(item) for item in value] if isinstance(value, list) else value


def _lines(provenance: ArtifactProvenance) -> tuple[tuple[str, str], ...]:
    source = provenance.data
    libraries = ", ".join(f"{name} {text}" for name, text in sorted(provenance.libraries.items()))
    return (
        ("Data", f"{source.repo}@{source.commit}:/{source.path}"),
        ("Content of the file", source.hash),
        ("Request", provenance.request),
        ("Code", provenance.code),
        ("Libraries", libraries),
    )
