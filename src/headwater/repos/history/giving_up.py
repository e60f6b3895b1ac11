"""Gives up what commits hold: the commit stays, with a tombstone in the place of its files.

Giving up is two steps. The first marks commits as purged, with when, by whom
and why; from its transaction on nobody reads them. The second writes the
tombstones, a bounded number in one transaction, and lets go of the trees. For
few commits both are one transaction. For many the second goes on in
transactions of its own; where that is interrupted, the next call, or the next
`gc`, goes on with what is pending.
"""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from headwater.ids import CommitId
from headwater.repos.names import undeleted
from headwater.repos.parts import Parts
from headwater.repos.rows import commit_store, history_store, store
from headwater.repos.values import Commit, Roots
from headwater.storage import RecordedProvenance, RecordedTrees, Tombstone

BATCH = 200
_SEGMENT_BYTES = 192 * 1024
_BYTES, _BYTES_PER_ENTRY = 800, 160


def give_up(parts: Parts, conn: Connection, ids: Sequence[CommitId], *, author: str, reason: str) -> None:
    """Gives up commits in the caller's transaction; the tombstones of those beyond the first 200 stay pending."""
    first = commit_store.commits_by_ids(conn, list(ids[:BATCH]))
    ended = [commit.id for commit in first if commit.state in history_store.ENDED]
    for at in range(0, len(ids), BATCH):
        history_store.mark(
            conn, ids[at : at + BATCH], at_ms=parts.clock.now_ms(), author=author, reason=reason
        )
    _bury(parts, conn, commit_store.commits_by_ids(conn, ended))


def bury(parts: Parts, conn: Connection, limit: int = BATCH) -> int:
    """Writes pending tombstones in the caller's transaction; returns how many."""
    return _bury(parts, conn, history_store.pending(conn, limit))


def _bury(parts: Parts, conn: Connection, found: Sequence[Commit]) -> int:
    if not found:
        return 0
    parts.bonds.forget(conn, found)
    kinds = store.kinds_of(conn, {commit.repo for commit in found})
    for group in _groups(found):
        tombstones = [_tombstone(commit, kinds[commit.repo]) for commit in group]
        places = parts.storage.publish_records(conn, tombstones)
        history_store.bury(conn, [commit.id for commit in group], places)
    return len(found)


def bury_all(parts: Parts) -> int:
    """Writes all pending tombstones, some in each transaction; returns how many."""
    done = 0
    while True:
        with parts.catalog.read() as conn:
            if not history_store.pending(conn, 1):
                return done
        with parts.catalog.write() as conn:
            done += bury(parts, conn)


def _groups(commits: Sequence[Commit]) -> Iterator[list[Commit]]:
    """Yields commits in groups whose tombstones fit into a segment that is a row."""
    group: list[Commit] = []
    room = _SEGMENT_BYTES
    for commit in commits:
        needed = _BYTES + len(commit.provenance) * _BYTES_PER_ENTRY
        if group and needed > room:
            yield group
            group, room = [], _SEGMENT_BYTES
        group.append(commit)
        room -= needed
    yield group


def _tombstone(commit: Commit, repo_kind: str) -> Tombstone:
    assert commit.purge is not None, "only commits that are given up get a tombstone"
    roots = [getattr(commit.roots, name) for name in Roots.__struct_fields__]
    return Tombstone(
        id=commit.id,
        set=commit.set_id,
        repo=undeleted(commit.repo),
        repo_kind=repo_kind,
        branch=commit.branch,
        parent=commit.parent,
        created_ms=commit.created_ms,
        purged_ms=commit.purge.at_ms,
        by=commit.purge.by,
        reason=commit.purge.reason,
        provenance=tuple(
            RecordedProvenance(entry.kind, entry.repo, entry.id, entry.role) for entry in commit.provenance
        ),
        trees=RecordedTrees(*[None if root is None else root.hash for root in roots]),
        files=commit.files,
        size=commit.size,
    )
