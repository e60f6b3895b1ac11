"""Compares two trees that come from a third: which side changed what, and where both did.

The differences of each side from the base are read in step, in the order of
paths; what neither changed is never looked at, so the work is
O(changes · log n). Decides nothing about content: where both sides changed a
file differently, that is said, and is for the caller.
"""

from collections.abc import Iterator
from typing import Literal

import msgspec

from headwater.storage.tree import Tree
from headwater.storage.values import FileEntry

Verdict = Literal["ours", "theirs", "conflict"]
Differences = Iterator[tuple[FileEntry | None, FileEntry | None]]


class Choice(msgspec.Struct, frozen=True, gc=False):
    """A path at which the two sides differ: the file in each tree, and which side alone changed it."""

    path: str
    base: FileEntry | None
    ours: FileEntry | None
    theirs: FileEntry | None
    verdict: Verdict


def compare_three(base: Tree, ours: Tree, theirs: Tree) -> Iterator[Choice]:
    """Yields the paths at which two trees differ, in order; `conflict` where both are unlike the base."""
    here, there = base.diff(ours), base.diff(theirs)
    mine, other = _next(here), _next(there)
    while mine is not None or other is not None:
        order = _compare(mine, other)
        if mine is not None and order < 0:
            before, after, path = mine
            yield Choice(path, before, after, before, "ours")
            mine = _next(here)
        elif other is not None and order > 0:
            before, after, path = other
            yield Choice(path, before, before, after, "theirs")
            other = _next(there)
        else:
            assert mine is not None, "only equal paths are left"
            assert other is not None, "only equal paths are left"
            if not is_same(mine[1], other[1]):
                yield Choice(mine[2], mine[0], mine[1], other[1], "conflict")
            mine, other = _next(here), _next(there)


def is_same(one: FileEntry | None, other: FileEntry | None) -> bool:
    """Tells whether two files are the same, wherever they lie; two that are not there are."""
    if one is None or other is None:
        return one is other
    return (one.hash, one.size, one.executable) == (other.hash, other.size, other.executable)


def _next(rows: Differences) -> tuple[FileEntry | None, FileEntry | None, str] | None:
    row = next(rows, None)
    if row is None:
        return None
    known = row[0] or row[1]
    assert known is not None, "a difference has at least one side"
    return *row, known.path


def _compare(
    mine: tuple[FileEntry | None, FileEntry | None, str] | None,
    other: tuple[FileEntry | None, FileEntry | None, str] | None,
) -> int:
    if mine is None or other is None:
        return 1 if mine is None else -1
    left, right = mine[2].encode(), other[2].encode()
    return (left > right) - (left < right)
