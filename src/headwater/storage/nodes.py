"""Loads nodes, checked, and remembers the latest by where they lie.

By place, not by hash: two copies of one node may lead to different places,
and only the copy that was asked for is known to be kept.
"""

from typing import Protocol

from headwater.storage.block import Damaged, Kind, sections_of
from headwater.storage.cache import Cache
from headwater.storage.errors import StoredBytesCorrupt
from headwater.storage.node import Node, Row
from headwater.storage.values import Pointer

DEFAULT_BUDGET_BYTES = 64 * 1024 * 1024


class BlockSource(Protocol):
    """Where blocks are read from."""

    def block(self, segment: int, offset: int, length: int) -> bytes | memoryview:
        """Returns the bytes at that place, not yet checked."""
        ...

    def where(self, segment: int) -> str:
        """Says for a person which segment and object that is."""
        ...


class Nodes:
    """The nodes of all trees in one place; `decoded` counts those that were not remembered."""

    def __init__(self, source: BlockSource, budget_bytes: int = DEFAULT_BUDGET_BYTES) -> None:
        self.source = source
        self.decoded = 0
        self._cache: Cache[tuple[int, int], Node] = Cache(budget_bytes)

    def root(self, kind: Kind, pointer: Pointer) -> Node:
        """Returns the root of a tree."""
        return self._load(kind, None, pointer.hash, (pointer.segment, pointer.offset, pointer.length))

    def child(self, kind: Kind, level: int, row: Row) -> Node:
        """Returns the node of this level that an inner entry leads to.

        Raises:
            StoredBytesCorrupt: What lies there is not that node.
        """
        return self._load(kind, level, row[1], row[4:])

    def forget_segment(self, segment: int) -> None:
        """Forgets what lies in a segment that was given up before it was published."""
        self._cache.discard(lambda place: place[0] == segment)

    def _load(self, kind: Kind, level: int | None, hash: bytes, place: tuple[int, int, int]) -> Node:
        segment, offset, length = place
        node = self._cache.get((segment, offset))
        if node is None or node.hash != hash:
            block = self.source.block(segment, offset, length)
            try:
                node = Node(kind, hash, sections_of(block, kind, hash))
            except Damaged as damage:
                where = self.source.where(segment)
                raise StoredBytesCorrupt(
                    f"A tree node at offset {offset}", where=where, why=str(damage)
                ) from None
            self.decoded += 1
            self._cache.put((segment, offset), node, node.weight)
        if level is not None and node.level != level:
            raise StoredBytesCorrupt(
                f"A tree node at offset {offset}",
                where=self.source.where(segment),
                why=f"it is on level {node.level}, not {level}",
            )
        return node
