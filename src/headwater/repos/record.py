"""The record of a commit: what is stored among its own bytes, so that a lost catalog can be made again."""

from headwater.api.documents import RepoKind
from headwater.repos.values import Commit, Roots
from headwater.storage import CommitRecord, RecordedProvenance, RecordedTrees


def record_of(commit: Commit, repo_kind: RepoKind) -> CommitRecord:
    """Returns the record of a commit that has ended.

    Raises:
        ValueError: It has not.
    """
    if commit.state not in ("finished", "failed", "covered"):
        raise ValueError(f"a commit that is {commit.state} has no record")
    return CommitRecord(
        id=commit.id,
        set=commit.set_id,
        repo=commit.repo,
        repo_kind=repo_kind,
        branch=commit.branch,
        parent=commit.parent,
        state=commit.state,
        created_ms=commit.created_ms,
        author=commit.author,
        message=commit.message,
        metadata=commit.metadata,
        provenance=tuple(
            RecordedProvenance(entry.kind, entry.repo, entry.id, entry.role) for entry in commit.provenance
        ),
        trees=RecordedTrees.of(*(getattr(commit.roots, name) for name in Roots.__struct_fields__)),
        files=commit.files,
        size=commit.size,
    )
