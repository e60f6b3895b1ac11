"""Files that travel: what a task without a catalog reads, and what it hands back.

A pure task may run anywhere and twice. What it reads is named by object and
offset, or rides along where it lies in the catalog. What it writes goes into
segments that were reserved for it, under object keys that are new for each
attempt, so that a late attempt cannot overwrite an accepted one; or, where it
is small, rides back.
"""

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from headwater.errors import Error
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

# Bytes between two files are read along where that is less than a request costs.
_GAP_BYTES, _MOST_READ_BYTES = 64 * 1024, 4 * 1024 * 1024
_MOST_RIDING_BYTES = 1024 * 1024  # of one answer; rows of the catalog hold it


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


def read_together(
    files: Iterable[PortableFile], store: ObjectStore, *, at_once: int = 1
) -> dict[bytes, bytes]:
    """Returns the bytes of small files under their hashes, reading neighbours in an object with one request.

    One that cannot be read is left out: `read_portable` says why.

    Args:
        files: The files; large ones, and those whose bytes ride along, are left out.
        store: Where objects are read.
        at_once: How many requests may be under way.
    """
    found: dict[bytes, bytes] = {}
    small = (file for file in files if len(file.parts) == 1 and piece_kind(file.size) is Kind.CONTENT)
    parts = [file.parts[0] for file in small if file.parts[0].data is None]
    runs = list(_neighbours(sorted(parts, key=lambda part: (part.object, part.offset))))

    def read(run: list[PortablePart]) -> None:
        start, end = run[0].offset, max(part.offset + part.length for part in run)
        try:
            block = memoryview(store.get(ObjectKey(run[0].object), slice(start, end)))
        except Error:
            return
        for part in run:
            at = part.offset - start
            with suppress(Damaged):
                inner = bytes(block[at : at + part.length])
                found[part.hash] = bytes(content_of(inner, Kind.CONTENT, part.hash))

    if at_once > 1 and len(runs) > 1:
        with ThreadPoolExecutor(min(at_once, len(runs)), thread_name_prefix="headwater-read") as pool:
            list(pool.map(read, runs))
    else:
        for run in runs:
            read(run)
    return found


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
    segments = _ReservedSegments(reservation)
    outgoing = Outgoing(segments, store)
    stored = [
        (path.decode(), content.write(outgoing, place, executable=_is_executable(place)))
        for path, place in found
    ]
    outgoing.finish()
    files = tuple(
        OutputFile(path, _in_objects(one, segments.keys), one.content.place) for path, one in stored
    )
    return PortableOutput(files, tuple(outgoing.written))


class NewFile(NamedTuple):
    """A file that a task has made: its path in the output, and its bytes or where they lie."""

    path: str
    source: bytes | Path
    executable: bool = False


class OutputStream:
    """Stores what a task makes part by part, such as datum by datum.

    What is small rides in the answer as long as all of that is small together;
    the rest shares segments, so that a thousand outputs of middling size are a
    few objects. What stands in segments counts only after `finish`.
    """

    def __init__(self, store: ObjectStore, reservation: Reservation) -> None:
        """Has stored nothing yet."""
        self._segments = _ReservedSegments(reservation)
        self._outgoing = Outgoing(self._segments, store)
        self._ridden = 0

    def add(self, files: Sequence[NewFile]) -> tuple[OutputFile, ...]:
        """Stores files, whose paths are normal, and returns them as they can be read after `finish`.

        Raises:
            ReservationSpent: They need more segments than were reserved.
        """
        size = sum(_size_of(file.source) for file in files)
        if size <= ROW_LIMIT_BYTES and self._ridden + size <= _MOST_RIDING_BYTES:
            self._ridden += size
            return tuple(_riding_file(file) for file in files)
        return tuple(self._stored(file) for file in files)

    @property
    def has_stored(self) -> bool:
        """Whether anything was put into segments."""
        return bool(self._segments.keys)

    def finish(self) -> tuple[WrittenSegment, ...]:
        """Makes everything durable and returns the segments that became objects."""
        self._outgoing.finish()
        return tuple(self._outgoing.written)

    def _stored(self, file: NewFile) -> OutputFile:
        stored = content.write(self._outgoing, file.source, executable=file.executable)
        return OutputFile(file.path, _in_objects(stored, self._segments.keys), stored.content.place)


class _ReservedSegments:
    """Segments out of a reservation, each attempt with object keys of its own."""

    def __init__(self, reservation: Reservation) -> None:
        self._reservation = reservation
        self._left = list(reversed(reservation.segments))
        self.keys: dict[int, str] = {}

    def open(self) -> SegmentBuilder:
        if not self._left:
            raise ReservationSpent(len(self._reservation.segments))
        reserved = self._left.pop()
        self.keys[reserved.id] = str(ObjectKey(reserved.key).attempt())
        return SegmentBuilder(reserved.id)

    def key_for(self, segment: int) -> ObjectKey:
        return ObjectKey(self.keys[segment])

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


def _size_of(source: bytes | Path) -> int:
    return source.stat().st_size if isinstance(source, Path) else len(source)


def _riding(path: str, place: Path) -> OutputFile:
    return _riding_file(NewFile(path, place, _is_executable(place)))


def _riding_file(file: NewFile) -> OutputFile:
    data = file.source if isinstance(file.source, bytes) else file.source.read_bytes()
    hash = content_hash(data)
    parts = (PortablePart(hash, len(data), data),) if data else ()
    return OutputFile(file.path, PortableFile(hash, len(data), file.executable, parts), None)


def _in_objects(stored: Stored, keys: Mapping[int, str]) -> PortableFile:
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


def _neighbours(parts: list[PortablePart]) -> Iterator[list[PortablePart]]:
    run: list[PortablePart] = []
    for part in parts:
        if run and (
            part.object != run[0].object
            or part.offset - (run[-1].offset + run[-1].length) > _GAP_BYTES
            or part.offset + part.length - run[0].offset > _MOST_READ_BYTES
        ):
            yield run
            run = []
        run.append(part)
    if run:
        yield run


def _checked(part: PortablePart, kind: Kind, store: ObjectStore) -> bytes | memoryview:
    if part.data is not None:
        if content_hash(part.data) != part.hash:
            raise Damaged("its bytes do not have the hash that they are stored under")
        return part.data
    block = store.get(ObjectKey(part.object), slice(part.offset, part.offset + part.length))
    return content_of(block, kind, part.hash)
