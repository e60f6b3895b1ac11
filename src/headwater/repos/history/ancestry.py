"""Finds where two commits come from: their best common ancestors.

What comes before a commit is its parent and whatever was merged or squashed
into it. Every commit has a generation above those of all that, so a walk
that always goes on with the highest generation has seen every way to a commit
when it reaches it. The walk ends when only ancestors of what it found are
left: it looks at the commits since then, and at no others. A line without
branchings is read 64 commits at a time.
"""

import heapq
from collections import deque

import msgspec
from sqlalchemy import Connection

from headwater.ids import CommitId
from headwater.repos.rows import history_store
from headwater.repos.rows.history_store import Ancestor

_ONE, _OTHER, _STALE = 1, 2, 4
_BOTH = _ONE | _OTHER


class Relation(msgspec.Struct, frozen=True):
    """How two commits stand to each other; `bases` are their best common ancestors, newest first.

    `is_within` tells that the other is among the ancestors of the one, or the same; `is_behind` that only
    the one is among those of the other.
    """

    bases: tuple[CommitId, ...]
    is_within: bool
    is_behind: bool


def relation(conn: Connection, one: CommitId, other: CommitId) -> Relation:
    """Returns how two commits stand to each other; a commit counts among its own ancestors."""
    bases = best_common(conn, one, other)
    is_within = bases == (other,)
    return Relation(bases, is_within, is_behind=bases == (one,) and not is_within)


def best_common(conn: Connection, one: CommitId, other: CommitId) -> tuple[CommitId, ...]:
    """Returns the common ancestors of two commits that are no ancestors of another common one, newest first.

    Several where the histories cross, none where the two have nothing in common.
    """
    lines = _Lines(conn)
    seen: dict[CommitId, int] = {}
    waiting: list[tuple[int, int, CommitId]] = []
    fresh = 0  # how many wait whose ancestors may still be better than what was found

    def reach(id: CommitId, flags: int) -> None:
        nonlocal fresh
        before = seen.get(id)
        if before is None:
            commit = lines.get(id)
            heapq.heappush(waiting, (-commit.generation, -commit.number, id))
            seen[id] = flags
            fresh += not flags & _STALE
        else:
            seen[id] = before | flags
            fresh -= bool(flags & _STALE and not before & _STALE)

    reach(one, _ONE)
    reach(other, _OTHER)
    found: list[CommitId] = []
    while waiting and fresh:
        _, _, id = heapq.heappop(waiting)
        flags = seen[id]
        fresh -= not flags & _STALE
        if flags & _BOTH == _BOTH and not flags & _STALE:
            found.append(id)
            flags |= _STALE
        for before in lines.get(id).before:
            reach(before, flags)
    return tuple(found)


class _Lines:
    """Commits and what comes before each, read a piece of a line at a time."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._known: dict[CommitId, Ancestor] = {}

    def get(self, id: CommitId) -> Ancestor:
        if id not in self._known:
            self._known |= history_store.line(self._conn, id)
        return self._known[id]


def line_between(conn: Connection, start: CommitId, wanted: CommitId) -> list[CommitId] | None:
    """Returns the commits from one back to another along the parents, without the last; none if it is not there."""
    lines, passed = _Lines(conn), deque([start])
    target = lines.get(wanted).generation
    while passed[-1] != wanted:
        commit = lines.get(passed[-1])
        if commit.parent is None or commit.generation <= target:
            return None
        passed.append(commit.parent)
    passed.pop()
    return list(passed)
