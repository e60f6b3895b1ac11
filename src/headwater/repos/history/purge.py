"""Gives up the files of one commit on purpose, whatever retention says.

What retention gives up is freed when nothing else needs it; what is purged is
also made unreadable where it lies beside bytes that stay, with the next sweep.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from headwater.ids import CommitId
from headwater.repos import lookup
from headwater.repos.errors import CommitNamed, CommitPinned
from headwater.repos.history.giving_up import give_up
from headwater.repos.parts import Parts
from headwater.repos.rows import history_store
from headwater.repos.rows.history_store import ENDED
from headwater.repos.values import Commit, Roots


def purge(parts: Parts, commit_id: CommitId, *, reason: str, force: bool, author: str) -> Commit:
    """Gives up the files of a commit; its tombstone keeps its id, its place in history and what went into it."""
    with parts.catalog.write() as conn:
        commit = lookup.commit_by_id(conn, commit_id)
        if commit.state not in ENDED:
            lookup.check_readable(commit)
        _refuse_named(conn, commit)
        why = {} if force else parts.bonds.pinned(conn, [commit_id])
        if why:
            raise CommitPinned(commit_id, repo=commit.repo, why=why[commit_id])
        roots = [getattr(commit.roots, name) for name in Roots.__struct_fields__]
        parts.storage.ask_erasure(conn, [root for root in roots if root is not None])
        give_up(parts, conn, [commit_id], author=author, reason=reason)
        return lookup.commit_by_id(conn, commit_id)


def free_of_names(conn: Connection, ids: Sequence[CommitId]) -> list[CommitId]:
    """Returns the commits that neither a branch nor a tag names."""
    named = {commit for commit, _ in history_store.named_by_branches(conn, ids)}
    named |= {commit for commit, _ in history_store.named_by_tags(conn, ids)}
    return [id for id in ids if id not in named]


def _refuse_named(conn: Connection, commit: Commit) -> None:
    branches = [name for _, name in history_store.named_by_branches(conn, [commit.id])]
    tags = [name for _, name in history_store.named_by_tags(conn, [commit.id])]
    if branches or tags:
        raise CommitNamed(commit.id, repo=commit.repo, branches=branches, tags=tags)
