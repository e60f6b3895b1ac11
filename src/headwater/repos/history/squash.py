"""Makes one commit of several that follow one another at the end of a branch.

The new commit has the last one's trees and the parent of the first; the
others are given up, but for those that something still names or builds on.
What went into any of them went into the new one.
"""

from dataclasses import replace

from sqlalchemy import Connection

from headwater.api.documents import Provenance
from headwater.ids import CommitId
from headwater.repos import lookup
from headwater.repos.errors import BranchMoved, NothingToSquash
from headwater.repos.history.ancestry import line_between
from headwater.repos.history.giving_up import bury_all, give_up
from headwater.repos.history.purge import free_of_names
from headwater.repos.parts import Parts
from headwater.repos.rows import commit_store, history_store, store
from headwater.repos.values import Commit, PendingCommit, Trees

_PIECE = 500


def squash(
    parts: Parts,
    repo: store.RepoRow,
    branch: str,
    since: str,
    *,
    message: str,
    expect: CommitId | None,
    author: str,
) -> Commit:
    """Makes one commit of those of a branch after `since`; see `Repo.squash`."""
    with parts.catalog.write() as conn:
        row = lookup.branch_by_name(conn, repo, branch)
        start = lookup.commit_by_id(conn, lookup.commit_id(conn, repo, since))
        head = store.lock_branches(conn, [row.id])[row.id]
        if expect is not None and head != expect:
            raise BranchMoved(f"{repo.name}@{branch}", expected=expect, found=head)
        line = [] if head is None else _line(conn, f"{repo.name}@{branch}", head, since, start)
        if len(line) < 2:
            problem = "there is nothing after it" if not line else "there is only one after it"
            raise NothingToSquash(f"{repo.name}@{branch}", since, problem=problem)
        pending = _pending(parts, conn, line, message=message)
        pending = replace(pending, branch=branch, parent=start.id, author=author)
        [made] = parts.publisher.publish(conn, [pending], tells=False)
        for at in range(0, len(line), _PIECE):
            gone = _given_up(parts, conn, line[at : at + _PIECE], set(line))
            give_up(parts, conn, gone, author=author, reason=f"squashed into {made.id}")
    bury_all(parts)
    return made


def _line(conn: Connection, branch: str, head: CommitId, since: str, start: Commit) -> list[CommitId]:
    line = line_between(conn, head, start.id)
    if line is None:
        raise NothingToSquash(branch, since, problem=f"{start.id} is not on its line of parents")
    return line


def _pending(parts: Parts, conn: Connection, line: list[CommitId], *, message: str) -> PendingCommit:
    """Returns the commit that has the trees of the newest and what went into any."""
    head = lookup.commit_by_id(conn, line[0])
    lookup.check_readable(head)
    roots, storage = head.roots, parts.storage
    went_in: dict[Provenance, None] = {}
    for at in range(0, len(line), _PIECE):
        for commit in commit_store.commits_by_ids(conn, line[at : at + _PIECE]):
            went_in |= dict.fromkeys(commit.provenance)
    return PendingCommit(
        repo=head.repo,
        branch=head.branch,
        trees=Trees(
            output=storage.tree(roots.output),
            meta=storage.map_tree(roots.meta),
            owner=storage.map_tree(roots.owner),
            index=storage.map_tree(roots.index),
            unfinished=storage.map_tree(roots.unfinished),
        ),
        parent=None,
        replaces=head.id,
        message=message or head.message,
        metadata=head.metadata,
        provenance=(*went_in, Provenance("commit", head.repo, head.id, "squashed")),
    )


def _given_up(parts: Parts, conn: Connection, ids: list[CommitId], line: set[CommitId]) -> list[CommitId]:
    """Returns those that nothing names, builds on or depends on."""
    free = free_of_names(conn, ids)
    built_on = history_store.with_other_children(conn, free, line)
    pinned = parts.bonds.pinned(conn, free)
    return [id for id in free if id not in built_on and id not in pinned]
