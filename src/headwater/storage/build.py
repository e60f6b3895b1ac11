"""Makes nodes from sorted entries, level by level.

A node is cut where its keys say so (`Shape`), so what is built depends on
the entries alone. Entries stream through; held are those of one open node and
one row for each finished node, 1/64 of what went in.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from headwater.storage import hashing, node
from headwater.storage.block import DOMAINS, Kind, Packer
from headwater.storage.node import Row
from headwater.storage.shape import Shape

_NONE: Mapping[bytes, Row] = MappingProxyType({})


class NodeSink(Protocol):
    """Where finished nodes go."""

    def put(self, kind: Kind, hash: bytes, block: bytes) -> tuple[int, int]:
        """Takes a block and returns its segment and offset."""
        ...


class Maker:
    """Turns the entries of a node into the entry that stands for it one level up.

    Without a sink only hashes are computed, and every place is 0: for digests.
    """

    def __init__(self, kind: Kind, shape: Shape, sink: NodeSink | None) -> None:
        self.kind, self.shape = kind, shape
        self._sink, self._packer = sink, None if sink is None else Packer()
        self._made: dict[bytes, Row | None] = {}

    def make(self, level: int, rows: Sequence[Row], known: Mapping[bytes, Row] = _NONE) -> Row:
        """Returns the inner entry for a node of these entries, storing it where there is a sink.

        Args:
            level: The level of the node.
            rows: Its entries, at least one.
            known: Entries for stored nodes by hash; one of them is taken instead of storing the node again.
        """
        identity = node.encode_identity(self.kind, level, rows)
        hash = hashing.domain_hash(DOMAINS[self.kind], identity)
        if hash in known:
            return known[hash]
        segment, offset, length = 0, 0, 0
        if self._sink is not None and self._packer is not None:
            location = node.encode_location(self.kind, level, rows)
            block = self._packer.block(self.kind, hash, identity, location)
            segment, offset = self._sink.put(self.kind, hash, block)
            length = len(block)
        if level:
            self._made[hash] = rows[0] if len(rows) == 1 else None
        return (rows[-1][0], hash, *node.summary(self.kind, level, rows), segment, offset, length)

    def has_made(self, hash: bytes) -> bool:
        """Tells whether an inner node with this hash was made here."""
        return hash in self._made

    def only_entry(self, hash: bytes) -> Row | None:
        """Returns the entry of a node made here that has one; none if it has more."""
        return self._made[hash]


def cut(maker: Maker, level: int, rows: Iterable[Row]) -> list[Row]:
    """Makes all nodes of one level; returns the entries of the level above."""
    is_boundary, cap = maker.shape.boundaries(level), maker.shape.cap
    above: list[Row] = []
    open: list[Row] = []
    for row in rows:
        open.append(row)
        if is_boundary(row[0]) or len(open) == cap:
            above.append(maker.make(level, open))
            open = []
    if open:
        above.append(maker.make(level, open))
    return above


def grow(maker: Maker, level: int, rows: Iterable[Row]) -> tuple[int, Row] | None:
    """Makes all levels from this one up; returns the root's level and the entry that would stand for it."""
    nodes = cut(maker, level, rows)
    while len(nodes) > 1:
        level += 1
        nodes = cut(maker, level, nodes)
    return (level, nodes[0]) if nodes else None


def empty_hash(kind: Kind) -> bytes:
    """Returns the hash that the empty tree of a kind has."""
    return hashing.domain_hash(DOMAINS[kind], node.encode_identity(kind, 0, ()))
