"""Changes a tree by making anew only the nodes that a change touches.

Level by level, from the leaves up: the nodes around each change are cut
again, from the start of the first one touched until a cut falls on the start
of an old node with no change left in it. From there on all old nodes stay as
they are, because every node starts a count of its own: at the start of a run,
or 1,024·n entries into it. What was replaced on one level is the change on
the next. So the result is what `build` would make of the final entries, in
O(changes · log n), and a range is removed without looking inside it.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from headwater.storage.build import Maker, grow
from headwater.storage.node import Node, Row
from headwater.storage.nodes import Nodes
from headwater.storage.walk import Walk

END = b"\xff" * 1_025  # above every key


class Change(NamedTuple):
    """An entry to put (`row`), or a range [low, high) to remove; in order of `low`, removals first.

    A put may lie inside a range that an earlier change removes.
    """

    low: bytes
    high: bytes
    row: Row | None


def put(row: Row) -> Change:
    """Returns the change that puts an entry, or replaces the one with its key."""
    return Change(row[0], row[0], row)


def remove(key: bytes) -> Change:
    """Returns the change that removes the entry with this key, if there is one."""
    return Change(key, key + b"\0", None)


def edit(nodes: Nodes, maker: Maker, root: Node, root_row: Row, changes: Iterable[Change]) -> Row | None:
    """Applies changes to a tree; returns the entry that would stand for the new root, none if it is empty.

    Args:
        nodes: Where the tree's nodes are read.
        maker: Makes the new ones.
        root: The root as it is.
        root_row: The entry that would stand for it.
        changes: Strictly ascending, apart from puts inside a removed range.
    """
    pending = iter(changes)
    for level in range(root.level + 1):
        above = _Level(nodes, maker, root, root_row, level).apply(pending)
        if not above:
            return root_row
        pending = iter(above)
    rows = [change.row for change in pending if change.row is not None]
    if len(rows) > 1:
        grown = grow(maker, root.level + 1, rows)
        return grown[1] if grown else None
    return _lowest(nodes, maker, root.level, rows[0]) if rows else None


def _lowest(nodes: Nodes, maker: Maker, level: int, row: Row) -> Row:
    """Goes down while a node has one child only: the root is the lowest level that has one node."""
    while level:
        if maker.has_made(row[1]):
            only = maker.only_entry(row[1])
        else:
            node = nodes.child(maker.kind, level, row)
            only = node.row(0) if node.count == 1 else None
        if only is None:
            break
        row, level = only, level - 1
    return row


@dataclass
class _Group:
    """Neighbouring old nodes that are replaced together, and what replaces them."""

    low: bytes
    high: bytes
    known: dict[bytes, Row] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    jumped: bool = False

    @property
    def changes(self) -> list[Change]:
        """What the replacement means for the level above."""
        if not self.jumped and [row[1] for row in self.rows] == list(self.known):
            return []
        low = min(self.low, self.rows[0][0]) if self.rows else self.low
        return [Change(low, self.high, None), *map(put, self.rows)]


class _Level:
    """One level while it is being changed."""

    def __init__(self, nodes: Nodes, maker: Maker, root: Node, root_row: Row, level: int) -> None:
        self._walk = Walk(nodes, maker.kind, root, level)
        self._maker, self._level, self._root_row = maker, level, root_row
        self._is_boundary, self._cap = maker.shape.boundaries(level), maker.shape.cap
        self._open: list[Row] = []

    def apply(self, changes: Iterator[Change]) -> list[Change]:
        """Makes the new nodes of this level; returns the changes of the level above."""
        above: list[Change] = []
        change = next(changes, None)
        while change:
            group, change = self._replace(change, changes)
            above += group.changes
        return above

    def _replace(self, first: Change, changes: Iterator[Change]) -> tuple[_Group, Change | None]:
        """Replaces nodes from the one that the first change touches until cuts and old nodes agree again."""
        change: Change | None = first
        if first.low == b"" and first.row is None:
            group = _Group(b"", b"", jumped=True)
            node, at = self._jump(first, group)
            change = next(changes, None)
        else:
            node, at = self._walk.seek(first.low), 0
            group = _Group(node.last_key, b"")
            self._enter(group)
        while True:
            node, rest, change = self._merge(group, node, at, change, changes)
            self._keep(group, rest, ends_node=True)
            group.high = node.last_key + b"\0"
            if not self._open:
                return group, change
            following = self._walk.next()
            if following is None:
                self._cut(group)
                return group, change
            node, at = following, 0
            self._enter(group)

    def _merge(
        self, group: _Group, node: Node, at: int, change: Change | None, changes: Iterator[Change]
    ) -> tuple[Node, list[Row], Change | None]:
        """Applies all changes that fall into the node, or into the one a removal leads to, and returns its rest."""
        last_key, is_last, rows = node.last_key, self._walk.is_last, node.rows()
        while change is not None and (change.low <= last_key or is_last):
            to = bisect_left(node.keys, change.low, at)
            if to > at:
                self._keep(group, rows[at:to], ends_node=to == node.count)
                at = to
            if change.row is not None:
                replaces = at < node.count and rows[at][0] == change.low
                self._add(group, _same(rows[at], change.row) if replaces else change.row)
                at += replaces
            elif change.high > last_key and not is_last:
                node, at = self._jump(change, group)
                last_key, is_last, rows = node.last_key, self._walk.is_last, node.rows()
            else:
                at = bisect_left(node.keys, change.high, at)
            change = next(changes, None)
        return node, rows[at:], change

    def _jump(self, change: Change, group: _Group) -> tuple[Node, int]:
        """Goes to the first entry behind a removed range, past all nodes inside it."""
        group.jumped = True
        node = self._walk.seek(change.high)
        self._enter(group)
        return node, bisect_left(node.keys, change.high)

    def _enter(self, group: _Group) -> None:
        row = self._walk.entry or self._root_row
        group.known[row[1]] = row

    def _add(self, group: _Group, row: Row) -> None:
        self._open.append(row)
        if self._is_boundary(row[0]) or len(self._open) == self._cap:
            self._cut(group)

    def _keep(self, group: _Group, rows: list[Row], *, ends_node: bool) -> None:
        """Takes over old entries; of those in one node only the last may be a boundary."""
        if not rows:
            return
        while len(self._open) + len(rows) >= self._cap:
            take = self._cap - len(self._open)
            self._open += rows[:take]
            rows = rows[take:]
            self._cut(group)
        self._open += rows
        if ends_node and self._open and self._is_boundary(self._open[-1][0]):
            self._cut(group)

    def _cut(self, group: _Group) -> None:
        group.rows.append(self._maker.make(self._level, self._open, group.known))
        self._open = []


def _same(old: Row, new: Row) -> Row:
    """Returns the old entry where only the place differs, so that what is stored already stays shared."""
    identity = 4 if len(old) == 7 else 2
    return old if old[:identity] == new[:identity] else new
