"""The documents that programs read: `--json`, REST answers, and what the SDK returns.

One struct per noun. Times are RFC 3339 in UTC, sizes bytes, ids strings.
Adding a field is compatible; renaming or removing one is not.
"""

from typing import Any, ClassVar, Generic, Literal, TypeVar

import msgspec

from headwater.api.care import FindingInfo, MoveInfo, SettingInfo, SweepInfo, WorkspaceInfo
from headwater.api.html import ShownFields, fields_html, listing_html, size_text, table_html
from headwater.api.pipelines import (
    DatumCounts,
    DatumInfo,
    DatumState,
    JobInfo,
    JobState,
    LogInfo,
    PipelineInfo,
    PipelineState,
    PlanInfo,
    PlanReason,
    PlanRow,
    ProcessInfo,
    RemovalInfo,
    SetInfo,
)

__all__ = [  # beside what is defined below
    "DatumCounts",
    "DatumInfo",
    "DatumState",
    "FindingInfo",
    "JobInfo",
    "JobState",
    "LogInfo",
    "MoveInfo",
    "PipelineInfo",
    "PipelineState",
    "PlanInfo",
    "PlanReason",
    "PlanRow",
    "ProcessInfo",
    "RemovalInfo",
    "SetInfo",
    "SettingInfo",
    "SweepInfo",
    "WorkspaceInfo",
]

T = TypeVar("T")

RepoKind = Literal["data", "output", "model", "predictions", "monitor"]
CommitState = Literal["open", "waiting", "finished", "failed", "covered", "purged"]
Change = Literal["added", "changed", "removed"]


class Listing(msgspec.Struct, Generic[T], frozen=True):
    """A page of a list; `next` is the cursor of the following page, or none."""

    items: list[T]
    next: str | None = None

    def _repr_html_(self) -> str:
        return listing_html(self.items, self.next)


class Provenance(msgspec.Struct, frozen=True):
    """One thing that went into a commit, by id, never by a name that can move."""

    kind: Literal["commit", "code", "request", "evidence"]
    repo: str
    id: str
    role: str


class FileInfo(ShownFields, msgspec.Struct, frozen=True):
    """A file or folder of a commit; a folder's hash is its folder digest."""

    path: str
    size: int
    hash: str
    kind: Literal["file", "folder"]


class RepoInfo(ShownFields, msgspec.Struct, frozen=True):
    """A repo; size and files are those of its main branch."""

    name: str
    kind: RepoKind
    created: str
    branches: list[str]
    size: int
    files: int


class BranchInfo(ShownFields, msgspec.Struct, frozen=True):
    """A branch or tag and the commit that it names; of a branch just moved, `set` is that of the jobs it started."""

    name: str
    repo: str
    commit: str | None
    moved: str
    trigger: dict[str, Any] | None = None
    set: str | None = None


class PurgeInfo(msgspec.Struct, frozen=True):
    """When, by whom and why the files of a commit were given up."""

    at: str
    by: str
    reason: str


class CommitInfo(msgspec.Struct, frozen=True):
    """A commit."""

    id: str
    set: str
    repo: str
    branch: str
    parent: str | None
    message: str
    created: str
    files: int
    size: int
    state: CommitState
    provenance: list[Provenance]
    metadata: dict[str, str] = {}
    purged: PurgeInfo | None = None
    shown_in_lists: ClassVar = ("id", "branch", "created", "files", "size", "state", "message")

    def _repr_html_(self) -> str:
        told: dict[str, object] = {"id": self.id, "branch": self.branch, "parent": self.parent}
        told |= {"created": self.created, "files": self.files, "size": size_text(self.size)}
        told |= {"message": self.message, "metadata": self.metadata, "set": self.set}
        rows = ((one.role, one.kind, one.repo, one.id) for one in self.provenance)
        made_of = table_html(("role", "kind", "of", "id"), rows) if self.provenance else ""
        return fields_html(f"Commit {self.repo}@{self.id[:12]}: {self.state}", told, made_of)


class ConflictSide(msgspec.Struct, frozen=True):
    """What one side of a merge has at a path."""

    hash: str
    size: int


class ConflictRow(msgspec.Struct, frozen=True):
    """A path that a merge cannot decide: what was there before, here (`ours`) and in what is merged (`theirs`).

    `below` is a file of the other side in a folder of this name, where the path is a file and a folder at once.
    """

    path: str
    kind: Literal["changed", "added", "deleted-here", "deleted-there", "file-folder", "unknown-base"]
    base: ConflictSide | None
    ours: ConflictSide | None
    theirs: ConflictSide | None
    below: str | None = None


class MergeInfo(msgspec.Struct, frozen=True):
    """A merge: which commit the branch is at now, how it came there, and how many conflicts were settled."""

    repo: str
    branch: str
    how: Literal["merged", "forwarded", "nothing to merge"]
    commit: str
    merged: str
    base: str | None
    settled: int = 0


class RetentionInfo(msgspec.Struct, frozen=True):
    """How long a repo keeps commits that nothing names: the newest so many of each branch, and the younger ones."""

    repo: str
    last: int | None
    days: int | None


class DiffRow(msgspec.Struct, frozen=True):
    """One path that differs between two commits."""

    path: str
    change: Change
    old_size: int | None
    new_size: int | None


class TextDiff(msgspec.Struct, frozen=True):
    """What differs in a file between two commits, as a unified diff; where there is none, `omitted` says why."""

    path: str
    change: Change
    text: str | None
    omitted: Literal["binary", "too large"] | None = None


class MatchInfo(msgspec.Struct, frozen=True):
    """A file or folder that a glob matched, and what the glob's `(…)` captured in its path."""

    path: str
    size: int
    hash: str
    kind: Literal["file", "folder"]
    captures: list[str]


class TargetRows(msgspec.Struct, frozen=True):
    """How many rows each share of the split has."""

    train: int
    validation: int
    test: int


class TargetSummary(msgspec.Struct, frozen=True):
    """One target of a version: how it was fitted and how well it does on its test rows."""

    target: str
    task: Literal["regression", "classification"]
    algorithm: str
    params: dict[str, Any]
    rows: TargetRows
    scores: dict[str, float]
    confidence: dict[str, float]


class VersionInfo(msgspec.Struct, frozen=True):
    """One version of a model."""

    model: str
    version: int
    ref: str
    created: str
    data: str
    request: str
    targets: list[TargetSummary]
    environments: list[str]
    provenance: list[Provenance]
    digest: str
    report: str

    @property
    def scores(self) -> dict[str, dict[str, float]]:
        """The test scores: target → metric → value."""
        return {one.target: one.scores for one in self.targets}

    def _repr_html_(self) -> str:
        rows = (
            (one.target, one.task, one.algorithm, one.rows.train, one.rows.test, _few(one.scores))
            for one in self.targets
        )
        table = table_html(("target", "task", "algorithm", "train", "test", "scores"), rows)
        told = {"data": self.data, "created": self.created, "environments": self.environments}
        return fields_html(f"Model {self.ref}", told, table)


class ModelInfo(msgspec.Struct, frozen=True):
    """A model: its newest version and which version each environment has."""

    model: str
    latest: int | None
    versions: int
    environments: dict[str, int]


class GateResult(msgspec.Struct, frozen=True):
    """What one gate found for one target."""

    gate: str
    target: str
    passed: bool
    value: float | None
    limit: float | None


class PromotionInfo(msgspec.Struct, frozen=True):
    """An attempt to bring a version into an environment; `moved` says whether it did."""

    id: str
    model: str
    version: int
    environment: str
    by: str
    at: str
    gates: list[GateResult]
    moved: bool
    commit: str | None


class EnvironmentInfo(msgspec.Struct, frozen=True):
    """An environment; a version passes `before` on its way, and `gates` are those of the environment itself."""

    name: str
    before: str | None
    gates: list[dict[str, Any]]


class TokenInfo(msgspec.Struct, frozen=True):
    """A token; its text is shown once, when it is made, and so are the keys that the S3 gateway knows it by."""

    id: str
    token: str | None
    scopes: list[str]
    expires: str | None
    name: str = ""
    access_key: str | None = None
    secret_key: str | None = None


class GatewayInfo(msgspec.Struct, frozen=True):
    """The S3 gateway: what clients take for the endpoint."""

    url: str


class EndpointInfo(msgspec.Struct, frozen=True):
    """An endpoint: a URL that answers with one model's predictions."""

    name: str
    model: str
    environment: str
    version: int | None
    url: str
    state: str


class WhyStep(msgspec.Struct, frozen=True):
    """One step on the way from a result back to what made it."""

    kind: str
    ref: str
    what: str
    because: str


def _few(scores: dict[str, float]) -> str:
    return ", ".join(f"{name} {score:.3f}" for name, score in scores.items())
