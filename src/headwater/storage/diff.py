"""Finds what differs between two trees without looking at what is equal.

Both trees are read from left to right as a mixture of subtrees and entries.
Two subtrees with one hash are skipped together; a subtree is opened only when
that cannot be. So the work is O(changes · log n), whatever lies between.
"""

from collections.abc import Iterator

from headwater.storage.block import Kind
from headwater.storage.node import Node, Row
from headwater.storage.nodes import Nodes


def diff(
    nodes: Nodes,
    kind: Kind,
    old: Node | None,
    new: Node | None,
    low: bytes = b"",
    high: bytes | None = None,
) -> Iterator[tuple[Row | None, Row | None]]:
    """Yields (old entry, new entry) for each key that differs, in key order; none on the side that lacks it.

    Args:
        nodes: Where the nodes are read.
        kind: What both trees are.
        old: The root of the one.
        new: The root of the other.
        low: Keys below this are left out, with the subtrees that hold no others.
        high: So are keys from this on.
    """
    if old is not None and new is not None and old.hash == new.hash:
        return
    identity = slice(1, 2 if kind is Kind.MAP_NODE else 4)
    left, right = _Side(nodes, kind, old, low, high), _Side(nodes, kind, new, low, high)
    while left.row is not None and right.row is not None:
        if not left.height and left.row[0] <= right.done:
            yield left.row, None
            left.skip()
        elif not right.height and right.row[0] <= left.done:
            yield None, right.row
            right.skip()
        elif left.height or right.height:
            _approach(left, left.row, right, right.row)
        elif left.row[0] == right.row[0]:
            if left.row[identity] != right.row[identity]:
                yield left.row, right.row
            left.skip()
            right.skip()
        elif left.row[0] < right.row[0]:
            yield left.row, None
            left.skip()
        else:
            yield None, right.row
            right.skip()
    for row in left.rest():
        yield row, None
    for row in right.rest():
        yield None, row


class _Side:
    """One of the two trees: the subtree or entry that is next, and all before it done with."""

    __slots__ = ("_high", "_kind", "_low", "_nodes", "_stack", "done", "height", "row")

    def __init__(
        self, nodes: Nodes, kind: Kind, root: Node | None, low: bytes = b"", high: bytes | None = None
    ) -> None:
        self._nodes, self._kind, self._low, self._high = nodes, kind, low, high
        self._stack: list[tuple[list[Row], int, int]] = []
        self.row: Row | None = None
        self.height = 0
        self.done = b""
        if root is not None:
            self._stack.append((root.rows(), 0, root.level))
            self._show()

    def skip(self) -> None:
        """Goes on behind what is next."""
        rows, at, height = self._stack.pop()
        self.done = rows[at][0]
        self._stack.append((rows, at + 1, height))
        self._show()

    def open(self) -> None:
        """Goes into the subtree that is next."""
        rows, at, height = self._stack.pop()
        self._stack.append((rows, at + 1, height))
        child = self._nodes.child(self._kind, height - 1, rows[at])
        self._stack.append((child.rows(), 0, child.level))
        self._show()

    def rest(self) -> Iterator[Row]:
        """Yields all entries that are left."""
        while self.row is not None:
            if self.height:
                self.open()
            else:
                yield self.row
                self.skip()

    def _show(self) -> None:
        self.row = None
        while self._stack and self.row is None:
            rows, at, self.height = self._stack.pop()
            while at < len(rows) and rows[at][0] < self._low:
                self.done = rows[at][0]
                at += 1
            if at == len(rows):
                continue
            if self._high is not None and self._is_behind(rows[at], self._high):
                self._stack.clear()
                return
            self._stack.append((rows, at, self.height))
            self.row = rows[at]

    def _is_behind(self, row: Row, high: bytes) -> bool:
        """Tells whether an entry, or all of a subtree, is from `high` on: its keys are above what is done with."""
        return self.done >= high or (self.height == 0 and row[0] >= high)


def _approach(left: _Side, first: Row, right: _Side, second: Row) -> None:
    """Skips two equal subtrees, or opens one that cannot be skipped."""
    if left.height == right.height and first[1] == second[1]:
        left.skip()
        right.skip()
        return
    left_alone = left.height > 0 and first[0] <= right.done
    right_alone = right.height > 0 and second[0] <= left.done
    if left_alone or (left.height >= right.height and not right_alone):
        left_height = left.height
        left.open()
        if left_alone or left_height > right.height:
            return
    right.open()
