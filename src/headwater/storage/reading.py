"""Reads the contents of files, in whole or in part, checking every byte before it is handed on."""

import io
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

from headwater.storage import chunklist
from headwater.storage.block import Damaged, Kind, content_of, sections_of
from headwater.storage.chunklist import Chunk
from headwater.storage.content import SMALL_BYTES
from headwater.storage.errors import StoredBytesCorrupt
from headwater.storage.nodes import BlockSource
from headwater.storage.values import Content, FileEntry, Pointer

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BUFFER_BYTES = 256 * 1024
_AHEAD = 3  # pieces of up to 16 MiB that are read before they are asked for
_GAP_BYTES = 64 * 1024  # reading on over so much is cheaper than another request
_RUN_BYTES = 8 * 1024 * 1024


class Part(NamedTuple):
    """A piece of a file: where it begins in the file, how long it is, and the block that it lies in."""

    at: int
    size: int
    kind: Kind
    place: Pointer


def read_block(source: BlockSource, kind: Kind, place: Pointer) -> bytes | memoryview:
    """Returns the checked payload of a small file, a chunk or a record.

    Raises:
        StoredBytesCorrupt: What lies there is not what the pointer names.
    """
    block = source.block(place.segment, place.offset, place.length)
    try:
        return content_of(block, kind, place.hash)
    except Damaged as damage:
        raise _corrupt(source, kind, place, damage) from None


def read_chunks(source: BlockSource, file: Content | FileEntry) -> list[Chunk]:
    """Returns the pieces that a file consists of: its chunks, or itself where it is small; none where it is empty.

    Raises:
        StoredBytesCorrupt: Its chunk list is damaged, or does not have its size.
    """
    place = file.place
    if place is None:
        if file.size:
            raise StoredBytesCorrupt("A file", where="a tree", why=f"it has {file.size} bytes but no place")
        return []
    if file.size <= SMALL_BYTES:
        return [Chunk(file.size, place)]
    block = source.block(place.segment, place.offset, place.length)
    try:
        chunks = chunklist.decode(sections_of(block, Kind.CHUNK_LIST, place.hash))
        if sum(chunk.size for chunk in chunks) != file.size:
            raise Damaged("its chunks do not have the size of the file")
    except Damaged as damage:
        raise _corrupt(source, Kind.CHUNK_LIST, place, damage) from None
    return chunks


def read(source: BlockSource, file: Content | FileEntry, start: int = 0, stop: int | None = None) -> bytes:
    """Returns the bytes of a file from `start` up to `stop`, both counted as Python slices count."""
    start, stop, _ = slice(start, stop).indices(file.size)
    return b"".join(_pieces(source, file, start, stop))


def parts_of(source: BlockSource, file: Content | FileEntry) -> list[Part]:
    """Returns the pieces of a file, which may be read one by one and by several threads.

    Raises:
        StoredBytesCorrupt: Its chunk list is damaged.
    """
    kind, at, parts = piece_kind(file.size), 0, []
    for chunk in read_chunks(source, file):
        parts.append(Part(at, chunk.size, kind, chunk.place))
        at += chunk.size
    return parts


def read_part(source: BlockSource, part: Part) -> bytes | memoryview:
    """Returns the checked bytes of one piece.

    Raises:
        StoredBytesCorrupt: They are not what was written.
    """
    return _piece(source, part.kind, Chunk(part.size, part.place))


def read_small(source: BlockSource, files: Sequence[FileEntry]) -> list[bytes | memoryview]:
    """Returns the checked bytes of small files; what lies together is read at once.

    Raises:
        StoredBytesCorrupt: One of them is not what was written.
    """
    placed = [(file.place, at) for at, file in enumerate(files) if file.place is not None]
    placed.sort(key=lambda one: (one[0].segment, one[0].offset))
    found: list[bytes | memoryview] = [b""] * len(files)
    for run in _runs(placed):
        first, last = run[0][0], run[-1][0]
        stretch = memoryview(
            source.block(first.segment, first.offset, last.offset + last.length - first.offset)
        )
        for place, at in run:
            block = stretch[place.offset - first.offset :][: place.length]
            found[at] = _checked(source, Kind.CONTENT, Chunk(files[at].size, place), block)
    return found


def stream(
    source: BlockSource, file: Content | FileEntry, start: int = 0, stop: int | None = None
) -> Iterator[bytes | memoryview]:
    """Yields the bytes of a file from `start` up to `stop`, reading ahead of who asks.

    Raises:
        StoredBytesCorrupt: A piece is not what was written.
    """
    start, stop, _ = slice(start, stop).indices(file.size)
    wanted = [one for one in parts_of(source, file) if one.at < stop and one.at + one.size > start]
    if start >= stop:
        return
    with ThreadPoolExecutor(_AHEAD, thread_name_prefix="headwater-read") as pool:
        reads = deque((one, pool.submit(read_part, source, one)) for one in wanted[:_AHEAD])
        try:
            for number in range(len(wanted)):
                part, read = reads.popleft()
                data = read.result()
                if number + _AHEAD < len(wanted):
                    following = wanted[number + _AHEAD]
                    reads.append((following, pool.submit(read_part, source, following)))
                yield data[max(start - part.at, 0) : stop - part.at]
        finally:
            pool.shutdown(cancel_futures=True)


def open_file(source: BlockSource, file: Content | FileEntry) -> BinaryIO:
    """Opens a file as a stream that can be read and moved in; one chunk of it is held at a time."""
    return cast("BinaryIO", io.BufferedReader(_Stream(source, file), _BUFFER_BYTES))


def piece_kind(size: int) -> Kind:
    """Returns the kind of block that the bytes of a file of this size lie in."""
    return Kind.CONTENT if size <= SMALL_BYTES else Kind.CHUNK


def _pieces(
    source: BlockSource, file: Content | FileEntry, start: int, stop: int
) -> Iterator[bytes | memoryview]:
    kind, at = piece_kind(file.size), 0
    if start >= stop:
        return
    for chunk in read_chunks(source, file):
        if at < stop and at + chunk.size > start:
            data = _piece(source, kind, chunk)
            yield data[max(start - at, 0) : stop - at]
        at += chunk.size


def _runs(placed: list[tuple[Pointer, int]]) -> Iterator[list[tuple[Pointer, int]]]:
    """Splits sorted places into runs of neighbours that one read may bring."""
    run: list[tuple[Pointer, int]] = []
    for one in placed:
        place = one[0]
        if run:
            first, last = run[0][0], run[-1][0]
            is_near = place.offset - (last.offset + last.length) <= _GAP_BYTES
            is_short = place.offset + place.length - first.offset <= _RUN_BYTES
            if place.segment != first.segment or not is_near or not is_short:
                yield run
                run = []
        run.append(one)
    if run:
        yield run


def _piece(source: BlockSource, kind: Kind, chunk: Chunk) -> bytes | memoryview:
    place = chunk.place
    return _checked(source, kind, chunk, source.block(place.segment, place.offset, place.length))


def _checked(source: BlockSource, kind: Kind, chunk: Chunk, block: bytes | memoryview) -> bytes | memoryview:
    try:
        data = content_of(block, kind, chunk.place.hash)
    except Damaged as damage:
        raise _corrupt(source, kind, chunk.place, damage) from None
    if len(data) != chunk.size:
        raise _corrupt(source, kind, chunk.place, Damaged("it does not have its size"))
    return data


def _corrupt(source: BlockSource, kind: Kind, place: Pointer, damage: Damaged) -> StoredBytesCorrupt:
    what = f"A {kind.name.lower().replace('_', ' ')} at offset {place.offset}"
    return StoredBytesCorrupt(what, where=source.where(place.segment), why=str(damage))


class _Stream(io.RawIOBase):
    """A file of a tree as a raw stream."""

    def __init__(self, source: BlockSource, file: Content | FileEntry) -> None:
        self._source, self._file = source, file
        self._at = 0
        self._chunks: list[Chunk] | None = None
        self._starts: list[int] = []
        self._held: tuple[int, bytes | memoryview] = (-1, b"")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._file.size}[whence]
        self._at = max(base + offset, 0)
        return self._at

    def readinto(self, buffer: "WriteableBuffer") -> int:
        target = memoryview(buffer).cast("B")
        if self._at >= self._file.size or not len(target):
            return 0
        if self._chunks is None:
            self._chunks = read_chunks(self._source, self._file)
            self._starts = list(accumulate((chunk.size for chunk in self._chunks), initial=0))
        number = bisect_right(self._starts, self._at) - 1
        if self._held[0] != number:
            data = _piece(self._source, piece_kind(self._file.size), self._chunks[number])
            self._held = (number, data)
        piece = self._held[1][self._at - self._starts[number] :][: len(target)]
        target[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)
