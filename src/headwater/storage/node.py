"""Nodes of trees: how their entries become two sections, and back without decoding more than is asked for.

Inside this floor an entry is a plain tuple, called a row, because a million
of them pass through a bulk build:

    leaf of a file tree   key, content hash, size, flags, segment, offset, length
    inner node            last key, child hash, files, bytes, segment, offset, length
    leaf of a map tree    key, value, pointers

The layout is that of docs/format/trees.md. Knows nothing of boundaries, of
other nodes, or of where sections are kept.
"""

import struct
from collections.abc import Sequence
from typing import Any

from headwater.storage import columns
from headwater.storage.block import Damaged, Kind, Sections
from headwater.storage.errors import UnknownFormat
from headwater.storage.hashing import HASH_BYTES
from headwater.storage.values import Pointer

Row = tuple[Any, ...]  # one of the three shapes above; which one, the node's kind and level say

VERSION = 1
MAX_ENTRIES = 1_024
_HEAD = struct.Struct("<BBBBI")
_TREE_KINDS = {Kind.FILE_NODE: 1, Kind.MAP_NODE: 2}
_U64 = struct.Struct("<Q")
_U32 = struct.Struct("<I")


def encode_identity(kind: Kind, level: int, rows: Sequence[Row]) -> bytes:
    """Returns the section that the node's hash covers."""
    keys = [row[0] for row in rows]
    parts = [
        _HEAD.pack(VERSION, _TREE_KINDS[kind], level, 0, len(rows)),
        columns.pack(2, map(len, keys)),
        *keys,
    ]
    if level == 0 and kind is Kind.MAP_NODE:
        values = [row[1] for row in rows]
        parts += [columns.pack(2, map(len, values)), *values]
    else:
        parts += [row[1] for row in rows]
        parts.append(columns.pack(8, [row[2] for row in rows]))
        last = [row[3] for row in rows]
        parts.append(columns.pack(8, last) if level else bytes(last))
    return b"".join(parts)


def encode_location(kind: Kind, level: int, rows: Sequence[Row]) -> bytes:
    """Returns the section that says where contents or children lie."""
    if level == 0 and kind is Kind.MAP_NODE:
        return _map_location(rows)
    return b"".join(
        (
            columns.pack(8, [row[4] for row in rows]),
            columns.pack(4, [row[5] for row in rows]),
            columns.pack(4, [row[6] for row in rows]),
        )
    )


def _map_location(rows: Sequence[Row]) -> bytes:
    places: list[Pointer] = [place for row in rows for place in row[2]]
    return b"".join(
        (
            columns.pack(2, [len(row[2]) for row in rows]),
            *[place.hash for place in places],
            columns.pack(8, [place.segment for place in places]),
            columns.pack(4, [place.offset for place in places]),
            columns.pack(4, [place.length for place in places]),
        )
    )


class Node:
    """A node as it was read: checked, and decoded as far as it was asked."""

    __slots__ = (
        "_keys",
        "_keys_end",
        "_map_entries",
        "count",
        "hash",
        "identity",
        "kind",
        "level",
        "location",
    )
    level: int
    count: int

    def __init__(self, kind: Kind, hash: bytes, sections: Sections) -> None:
        """Reads the head of a node whose sections were checked.

        Raises:
            Damaged: The sections do not fit together.
            UnknownFormat: They were written by a newer version.
        """
        self.kind, self.hash = kind, hash
        self.identity, self.location = sections
        if not self.identity or self.identity[0] != VERSION:
            raise UnknownFormat("A tree node", version=self.identity[0] if self.identity else 0)
        if len(self.identity) < _HEAD.size:
            raise Damaged("its identity section is cut off")
        _, tree_kind, self.level, _, self.count = _HEAD.unpack_from(self.identity)
        if tree_kind != _TREE_KINDS[kind] or not 1 <= self.count <= MAX_ENTRIES:
            raise Damaged("it does not begin as a node of its kind does")
        self._keys: list[bytes] | None = None
        self._map_entries: list[Row] | None = None
        if not self._is_map_leaf:
            per_row = HASH_BYTES + 8 + (8 if self.level else 1)
            self._keys_end = len(self.identity) - self.count * per_row
            if self._keys_end < self._keys_start or len(self.location) != self.count * 16:
                raise Damaged("its sections do not have the length of its entries")

    @property
    def _is_map_leaf(self) -> bool:
        return self.level == 0 and self.kind is Kind.MAP_NODE

    @property
    def _keys_start(self) -> int:
        return _HEAD.size + 2 * self.count

    @property
    def weight(self) -> int:
        """About how many bytes of memory the node takes, its keys decoded."""
        return 2 * len(self.identity) + 2 * len(self.location) + 150 * self.count

    @property
    def keys(self) -> list[bytes]:
        """The keys of all entries, ascending."""
        if self._keys is None:
            lengths = columns.unpack(2, self.identity[_HEAD.size : self._keys_start])
            self._keys = columns.split(self.identity, self._keys_start, lengths)
        return self._keys

    @property
    def last_key(self) -> bytes:
        """The key of the last entry."""
        return self.keys[-1]

    def row(self, at: int) -> Row:
        """Returns one entry."""
        if self._is_map_leaf:
            return self.rows()[at]
        n, end = self.count, self._keys_end
        start = end + at * HASH_BYTES
        sizes = end + n * HASH_BYTES
        last = sizes + 8 * n
        return (
            self.keys[at],
            self.identity[start : start + HASH_BYTES],
            _U64.unpack_from(self.identity, sizes + 8 * at)[0],
            _U64.unpack_from(self.identity, last + 8 * at)[0] if self.level else self.identity[last + at],
            _U64.unpack_from(self.location, 8 * at)[0],
            _U32.unpack_from(self.location, 8 * n + 4 * at)[0],
            _U32.unpack_from(self.location, 12 * n + 4 * at)[0],
        )

    def rows(self) -> list[Row]:
        """Returns all entries."""
        if self._is_map_leaf:
            return self._map_rows()
        n, end = self.count, self._keys_end
        sizes = end + n * HASH_BYTES
        last = sizes + 8 * n
        return list(
            zip(
                self.keys,
                columns.split_evenly(self.identity, end, n, HASH_BYTES),
                columns.unpack(8, self.identity[sizes:last]),
                columns.unpack(8, self.identity[last:]) if self.level else self.identity[last:],
                columns.unpack(8, self.location[: 8 * n]),
                columns.unpack(4, self.location[8 * n : 12 * n]),
                columns.unpack(4, self.location[12 * n :]),
                strict=True,
            )
        )

    def _map_rows(self) -> list[Row]:
        if self._map_entries is None:
            self._map_entries = self._decode_map()
        return self._map_entries

    def _decode_map(self) -> list[Row]:
        keys, n = self.keys, self.count
        start = self._keys_start + sum(map(len, keys))
        values = columns.split(
            self.identity, start + 2 * n, columns.unpack(2, self.identity[start : start + 2 * n])
        )
        counts = columns.unpack(2, self.location[: 2 * n])
        places = _places(self.location, 2 * n, sum(counts))
        return list(
            zip(keys, values, [tuple(next(places) for _ in range(count)) for count in counts], strict=True)
        )

    def counts(self, before: int | None = None) -> tuple[int, int]:
        """Returns how many files and bytes the entries hold together, or those before position `before`."""
        stop = self.count if before is None else before
        if self._is_map_leaf:
            return stop, sum(len(row[1]) for row in self._map_rows()[:stop])
        sizes = self._keys_end + self.count * HASH_BYTES
        first = columns.unpack(8, self.identity[sizes : sizes + 8 * stop])
        if self.level == 0:
            return stop, sum(first)
        last = sizes + 8 * self.count
        return sum(first), sum(columns.unpack(8, self.identity[last : last + 8 * stop]))


def summary(kind: Kind, level: int, rows: Sequence[Row]) -> tuple[int, int]:
    """Returns how many files and bytes lie below a node with these entries."""
    if level:
        return sum([row[2] for row in rows]), sum([row[3] for row in rows])
    if kind is Kind.MAP_NODE:
        return len(rows), sum([len(row[1]) for row in rows])
    return len(rows), sum([row[2] for row in rows])


def _places(location: bytes, start: int, count: int) -> Any:
    segments = start + HASH_BYTES * count
    return map(
        Pointer,
        columns.split_evenly(location, start, count, HASH_BYTES),
        columns.unpack(8, location[segments : segments + 8 * count]),
        columns.unpack(4, location[segments + 8 * count : segments + 12 * count]),
        columns.unpack(4, location[segments + 12 * count : segments + 16 * count]),
    )
