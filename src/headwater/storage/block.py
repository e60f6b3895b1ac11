"""Blocks: the tagged byte strings that segments are made of.

A tag says what the bytes are, so that nothing is taken for something else
and a sweep knows what a pointer leads to, and how they are packed. Nodes and
chunk lists have two sections: the identity, which is hashed, and the
location, which may differ between copies. See docs/format/segments.md.

Nothing here reads or writes; a block that does not fit raises `Damaged`, and
whoever knows where it lies says so.
"""

import struct
from enum import IntEnum
from typing import NamedTuple

import zstandard

from headwater.storage import hashing

MAX_PAYLOAD_BYTES = 64 * 1024 * 1024
_PACK_FROM_BYTES = 512
_RAW, _ZSTD = 0, 1
_SECTIONS = struct.Struct(f"<I{hashing.CHECKSUM_BYTES}s")


class Kind(IntEnum):
    """What a block holds."""

    CONTENT = 1
    CHUNK = 2
    CHUNK_LIST = 3
    FILE_NODE = 4
    MAP_NODE = 5
    COMMIT_RECORD = 6
    TOMBSTONE = 7


DOMAINS = {
    Kind.CHUNK_LIST: hashing.LARGE_FILE,
    Kind.FILE_NODE: hashing.FILE_NODE,
    Kind.MAP_NODE: hashing.MAP_NODE,
    Kind.COMMIT_RECORD: hashing.COMMIT_RECORD,
    Kind.TOMBSTONE: hashing.TOMBSTONE,
}


class Damaged(Exception):
    """The bytes are not what the pointer to them promises."""


class Sections(NamedTuple):
    """A node or chunk list, checked."""

    identity: bytes
    location: bytes


class Packer:
    """Writes blocks with sections; for one thread at a time."""

    def __init__(self) -> None:
        self._compressor = zstandard.ZstdCompressor(level=1, write_content_size=True)

    def block(self, kind: Kind, identity_hash: bytes, identity: bytes, location: bytes) -> bytes:
        """Returns the block of two sections, packed where that makes it shorter."""
        check = hashing.checksum(hashing.LOCATION, identity_hash, location)
        payload = b"".join((_SECTIONS.pack(len(identity), check), identity, location))
        if len(payload) >= _PACK_FROM_BYTES:
            packed = self._compressor.compress(payload)
            if len(packed) < len(payload):
                return bytes((kind << 4 | _ZSTD,)) + packed
        return bytes((kind << 4 | _RAW,)) + payload


def raw_tag(kind: Kind) -> int:
    """Returns the tag of a block whose payload stands as it is."""
    return kind << 4 | _RAW


def payload_of(block: bytes | memoryview, kind: Kind) -> bytes | memoryview:
    """Returns the unpacked payload, not yet checked against a hash.

    Raises:
        Damaged: The block is of another kind or cannot be unpacked.
    """
    tag = block[0] if len(block) else 0
    if tag >> 4 != kind:
        raise Damaged(f"its tag is {tag:#04x}, not that of a {kind.name.lower().replace('_', ' ')}")
    codec = tag & 15
    if codec == _RAW:
        return memoryview(block)[1:]
    if codec != _ZSTD:
        raise Damaged(f"it is packed with codec {codec}, which does not exist")
    try:
        frame = memoryview(block)[1:]
        if not 0 <= zstandard.frame_content_size(frame) <= MAX_PAYLOAD_BYTES:
            raise Damaged("it is packed without a sensible size")
        return zstandard.ZstdDecompressor().decompress(frame)
    except zstandard.ZstdError as error:
        raise Damaged(f"it cannot be unpacked ({error})") from None


def content_of(block: bytes | memoryview, kind: Kind, expected: bytes) -> bytes | memoryview:
    """Returns the checked bytes of a small file, a chunk or a record.

    Raises:
        Damaged: They are not those that were hashed.
    """
    payload = payload_of(block, kind)
    domain = DOMAINS.get(kind)
    found = hashing.content_hash(payload) if domain is None else hashing.domain_hash(domain, payload)
    if found != expected:
        raise Damaged("its bytes do not have the hash that they are stored under")
    return payload


def sections_of(block: bytes | memoryview, kind: Kind, expected: bytes) -> Sections:
    """Returns the checked sections of a node or chunk list.

    Raises:
        Damaged: One of them is not what was written.
    """
    payload = bytes(payload_of(block, kind))
    if len(payload) < _SECTIONS.size:
        raise Damaged("it is cut off")
    length, check = _SECTIONS.unpack_from(payload)
    end = _SECTIONS.size + length
    identity, location = payload[_SECTIONS.size : end], payload[end:]
    if len(identity) != length or hashing.domain_hash(DOMAINS[kind], identity) != expected:
        raise Damaged("its identity section does not have the hash that it is stored under")
    if hashing.checksum(hashing.LOCATION, expected, location) != check:
        raise Damaged("its location section does not have its checksum")
    return Sections(identity, location)
