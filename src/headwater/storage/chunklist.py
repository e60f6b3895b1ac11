"""Chunk lists: what a large file consists of, in the two sections that nodes have too."""

import struct
from collections.abc import Sequence
from typing import NamedTuple

from headwater.storage import columns
from headwater.storage.block import Damaged, Sections
from headwater.storage.errors import UnknownFormat
from headwater.storage.hashing import HASH_BYTES
from headwater.storage.values import Pointer

VERSION = 1
_HEAD = struct.Struct("<B3xI")


class Chunk(NamedTuple):
    """A chunk of a large file: its length in the file, and where it lies."""

    size: int
    place: Pointer


def encode(chunks: Sequence[Chunk]) -> Sections:
    """Returns the two sections of a chunk list."""
    places = [chunk.place for chunk in chunks]
    identity = [
        _HEAD.pack(VERSION, len(chunks)),
        *[place.hash for place in places],
        columns.pack(4, [chunk.size for chunk in chunks]),
    ]
    location = (
        columns.pack(8, [place.segment for place in places]),
        columns.pack(4, [place.offset for place in places]),
        columns.pack(4, [place.length for place in places]),
    )
    return Sections(b"".join(identity), b"".join(location))


def decode(sections: Sections) -> list[Chunk]:
    """Returns the chunks of a list whose sections were checked.

    Raises:
        Damaged: The sections do not fit together.
        UnknownFormat: They were written by a newer version.
    """
    identity, location = sections
    if len(identity) < _HEAD.size:
        raise Damaged("its identity section is cut off")
    version, n = _HEAD.unpack_from(identity)
    if version != VERSION:
        raise UnknownFormat("A chunk list", version=version)
    sizes = _HEAD.size + HASH_BYTES * n
    if len(identity) != sizes + 4 * n or len(location) != 16 * n:
        raise Damaged("its sections do not have the length of its chunks")
    places = map(
        Pointer,
        columns.split_evenly(identity, _HEAD.size, n, HASH_BYTES),
        columns.unpack(8, location[: 8 * n]),
        columns.unpack(4, location[8 * n : 12 * n]),
        columns.unpack(4, location[12 * n :]),
    )
    return list(map(Chunk, columns.unpack(4, identity[sizes:]), places))
