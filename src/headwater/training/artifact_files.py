"""Assembles a version from its fitted targets: everything of the artifact but the targets' own files.

Reads what the fits left, and the data once more; writes the schema, the
scores, all test predictions in one table, pictures of the data, the report,
and last the manifest, whose digests cover the fits' files too. The signature
is added by whoever holds the key.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from headwater.models import (
    FileDigest,
    Layout,
    ManifestTarget,
    NumberTable,
    TargetInfo,
    artifact_digest,
    build_manifest,
    file_digest,
)
from headwater.training.dataset import Dataset, Target
from headwater.training.held_out import HeldOut, class_texts, read_predictions
from headwater.training.provenance import ArtifactProvenance
from headwater.training.schema_inference import infer_schema
from headwater.training.target_files import write_parquet

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class TestedTarget:
    """A target as its fit left it."""

    target: Target
    folder: Path
    info: TargetInfo
    rows: HeldOut
    numbers: "NDArray[np.int64]"

    def picture(self, name: str) -> bytes | None:
        """Returns one of its pictures, or none where its task has no such one."""
        path = self.folder / Layout.TARGET_PLOTS / f"{name}.svg"
        return path.read_bytes() if path.exists() else None


def read_targets(dataset: Dataset, parts: Path) -> list[TestedTarget]:
    """Returns every target of the data set from the fits' files below `parts`."""
    found = []
    for target in dataset.targets:
        folder = parts / target.folder
        info = TargetInfo.from_json((folder / Layout.TARGET_INFO).read_bytes())
        rows, numbers = read_predictions(info, folder / Layout.TARGET_TEST)
        found.append(TestedTarget(target, folder, info, rows, numbers))
    return found


def write_documents(
    dataset: Dataset, tested: Sequence[TestedTarget], provenance: ArtifactProvenance, out: Path
) -> None:
    """Writes the request, schema, scores, provenance and the table of all test predictions."""
    schema = infer_schema(dataset, (name for target in tested for name in target.info.features))
    scores = {target.target.name: target.rows.scores for target in tested}
    documents = {
        Layout.REQUEST: _pretty(dataset.request.document()),
        Layout.SCHEMA: schema.to_json(),
        Layout.SCORES: _pretty(scores),
        Layout.PROVENANCE: provenance.to_json(),
    }
    for path, data in documents.items():
        (out / path).write_bytes(data)
    write_parquet(_predictions(tested), out / Layout.PREDICTIONS)


def write_manifest(model: str, version: int, tested: Sequence[TestedTarget], parts: Path, out: Path) -> str:
    """Writes the manifest over all files in `parts` and `out`; returns the artifact's digest."""
    files = _digests(parts) | _digests(out)
    targets = [
        ManifestTarget(target=one.target.name, task=one.info.task, path=one.target.folder) for one in tested
    ]
    data = build_manifest(model, version, targets, files).to_json()
    (out / Layout.MANIFEST).write_bytes(data)
    return artifact_digest(data)


def _digests(folder: Path) -> dict[str, FileDigest]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): file_digest(path.read_bytes()) for path in paths}


def _pretty(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value, order="sorted"), indent=2)


def _predictions(tested: Sequence[TestedTarget]) -> Any:
    """Returns one row per target and test row; classes are written as texts."""
    import pyarrow as pa

    return pa.concat_tables([_target_predictions(one) for one in tested]).combine_chunks()


def _target_predictions(one: TestedTarget) -> Any:
    import pyarrow as pa

    table, count = one.rows.prediction, len(one.numbers)
    columns = ("actual", "predicted", "lower", "upper", "probability", "actual_label", "label")
    found: dict[str, Any] = dict.fromkeys(columns)
    if isinstance(table, NumberTable):
        found |= {"actual": one.rows.values, "predicted": table.value}
        found |= {"lower": table.lower, "upper": table.upper}
    else:
        names = class_texts(one.info)
        found["actual_label"] = [names[place] for place in one.rows.codes]
        found["label"] = [names[place] for place in table.codes]
        found["probability"] = table.probabilities.max(axis=1)
    kinds = {name: pa.string() if name.endswith("label") else pa.float64() for name in columns}
    return pa.table(
        {"target": pa.array([one.target.name] * count, pa.string()), "row": pa.array(one.numbers, pa.int64())}
        | {name: _column(values, count, kinds[name]) for name, values in found.items()}
    )


def _column(items: Any, count: int, kind: Any) -> Any:
    import pyarrow as pa

    return pa.nulls(count, kind) if items is None else pa.array(items, kind)
