"""Finds its way in a tree: to the node of a level that covers a key, and on to the next."""

from bisect import bisect_left

from headwater.storage.block import Kind
from headwater.storage.node import Node, Row
from headwater.storage.nodes import Nodes


class Walk:
    """A position among the nodes of one level of a tree."""

    def __init__(self, nodes: Nodes, kind: Kind, root: Node, level: int) -> None:
        self._nodes, self._kind, self._root, self._level = nodes, kind, root, level
        self._path: list[tuple[Node, int]] = []

    def seek(self, key: bytes) -> Node:
        """Goes to the first node whose last key is not below `key`, or to the last node if there is none."""
        self._path.clear()
        return self._down(self._root, key)

    def next(self) -> Node | None:
        """Goes to the node behind this one."""
        while self._path:
            parent, at = self._path.pop()
            if at + 1 < parent.count:
                self._path.append((parent, at + 1))
                return self._down(self._child(parent, at + 1), b"")
        return None

    @property
    def is_last(self) -> bool:
        """Whether no node of the level follows."""
        return all(at == parent.count - 1 for parent, at in self._path)

    @property
    def entry(self) -> Row | None:
        """The entry that leads to this node; none for the root."""
        if not self._path:
            return None
        parent, at = self._path[-1]
        return parent.row(at)

    def _down(self, node: Node, key: bytes) -> Node:
        while node.level > self._level:
            at = min(bisect_left(node.keys, key), node.count - 1)
            self._path.append((node, at))
            node = self._child(node, at)
        return node

    def _child(self, parent: Node, at: int) -> Node:
        return self._nodes.child(self._kind, parent.level - 1, parent.row(at))


def rank(nodes: Nodes, kind: Kind, root: Node, key: bytes) -> tuple[int, int]:
    """Returns how many files and bytes lie before a key."""
    files = size = 0
    node = root
    while True:
        at = bisect_left(node.keys, key)
        before_files, before_bytes = node.counts(at)
        files, size = files + before_files, size + before_bytes
        if node.level == 0 or at == node.count:
            return files, size
        node = nodes.child(kind, node.level - 1, node.row(at))
