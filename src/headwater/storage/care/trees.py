"""Walks the trees of all roots, and tells which roots and paths a damage touches.

Every node is visited once, however many trees share it; what was found below
it is remembered only where something was found. A node is compared with the
entry that leads to it: last key, level, number of files, bytes; its keys must
ascend; and what its entries point to must be a block of that hash and length.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from headwater.errors import Error
from headwater.storage import chunklist
from headwater.storage.block import Damaged, Kind, sections_of
from headwater.storage.care.footers import Footers
from headwater.storage.content import SMALL_BYTES
from headwater.storage.node import Node, Row
from headwater.storage.reader import SegmentReader
from headwater.storage.values import Pointer
from headwater.telemetry import Progress

Place = tuple[int, int]
_CLEAN: frozenset[Place] = frozenset()
_TREES = frozenset({Kind.FILE_NODE, Kind.MAP_NODE, Kind.CHUNK_LIST})


class Expected(NamedTuple):
    """What the entry above says of a node."""

    level: int
    last_key: bytes
    files: int
    size: int


class TreeWalk:
    """Walks trees; `found` are places with something wrong that nobody knew of before, and what it is."""

    def __init__(
        self,
        reader: SegmentReader,
        known: Iterable[Place],
        segments: set[int],
        progress: Progress,
        *,
        deep: bool,
    ) -> None:
        """Takes the places that are known to be damaged, offset 0 for whole segments, and all segments there are."""
        self._reader, self._segments, self._progress = reader, segments, progress
        self._known = set(known)
        self._footers = Footers(reader) if deep else None
        self._clean: set[int] = set()
        self._touched: dict[int, frozenset[Place]] = {}
        self.found: dict[Place, str] = {}

    def touched(self, root: Pointer) -> frozenset[Place]:
        """Returns the damaged places below a root."""
        return self._visit(root, None, None)

    def paths(self, root: Pointer, place: Place) -> Iterator[str]:
        """Yields the paths below a root that a damaged place touches; of a node that is gone, the last below it."""
        node = self._node(root)
        if node is None:
            yield "/"
            return
        for row in node.rows():
            for child in _children(node, row):
                if place not in self._look(child):
                    continue
                if node.level and self._node(child) is not None:
                    yield from self.paths(child, place)
                else:
                    path = row[0].decode(errors="replace")
                    yield f"… up to {path}" if node.level else path

    def _look(self, place: Pointer) -> frozenset[Place]:
        return self._touched.get(_key(place), _CLEAN) | self._direct(place)

    def _direct(self, place: Pointer) -> frozenset[Place]:
        """Returns what is known to be wrong with a place itself."""
        at = (place.segment, place.offset)
        whole = (place.segment, 0)
        return frozenset(one for one in (at, whole) if one in self._known or one in self.found)

    def _visit(self, place: Pointer, expected: Expected | None, block: bytes | None) -> frozenset[Place]:
        key = _key(place)
        if key in self._clean:
            return _CLEAN
        if key in self._touched:
            return self._touched[key]
        self._progress.advance()
        below = self._direct(place) or self._below(place, expected, block)
        if below:
            self._touched[key] = below
        else:
            self._clean.add(key)
        return below

    def _below(self, place: Pointer, expected: Expected | None, block: bytes | None) -> frozenset[Place]:
        try:
            data = block or self._reader.block(place.segment, place.offset, place.length)
            kind = Kind(data[0] >> 4)
            if kind not in _TREES:
                return self._contents([place])
            sections = sections_of(data, kind, place.hash)
            if kind is Kind.CHUNK_LIST:
                return self._contents([chunk.place for chunk in chunklist.decode(sections)])
            node = Node(kind, place.hash, sections)
            _compare(node, expected)
        except (Damaged, Error, ValueError, IndexError) as damage:
            return self._note(place, damage.message if isinstance(damage, Error) else str(damage))
        return self._children(node)

    def _children(self, node: Node) -> frozenset[Place]:
        if node.kind is Kind.FILE_NODE and not node.level:
            rows = node.rows()
            large = [Pointer(row[1], *row[4:]) for row in rows if row[4] and row[2] > SMALL_BYTES]
            small = [Pointer(row[1], *row[4:]) for row in rows if row[4] and row[2] <= SMALL_BYTES]
            return self._contents(small).union(*(self._visit(place, None, None) for place in large))
        if not node.level:
            places = [place for row in node.rows() for place in row[2]]
            return _CLEAN.union(*(self._visit(place, None, None) for place in places))
        children = [
            (Pointer(row[1], *row[4:]), Expected(node.level - 1, row[0], row[2], row[3]))
            for row in node.rows()
        ]
        blocks = self._fetched([place for place, _ in children])
        return _CLEAN.union(
            *(self._visit(place, expected, blocks.get(_key(place))) for place, expected in children)
        )

    def _fetched(self, places: Sequence[Pointer]) -> dict[int, bytes]:
        """Fetches the nodes that were not visited, all at once; nothing where one cannot be had."""
        new = [one for one in places if _key(one) not in self._clean and _key(one) not in self._touched]
        new = [one for one in new if one.segment in self._segments and not self._direct(one)]
        try:
            return dict(zip(map(_key, new), self._reader.blocks(new), strict=True))
        except Error:
            return {}

    def _contents(self, places: Iterable[Pointer]) -> frozenset[Place]:
        bad: set[Place] = set()
        for place in places:
            direct = self._direct(place)
            if direct:
                bad |= direct
            elif place.segment not in self._segments:
                bad |= self._note(place, "the catalog does not know its segment", whole=True)
            elif self._footers is not None and not self._footers.lists(place):
                bad |= self._note(place, "its segment lists no such block there")
        return frozenset(bad)

    def _note(self, place: Pointer, why: str, *, whole: bool = False) -> frozenset[Place]:
        at = (place.segment, 0 if whole else place.offset)
        self.found.setdefault(at, why)
        return frozenset((at,))

    def _node(self, place: Pointer) -> Node | None:
        try:
            data = self._reader.block(place.segment, place.offset, place.length)
            kind = Kind(data[0] >> 4)
            return Node(kind, place.hash, sections_of(data, kind, place.hash))
        except (Damaged, Error, ValueError, IndexError, KeyError):
            return None


def _key(place: Pointer) -> int:
    return place.segment << 32 | place.offset


def _children(node: Node, row: Row) -> Iterator[Pointer]:
    if node.level or node.kind is Kind.FILE_NODE:
        if row[4]:
            yield Pointer(row[1], *row[4:])
    else:
        yield from row[2]


def _compare(node: Node, expected: Expected | None) -> None:
    keys = node.keys
    if any(one >= other for one, other in pairwise(keys)):
        raise Damaged("its keys do not ascend")
    if expected is not None:
        found = Expected(node.level, node.last_key, *node.counts())
        if found != expected:
            raise Damaged(
                "it does not have the level, last key, number of files or size that the node above says"
            )
