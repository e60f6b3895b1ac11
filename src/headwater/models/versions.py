"""Finds the version that a ref means, and tells what its files say about it without loading a model."""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection

from headwater.api.documents import Provenance, TargetSummary, VersionInfo
from headwater.clock import rfc3339
from headwater.models import store
from headwater.models.artifact import (
    ArtifactReader,
    ManifestTarget,
    TargetInfo,
    artifact_digest,
    read_file,
    read_manifest,
)
from headwater.models.environments import environment_names
from headwater.models.errors import (
    ArtifactCorrupt,
    InvalidModelRef,
    ModelNotFound,
    NothingDeployed,
    VersionNotFound,
)
from headwater.models.layout import Layout
from headwater.models.names import COMMIT_PREFIX, LATEST, NUMBER, REPO_PREFIX, ModelRef

_NAMED = 20


class _Data(msgspec.Struct, frozen=True):
    repo: str = ""
    commit: str = ""
    path: str = ""


class _Origin(msgspec.Struct, frozen=True):
    """What of `provenance.json` is shown; a field that a version does not have is shown as empty."""

    data: _Data = _Data()
    request: str = ""


def known_model(conn: Connection, name: str) -> store.ModelRow:
    """Returns the model of this name.

    Raises:
        ModelNotFound: There is none; the nearest name is told.
    """
    found = store.find_model(conn, name)
    if found is None:
        raise ModelNotFound(name, store.model_names(conn))
    return found


def find(conn: Connection, ref: ModelRef) -> store.VersionRow:
    """Returns the version that is meant.

    Raises:
        InvalidModelRef: Several commits begin like this.
        ModelNotFound: There is no such model; the nearest name is told.
        NothingDeployed: The environment has no version of this model yet.
        VersionNotFound: The model has no such version; those it has are told.
    """
    model = known_model(conn, ref.model)
    found = _named(conn, model, ref.what)
    if found is None:
        newest = store.list_versions(conn, ref.model, below=None, limit=_NAMED)
        raise VersionNotFound(
            ref.model,
            ref.what,
            versions=[row.number for row in newest],
            environments=environment_names(conn),
        )
    return found


def _named(conn: Connection, model: store.ModelRow, what: str) -> store.VersionRow | None:
    if what == LATEST:
        return store.find_version(conn, model.name, model.latest)
    if what in environment_names(conn):
        current = store.current_promotion(conn, model.name, what)
        if current is None:
            raise NothingDeployed(model.name, what, latest=model.latest)
        return store.find_version(conn, model.name, current.version)
    found = store.find_version(conn, model.name, int(what)) if NUMBER.fullmatch(what) else None
    # The beginning of a commit id may have no letter in it, so a number that no version has may be one.
    return found or _beginning(conn, model.name, what)


def _beginning(conn: Connection, model: str, what: str) -> store.VersionRow | None:
    commits = store.versions_with_prefix(conn, model, what) if COMMIT_PREFIX.fullmatch(what) else {}
    if len(commits) > 1:
        raise InvalidModelRef(f"{model}@{what}", among=sorted(commits))
    return store.find_version(conn, model, next(iter(commits.values()))) if commits else None


def deployed(conn: Connection, model: str) -> dict[str, int]:
    """Returns which version each environment has, in the environments' order; those without one are left out."""
    found = {name: store.current_promotion(conn, model, name) for name in environment_names(conn)}
    return {name: row.version for name, row in found.items() if row is not None}


def describe(
    row: store.VersionRow, read: ArtifactReader, environments: list[str], provenance: list[Provenance]
) -> VersionInfo:
    """Returns what a version's row and files say about it.

    Raises:
        ArtifactCorrupt: A file is missing or cannot be read.
        ArtifactFormat: A newer version of Headwater wrote it.
    """
    manifest_bytes = read_file(read, Layout.MANIFEST)
    manifest = read_manifest(lambda _: manifest_bytes)
    origin = _decoded(read, Layout.PROVENANCE, _Origin)
    scores: Mapping[str, Mapping[str, float]] = _decoded(read, Layout.SCORES, dict[str, dict[str, float]])
    data = origin.data
    return VersionInfo(
        model=row.model,
        version=row.number,
        ref=row.ref,
        created=rfc3339(row.created_ms),
        data=f"{data.repo}@{data.commit}:/{data.path.lstrip('/')}" if data.repo else "",
        request=origin.request,
        targets=[_summary(read, target, scores.get(target.target, {})) for target in manifest.targets],
        environments=environments,
        provenance=provenance,
        digest=artifact_digest(manifest_bytes),
        report=f"{REPO_PREFIX}{row.ref}:/{Layout.REPORT}" if Layout.REPORT in manifest.files else "",
    )


def _summary(read: ArtifactReader, target: ManifestTarget, scores: Mapping[str, float]) -> TargetSummary:
    info = _decoded(read, f"{target.path}/{Layout.TARGET_INFO}", TargetInfo)
    confidence = {} if info.confidence is None else {"level": info.confidence.level}
    if "coverage" in scores:
        confidence["coverage"] = scores["coverage"]
    return TargetSummary(
        target=info.target,
        task=info.task,
        algorithm=info.algorithm,
        params=info.params,
        rows=info.rows,
        scores={metric: value for metric, value in scores.items() if metric != "coverage"},
        confidence=confidence,
    )


def _decoded(read: ArtifactReader, path: str, kind: Any) -> Any:  # of that kind
    try:
        return msgspec.json.decode(read_file(read, path), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ArtifactCorrupt(path, f"cannot be read ({error})") from None
