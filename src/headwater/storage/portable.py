"""Files that travel: what a task without a catalog reads, and what it hands back.

A pure task may run anywhere and twice. What it reads is named by object and
offset, or rides along where it lies in the catalog. What it writes goes into
segments that were reserved for it, under object keys that are new for each
attempt, so that a late attempt cannot overwrite an accepted one; or, where it
is small, rides back.
"""

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from headwater.storage import content
from headwater.storage.block import Damaged, Kind, content_of
from headwater.storage.chunklist import Chunk
from headwater.storage.content import Stored
from headwater.storage.errors import InvalidPath, ReservationSpent, StoredBytesCorrupt
from headwater.storage.hashing import content_hash
from headwater.storage.nodes import BlockSource
from headwater.storage.outgoing import Outgoing, WrittenSegment
from headwater.storage.paths import normalize
from headwater.storage.protocol import ObjectKey, ObjectStore
from headwater.storage.reading import piece_kind, read_block, read_chunks
from headwater.storage.segment import ROW_LIMIT_BYTES, SegmentBuilder
from headwater.storage.values import Content, FileEntry, Pointer, Reserved, SegmentPlace


class PortablePart(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A piece of a file: its bytes (`data`), or the object and extent that its block lies at."""

    hash: bytes
    size: int
    data: bytes | None = None
    object: str = ""
    offset: int = 0
    length: int = 0


class PortableFile(msgspec.Struct, frozen=True, array_like=True):
    """A file that can be read with an object store alone."""

    hash: bytes
    size: int
    executable: bool
    parts: tuple[PortablePart, ...]


class OutputFile(msgspec.Struct, frozen=True, array_like=True):
    """A file that a task wrote; `place` is none where its bytes ride along."""

    path: str
    file: PortableFile
    place: Pointer | None


class PortableOutput(msgspec.Struct, frozen=True, array_like=True):
    """All that a task wrote: files in key order, and the segments that became objects."""

    files: tuple[OutputFile, ...]
    segments: tuple[WrittenSegment, ...]


class Reservation(msgspec.Struct, frozen=True, array_like=True):
    """Segments that a task may write; whoever reserved them publishes or forgets them."""

    segments: tuple[Reserved, ...]
    expires_ms: int


def make_portable(
    source: BlockSource, place_of: Callable[[int], SegmentPlace | None], file: Content | FileEntry
) -> PortableFile:
    """Returns a file as something that a task without a catalog can read.

    Args:
        source: Where blocks are read that must ride along.
        place_of: Tells where a segment is.
        file: The file.
    """
    kind = piece_kind(file.size)
    parts = tuple(_part(source, place_of, kind, chunk) for chunk in read_chunks(source, file))
    return PortableFile(file.hash, file.size, file.executable, parts)


def read_portable(file: PortableFile, store: ObjectStore) -> bytes:
    """Returns the bytes of a file.

    Raises:
        StoredBytesCorrupt: A piece is not what was written.
    """
    return b"".join(_read(file, store))


def copy_portable(file: PortableFile, store: ObjectStore, place: Path) -> None:
    """Writes a file to a path that does not exist yet, with its executable bit.

    Raises:
        StoredBytesCorrupt: A piece is not what was written.
    """
    with place.open("xb") as out:
        for piece in _read(file, store):
            out.write(piece)
    if file.executable:
        place.chmod(place.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


def write_outputs(folder: Path, store: ObjectStore, reservation: Reservation) -> PortableOutput:
    """Stores all files below a folder: in the answer where they are small together, else as objects.

    Raises:
        InvalidPath: A file has a name that no path may have, or is no regular file.
        ReservationSpent: They need more segments than were reserved.
    """
    found = sorted(_files(folder, ""))
    if sum(place.stat().st_size for _, place in found) <= ROW_LIMIT_BYTES:
        return PortableOutput(tuple(_riding(path.decode(), place) for path, place in found), ())
    outgoing = Outgoing(_ReservedSegments(reservation), store)
    stored = [
        (path.decode(), content.write(outgoing, place, executable=_is_executable(place)))
        for path, place in found
    ]
    outgoing.finish()
    keys = {segment.id: segment.key for segment in outgoing.written}
    files = tuple(OutputFile(path, _in_objects(one, keys), one.content.place) for path, one in stored)
    return PortableOutput(files, tuple(outgoing.written))


class _ReservedSegments:
    """Segments out of a reservation, each attempt with object keys of its own."""

    def __init__(self, reservation: Reservation) -> None:
        self._reservation = reservation
        self._left = list(reversed(reservation.segments))
        self._keys: dict[int, ObjectKey] = {}

    def open(self) -> SegmentBuilder:
        if not self._left:
            raise ReservationSpent(len(self._reservation.segments))
        reserved = self._left.pop()
        self._keys[reserved.id] = ObjectKey(reserved.key).attempt()
        return SegmentBuilder(reserved.id)

    def key_for(self, segment: int) -> ObjectKey:
        return self._keys[segment]

    def written(self, segment: WrittenSegment) -> None:
        pass


def _files(folder: Path, above: str) -> Iterator[tuple[bytes, Path]]:
    with os.scandir(folder) as entries:
        found = list(entries)
    for entry in found:
        name = above + entry.name
        if entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path), f"{name}/")
        elif entry.is_file():
            yield normalize(name).encode(), Path(entry.path)
        else:
            raise InvalidPath(name, rule="it is neither a file nor a folder")


def _is_executable(place: Path) -> bool:
    return bool(place.stat().st_mode & stat.S_IXUSR)


def _riding(path: str, place: Path) -> OutputFile:
    data = place.read_bytes()
    hash = content_hash(data)
    parts = (PortablePart(hash, len(data), data),) if data else ()
    return OutputFile(path, PortableFile(hash, len(data), _is_executable(place), parts), None)


def _in_objects(stored: Stored, keys: dict[int, str]) -> PortableFile:
    parts = tuple(
        PortablePart(
            piece.place.hash,
            piece.size,
            object=keys[piece.place.segment],
            offset=piece.place.offset,
            length=piece.place.length,
        )
        for piece in stored.pieces
    )
    file = stored.content
    return PortableFile(file.hash, file.size, file.executable, parts)


def _part(
    source: BlockSource, place_of: Callable[[int], SegmentPlace | None], kind: Kind, piece: Chunk
) -> PortablePart:
    place = piece.place
    segment = place_of(place.segment)
    if segment is None or segment.object is None:
        return PortablePart(place.hash, piece.size, bytes(read_block(source, kind, place)))
    return PortablePart(
        place.hash, piece.size, None, segment.object, segment.start + place.offset, place.length
    )


def _read(file: PortableFile, store: ObjectStore) -> Iterator[bytes | memoryview]:
    kind = piece_kind(file.size)
    for part in file.parts:
        try:
            yield _checked(part, kind, store)
        except Damaged as damage:
            where = f"object {part.object}" if part.data is None else "the task's payload"
            raise StoredBytesCorrupt("A file's content", where=where, why=str(damage)) from None


def _checked(part: PortablePart, kind: Kind, store: ObjectStore) -> bytes | memoryview:
    if part.data is not None:
        if content_hash(part.data) != part.hash:
            raise Damaged("its bytes do not have the hash that they are stored under")
        return part.data
    block = store.get(ObjectKey(part.object), slice(part.offset, part.offset + part.length))
    return content_of(block, kind, part.hash)
