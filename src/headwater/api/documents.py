"""The documents that programs read: `--json`, REST answers, and what the SDK returns.

One struct per noun. Times are RFC 3339 in UTC, sizes bytes, ids strings.
Adding a field is compatible; renaming or removing one is not.
"""

from typing import Any, Generic, Literal, TypeVar

import msgspec

T = TypeVar("T")

RepoKind = Literal["data", "output", "model", "predictions", "monitor"]
CommitState = Literal["open", "waiting", "finished", "failed", "covered", "purged"]
JobState = Literal[
    "queued", "starting", "running", "finishing", "succeeded", "failed", "cancelled", "skipped", "blocked"
]
Change = Literal["added", "changed", "removed"]


class Listing(msgspec.Struct, Generic[T], frozen=True):
    """A page of a list; `next` is the cursor of the following page, or none."""

    items: list[T]
    next: str | None = None


class Provenance(msgspec.Struct, frozen=True):
    """One thing that went into a commit, by id, never by a name that can move."""

    kind: Literal["commit", "code", "request", "evidence"]
    repo: str
    id: str
    role: str


class FileInfo(msgspec.Struct, frozen=True):
    """A file or folder of a commit; a folder's hash is its folder digest."""

    path: str
    size: int
    hash: str
    kind: Literal["file", "folder"]


class WorkspaceInfo(msgspec.Struct, frozen=True):
    """A workspace: where it is, what is in it."""

    url: str
    catalog: str
    objects: str
    version: str
    repos: int
    size: int
    stored: int


class RepoInfo(msgspec.Struct, frozen=True):
    """A repo; size and files are those of its main branch."""

    name: str
    kind: RepoKind
    created: str
    branches: list[str]
    size: int
    files: int


class BranchInfo(msgspec.Struct, frozen=True):
    """A branch or tag and the commit that it names."""

    name: str
    repo: str
    commit: str | None
    moved: str
    trigger: dict[str, Any] | None = None


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


class DiffRow(msgspec.Struct, frozen=True):
    """One path that differs between two commits."""

    path: str
    change: Change
    old_size: int | None
    new_size: int | None


class DatumCounts(msgspec.Struct, frozen=True):
    """What a job did with its datums."""

    run: int = 0
    kept: int = 0
    dropped: int = 0
    failed: int = 0


class JobInfo(msgspec.Struct, frozen=True):
    """One run of a pipeline, or of a training request, for one commit set."""

    id: str
    pipeline: str
    commit: str | None
    state: JobState
    datums: DatumCounts
    created: str
    started: str | None
    finished: str | None
    error: str | None
    note: str | None = None


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
    """A token; its text is shown once, when it is made."""

    id: str
    token: str | None
    scopes: list[str]
    expires: str | None
    name: str = ""


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
