"""What a commit is, as a value: read from the catalog, or about to be written to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from headwater.api.documents import CommitInfo, CommitState, Provenance, PurgeInfo
from headwater.clock import rfc3339
from headwater.ids import CommitId, SetId
from headwater.storage import MapTree, Pointer, Tree, Writer


class Roots(msgspec.Struct, frozen=True):
    """Where the trees of a commit begin; an empty tree has no root.

    `output` holds its files. The others are those of a pipeline's commit: what
    each datum did, which datum owns which file, the index of joins and groups,
    and what a failed job still owes.
    """

    output: Pointer | None = None
    meta: Pointer | None = None
    owner: Pointer | None = None
    index: Pointer | None = None
    unfinished: Pointer | None = None


class Purge(msgspec.Struct, frozen=True):
    """When, by whom and why the files of a commit were given up."""

    at_ms: int
    by: str
    reason: str


class Commit(msgspec.Struct, frozen=True):
    """An immutable state of a repo; one that waits for its job changes once, when that ends.

    `branch` is the branch it was made on, `parent` the commit that branch was
    at before; `files` and `size` (bytes) are those of the output tree. `record`
    is where its record lies, once it has ended; of a purged one, its tombstone.
    """

    id: CommitId
    set_id: SetId
    repo: str
    branch: str
    parent: CommitId | None
    state: CommitState
    message: str
    author: str
    metadata: dict[str, str]
    created_ms: int
    finished_ms: int | None
    files: int
    size: int
    roots: Roots
    provenance: tuple[Provenance, ...]
    record: Pointer | None = None
    purge: Purge | None = None

    def _repr_html_(self) -> str:
        return self.info()._repr_html_()

    def info(self) -> CommitInfo:
        """Returns the document that doors show."""
        return CommitInfo(
            id=self.id,
            set=self.set_id,
            repo=self.repo,
            branch=self.branch,
            parent=self.parent,
            message=self.message,
            created=rfc3339(self.created_ms),
            files=self.files,
            size=self.size,
            state=self.state,
            provenance=list(self.provenance),
            metadata=self.metadata,
            purged=None
            if self.purge is None
            else PurgeInfo(rfc3339(self.purge.at_ms), self.purge.by, self.purge.reason),
        )


class Named(msgspec.Struct, frozen=True):
    """What a name means in a repo, and the commit that it is at; a branch may have none yet."""

    kind: Literal["branch", "tag", "commit"]
    commit: CommitId | None


@dataclass(frozen=True)
class Trees:
    """The trees of a commit about to be written, as a storage `Writer` gave them."""

    output: Tree
    meta: MapTree | None = None
    owner: MapTree | None = None
    index: MapTree | None = None
    unfinished: MapTree | None = None

    def roots(self) -> Roots:
        """Returns where they begin; the writer that made them must have been sealed."""
        return Roots(
            output=self.output.root,
            meta=None if self.meta is None else self.meta.root,
            owner=None if self.owner is None else self.owner.root,
            index=None if self.index is None else self.index.root,
            unfinished=None if self.unfinished is None else self.unfinished.root,
        )


class Begun(msgspec.Struct, frozen=True):
    """A commit to be opened, which stays open over many calls."""

    repo_id: int
    repo: str
    branch: str
    message: str = ""
    author: str = ""
    metadata: dict[str, str] = {}


@dataclass(frozen=True)
class PendingCommit:
    """A commit whose trees are built and which one transaction shall make visible.

    Args:
        repo: Its repo, which must exist.
        branch: The branch that moves to it; made where there is none.
        trees: Built on the trees of `parent`.
        parent: The head that the branch must still have; none for a branch without commits.
        writer: What the trees were built with, sealed; none when nothing was written anew.
        shares: Other commits whose trees were taken over; each must still have its files.
        provenance: What went into it, by id.
        replaces: The head that the branch must still have, where that is not the parent.
        finishes: The open commit that it ends, with the version of its draft that the trees were made of.
    """

    repo: str
    branch: str
    trees: Trees
    parent: CommitId | None
    writer: Writer | None = None
    message: str = ""
    author: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    provenance: tuple[Provenance, ...] = ()
    shares: tuple[CommitId, ...] = ()
    finishes: tuple[CommitId, int] | None = None
    replaces: CommitId | None = None
