"""Finds what can be reached from roots: the segments that a sweep must keep.

Nodes are visited once, by the place where they lie, whatever number of trees
share them; so marking a thousand commits of a million files costs little more
than marking one. Blocks are fetched many at a time. What is held is a number
for each node and segment, never a file.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from headwater.storage import chunklist, columns
from headwater.storage.block import Damaged, Kind, sections_of
from headwater.storage.content import SMALL_BYTES
from headwater.storage.errors import StoredBytesCorrupt
from headwater.storage.node import Node
from headwater.storage.reader import SegmentReader
from headwater.storage.values import Pointer
from headwater.telemetry import Progress

_AT_ONCE = 256
_TREES = frozenset({Kind.FILE_NODE, Kind.MAP_NODE, Kind.CHUNK_LIST})


class Marker:
    """Walks from roots to everything below; `segments` are those that it met."""

    def __init__(
        self,
        reader: SegmentReader,
        progress: Progress,
        *,
        blocks_of: frozenset[int] = frozenset(),
        skip: Callable[[Pointer], bool] | None = None,
    ) -> None:
        """Has met nothing yet.

        Args:
            reader: What it reads by.
            progress: Hears of every node.
            blocks_of: Segments of which every block that it meets is noted in `blocks`.
            skip: Tells which nodes it is not to enter.
        """
        self._reader, self._progress, self._blocks_of, self._skip = reader, progress, blocks_of, skip
        self._visited: set[int] = set()
        self.segments: set[int] = set()
        self.blocks: set[tuple[int, int]] = set()

    def walk(self, roots: Iterable[Pointer]) -> None:
        """Visits all below some roots.

        Raises:
            SegmentMissing: A block is gone.
            StoredBytesCorrupt: A block is damaged.
        """
        rest = filter(self._is_new, roots)
        waiting: list[Pointer] = []
        while waiting := waiting or list(islice(rest, _AT_ONCE)):
            some = waiting[-_AT_ONCE:]
            del waiting[-_AT_ONCE:]
            for place, block in zip(some, self._reader.blocks(some), strict=True):
                waiting += filter(self._is_new, self._below(place, block))
            self._progress.advance(len(some))

    def _is_new(self, place: Pointer) -> bool:
        key = place.segment << 32 | place.offset
        if key in self._visited or (self._skip is not None and self._skip(place)):
            return False
        self._visited.add(key)
        self._note(place.segment, place.offset)
        return True

    def has_visited(self, place: Pointer) -> bool:
        """Tells whether a node was met."""
        return place.segment << 32 | place.offset in self._visited

    def _note(self, segment: int, offset: int) -> None:
        self.segments.add(segment)
        if segment in self._blocks_of:
            self.blocks.add((segment, offset))

    def _below(self, place: Pointer, block: bytes) -> Iterator[Pointer]:
        try:
            kind = Kind(block[0] >> 4)
            if kind not in _TREES:
                return iter(())
            sections = sections_of(block, kind, place.hash)
            if kind is Kind.CHUNK_LIST:
                self._leaves([chunk.place for chunk in chunklist.decode(sections)])
                return iter(())
            return self._below_node(Node(kind, place.hash, sections))
        except (Damaged, ValueError, IndexError) as damage:
            where = self._reader.where(place.segment)
            raise StoredBytesCorrupt(
                f"A tree node at offset {place.offset}", where=where, why=str(damage)
            ) from None

    def _below_node(self, node: Node) -> Iterator[Pointer]:
        if node.kind is Kind.MAP_NODE and not node.level:
            return (place for row in node.rows() for place in row[2])
        if node.level:
            return (Pointer(row[1], *row[4:]) for row in node.rows())
        segments = columns.unpack(8, node.location[: 8 * node.count])
        self.segments.update(segments)
        self.segments.discard(0)
        if not self._blocks_of.isdisjoint(segments):
            offsets = columns.unpack(4, node.location[8 * node.count : 12 * node.count])
            self.blocks.update(at for at in zip(segments, offsets, strict=True) if at[0] in self._blocks_of)
        if node.counts()[1] <= SMALL_BYTES:
            return iter(())
        return (Pointer(row[1], *row[4:]) for row in node.rows() if row[2] > SMALL_BYTES)

    def _leaves(self, places: Iterable[Pointer]) -> None:
        for place in places:
            self._note(place.segment, place.offset)
