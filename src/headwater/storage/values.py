"""The values that storage hands out and takes: pointers, contents, entries, edits.

All are immutable and small, and none refers to an open store, so they may be
kept, compared and sent anywhere.
"""

import struct
from typing import Literal, NamedTuple, Self

import msgspec

from headwater.errors import InvalidInput

POINTER_BYTES = 48
_POINTER = struct.Struct("<32sQII")


class Pointer(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where a block lies, and the hash of what it holds."""

    hash: bytes
    segment: int
    offset: int
    length: int

    def encode(self) -> bytes:
        """Returns the 48 bytes of the format."""
        return _POINTER.pack(self.hash, self.segment, self.offset, self.length)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Returns the pointer that `encode` wrote.

        Raises:
            InvalidInput: There are not 48 bytes.
        """
        if len(data) != POINTER_BYTES:
            raise InvalidInput(
                f"A pointer has {POINTER_BYTES} bytes, not {len(data)}.",
                hint="Pass the bytes as they were stored.",
            )
        return cls(*_POINTER.unpack(data))


class Content(msgspec.Struct, frozen=True, gc=False):
    """What a file holds, without its path; `place` is none for an empty file."""

    hash: bytes
    size: int
    executable: bool
    place: Pointer | None


class FileEntry(msgspec.Struct, frozen=True, gc=False):
    """A file of a tree. `place` is none for an empty file, and for a large one leads to its chunk list."""

    path: str
    hash: bytes
    size: int
    executable: bool
    place: Pointer | None

    @property
    def content(self) -> Content:
        """What the file holds, to be put under another path or into another tree."""
        return Content(self.hash, self.size, self.executable, self.place)


class FolderItem(msgspec.Struct, frozen=True, gc=False):
    """A file or folder directly below a folder; a folder's hash is its digest, `files` counts all below it."""

    name: str
    kind: Literal["file", "folder"]
    size: int
    files: int
    hash: bytes


class MapEntry(NamedTuple):
    """An entry of a map tree; `places` lead to what the value names by hash, in its order."""

    key: bytes
    value: bytes
    places: tuple[Pointer, ...] = ()


class Put(msgspec.Struct, frozen=True, gc=False):
    """A file gets this content, whether it existed or not."""

    path: str
    content: Content


class Delete(msgspec.Struct, frozen=True, gc=False):
    """A file goes; nothing happens if there is none."""

    path: str


class DeleteFolder(msgspec.Struct, frozen=True, gc=False):
    """All files below a folder go; nothing happens if there are none."""

    path: str


Edit = Put | Delete | DeleteFolder


class Reserved(NamedTuple):
    """A segment that is reserved, with the key that its object will have or begin with."""

    id: int
    key: str


class SegmentPlace(NamedTuple):
    """Where a segment is: the extent of an object, or with no object a row of the catalog."""

    object: str | None
    start: int
    length: int
