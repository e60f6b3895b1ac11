"""Segments: immutable runs of blocks with a footer that lists them.

The same bytes are a row of the catalog while they are small and an object
when they are not, so a pointer stays good when a segment moves. Contents and
nodes are appended as they come; the footer is written when the segment is
closed. See docs/format/segments.md.
"""

import struct
from bisect import bisect_left
from collections.abc import Container, Iterator
from typing import NamedTuple

from headwater.storage import columns, hashing
from headwater.storage.block import Damaged, Kind, raw_tag

HEADER_BYTES = 16
ROW_LIMIT_BYTES = 256 * 1024
TARGET_BYTES = 8 * 1024 * 1024
_MAGIC, _END = b"HWSEG/01", b"HWSEGEND"
_HEADER = struct.Struct("<8sQ")
_TRAILER = struct.Struct(f"<I{hashing.CHECKSUM_BYTES}s8s")
TRAILER_BYTES = _TRAILER.size
FOOTER_BYTES_PER_BLOCK = 1 + hashing.HASH_BYTES + 4 + 4


class ListedBlock(NamedTuple):
    """A block as the footer of its segment lists it."""

    tag: int
    hash: bytes
    offset: int
    length: int

    @property
    def kind(self) -> Kind:
        """What the block holds."""
        return Kind(self.tag >> 4)


ERASED = 0  # the tag of a block whose bytes were made unreadable


class SegmentBuilder:
    """A segment that is being written."""

    def __init__(self, id: int) -> None:
        self.id = id
        self._data = bytearray(_HEADER.pack(_MAGIC, id))
        self._tags = bytearray()
        self._hashes = bytearray()
        self._offsets: list[int] = []
        self._lengths: list[int] = []

    @property
    def is_empty(self) -> bool:
        """Whether nothing was added."""
        return not self._offsets

    @property
    def size(self) -> int:
        """How many bytes the segment would have if it were closed now."""
        return len(self._data) + 4 + FOOTER_BYTES_PER_BLOCK * len(self._offsets) + _TRAILER.size

    @property
    def blocks(self) -> int:
        """How many blocks there are."""
        return len(self._offsets)

    def add(self, kind: Kind, hash: bytes, payload: bytes | bytearray | memoryview) -> tuple[int, int]:
        """Appends a block of a raw payload; returns its offset and length."""
        offset = len(self._data)
        self._data.append(raw_tag(kind))
        self._data += payload
        return self._list(hash, offset)

    def add_block(self, hash: bytes, block: bytes) -> tuple[int, int]:
        """Appends a block that has its tag; returns its offset and length."""
        offset = len(self._data)
        self._data += block
        return self._list(hash, offset)

    def read(self, offset: int, length: int) -> bytes:
        """Returns bytes that were added."""
        return bytes(memoryview(self._data)[offset : offset + length])

    def listed(self, kind: Kind) -> Iterator[ListedBlock]:
        """Yields the raw blocks of a kind, as the footer lists them."""
        tag = raw_tag(kind)
        for at, found in enumerate(self._tags):
            if found == tag:
                hash = bytes(self._hashes[at * hashing.HASH_BYTES : (at + 1) * hashing.HASH_BYTES])
                yield ListedBlock(found, hash, self._offsets[at], self._lengths[at])

    def truncate(self, blocks: int) -> None:
        """Forgets all blocks but the first so many."""
        if blocks < len(self._offsets):
            del self._data[self._offsets[blocks] :]
            del self._tags[blocks:], self._offsets[blocks:], self._lengths[blocks:]
            del self._hashes[blocks * hashing.HASH_BYTES :]

    def finished(self) -> bytearray:
        """Returns the whole segment with its footer; more may be added and it be finished again."""
        return self._data + self._end()

    def closed(self) -> bytearray:
        """Returns the whole segment with its footer without copying it; nothing may be added any more."""
        self._data += self._end()
        return self._data

    def _end(self) -> bytes:
        footer = b"".join(
            (
                columns.pack(4, [len(self._offsets)]),
                self._tags,
                self._hashes,
                columns.pack(4, self._offsets),
                columns.pack(4, self._lengths),
            )
        )
        return footer + _TRAILER.pack(len(footer), _footer_checksum(self.id, footer), _END)

    def _list(self, hash: bytes, offset: int) -> tuple[int, int]:
        length = len(self._data) - offset
        self._tags.append(self._data[offset])
        self._hashes += hash
        self._offsets.append(offset)
        self._lengths.append(length)
        return offset, length


def listed_blocks(id: int, segment: bytes) -> Iterator[ListedBlock]:
    """Yields the blocks that a whole segment's footer lists, without those that were erased.

    Raises:
        Damaged: Header, footer or trailer is not that of this segment.
    """
    if len(segment) < HEADER_BYTES + 4 + _TRAILER.size:
        raise Damaged("it is cut off")
    magic, found = _HEADER.unpack_from(segment)
    length, check, end = _TRAILER.unpack_from(segment, len(segment) - _TRAILER.size)
    footer = segment[len(segment) - _TRAILER.size - length : len(segment) - _TRAILER.size]
    if magic != _MAGIC or found != id or end != _END:
        raise Damaged("it does not begin and end as this segment does")
    if len(footer) != length or _footer_checksum(id, footer) != check:
        raise Damaged("its footer does not have its checksum")
    return (block for block in _all_blocks(footer) if block.tag != ERASED)


def footer_span(length: int, trailer: bytes) -> tuple[int, int]:
    """Returns where the footer of a segment of this length begins and how long it is with the trailer.

    Args:
        length: That of the whole segment.
        trailer: Its last `TRAILER_BYTES` bytes.

    Raises:
        Damaged: They are no trailer.
    """
    footer, _, end = _TRAILER.unpack(trailer)
    start = length - _TRAILER.size - footer
    if end != _END or start < HEADER_BYTES:
        raise Damaged("it does not end as a segment does")
    return start, footer + _TRAILER.size


def listed_in_footer(id: int, footer: bytes) -> Iterator[ListedBlock]:
    """Yields the blocks that a footer, with its trailer, lists.

    Raises:
        Damaged: It does not have its checksum.
    """
    length, check, _ = _TRAILER.unpack_from(footer, len(footer) - _TRAILER.size)
    listed = footer[:length]
    if _footer_checksum(id, listed) != check:
        raise Damaged("its footer does not have its checksum")
    return (block for block in _all_blocks(listed) if block.tag != ERASED)


class Listing:
    """What a footer lists, to be looked up in; held as it was read, for there may be many blocks."""

    def __init__(self, id: int, footer: bytes) -> None:
        """Takes a footer with its trailer.

        Raises:
            Damaged: It does not have its checksum.
        """
        listed_in_footer(id, footer)
        self._footer = footer
        (self._count,) = columns.unpack(4, footer[:4])
        self._hashes = 4 + self._count
        start = self._hashes + hashing.HASH_BYTES * self._count
        self._offsets = columns.unpack(4, footer[start : start + 4 * self._count])
        self._lengths = columns.unpack(4, footer[start + 4 * self._count : start + 8 * self._count])
        self.weight = 2 * len(footer)

    def find(self, offset: int) -> tuple[bytes, int] | None:
        """Returns hash and length of the block that begins at an offset; none if none does, or it was erased."""
        at = bisect_left(self._offsets, offset)
        if at == self._count or self._offsets[at] != offset or self._footer[4 + at] == ERASED:
            return None
        start = self._hashes + hashing.HASH_BYTES * at
        return self._footer[start : start + hashing.HASH_BYTES], self._lengths[at]


def erased(id: int, segment: bytes, offsets: Container[int]) -> bytes:
    """Returns a whole segment with some blocks made unreadable: zeros in their place, no tag and no hash.

    Every other block stays where it is, and so do the lengths of all.

    Raises:
        Damaged: It is not whole.
    """
    listed_blocks(id, segment)
    data = bytearray(segment)
    length = _TRAILER.unpack_from(segment, len(segment) - _TRAILER.size)[0]
    start = len(segment) - _TRAILER.size - length
    blocks = list(_all_blocks(segment[start : start + length]))
    for number, block in enumerate(blocks):
        if block.offset in offsets:
            data[block.offset : block.offset + block.length] = bytes(block.length)
            data[start + 4 + number] = ERASED
            hash_at = start + 4 + len(blocks) + hashing.HASH_BYTES * number
            data[hash_at : hash_at + hashing.HASH_BYTES] = bytes(hashing.HASH_BYTES)
    footer = bytes(data[start : start + length])
    data[start + length :] = _TRAILER.pack(length, _footer_checksum(id, footer), _END)
    return bytes(data)


def _all_blocks(footer: bytes) -> Iterator[ListedBlock]:
    (n,) = columns.unpack(4, footer[:4])
    hashes = 4 + n
    offsets = hashes + hashing.HASH_BYTES * n
    return map(
        ListedBlock,
        footer[4:hashes],
        columns.split_evenly(footer, hashes, n, hashing.HASH_BYTES),
        columns.unpack(4, footer[offsets : offsets + 4 * n]),
        columns.unpack(4, footer[offsets + 4 * n : offsets + 8 * n]),
    )


def _footer_checksum(id: int, footer: bytes) -> bytes:
    return hashing.checksum(hashing.FOOTER, id.to_bytes(8, "little"), footer)
