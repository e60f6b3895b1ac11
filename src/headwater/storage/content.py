"""Writes the contents of files as blocks: small ones as they are, large ones as chunks and their list."""

import io
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

from headwater.errors import InvalidInput
from headwater.storage import chunker, chunklist, hashing
from headwater.storage.block import Kind, Packer
from headwater.storage.chunklist import Chunk
from headwater.storage.values import Content, Pointer

SMALL_BYTES = 1024 * 1024

Source = bytes | bytearray | memoryview | chunker.ByteStream | Path


class Stored(NamedTuple):
    """A content and the pieces that it consists of: its chunks, or itself where it is small."""

    content: Content
    pieces: list[Chunk]


class BlockSink(Protocol):
    """Where blocks go."""

    def add(self, kind: Kind, hash: bytes, payload: bytes | bytearray | memoryview) -> Pointer:
        """Takes a raw payload."""
        ...

    def add_block(self, kind: Kind, hash: bytes, block: bytes) -> Pointer:
        """Takes a block that has its tag."""
        ...


def write(
    sink: BlockSink, source: Source, *, executable: bool = False, shared: Sequence[Chunk] = ()
) -> Stored:
    """Stores the content of a file.

    Args:
        sink: Where its blocks go.
        source: Bytes, a binary stream (read to its end), or the path of a file.
        executable: Whether the file may be run.
        shared: Chunks that lie somewhere already and may be pointed to.

    Raises:
        InvalidInput: The path cannot be read.
    """
    if isinstance(source, Path):
        with _opened(source) as file:
            is_small = os.fstat(file.fileno()).st_size <= SMALL_BYTES
            return write(sink, file.read() if is_small else file, executable=executable, shared=shared)
    if isinstance(source, bytes | bytearray | memoryview):
        if len(source) <= SMALL_BYTES:
            return _small(sink, source, executable=executable)
        return _large(sink, chunker.split(source), executable=executable, shared=shared)
    head = chunker.read_fully(source, SMALL_BYTES + 1)
    if len(head) <= SMALL_BYTES:
        return _small(sink, head, executable=executable)
    return _large(sink, chunker.split_stream(head, source), executable=executable, shared=shared)


def append(
    sink: BlockSink, before: Sequence[Chunk], tail: bytes, source: Source, *, executable: bool
) -> Stored:
    """Stores a file with more behind it.

    Args:
        sink: Where new blocks go.
        before: The chunks of the file as it is, without the last; they stay as they are.
        tail: The bytes of the last chunk, or of a small file all.
        source: What follows.
        executable: Whether the file may be run.

    Raises:
        InvalidInput: The path cannot be read.
    """
    if isinstance(source, Path):
        with _opened(source) as file:
            return append(sink, before, tail, file, executable=executable)
    stream = io.BytesIO(source) if isinstance(source, bytes | bytearray | memoryview) else source
    head = tail + chunker.read_fully(stream, max(SMALL_BYTES + 1 - len(tail), 0))
    if not before and len(head) <= SMALL_BYTES:
        return _small(sink, head, executable=executable)
    pieces = chunker.split_stream(head, stream)
    return _large(sink, pieces, executable=executable, shared=(), before=before)


def write_small(sink: BlockSink, batch: Iterable[tuple[bytes, bool]]) -> list[Content]:
    """Stores many files of at most 1 MiB each; every one comes with whether it may be run."""
    contents = []
    for data, executable in batch:
        hash = hashing.content_hash(data)
        place = sink.add(Kind.CONTENT, hash, data) if data else None
        contents.append(Content(hash, len(data), executable, place))
    return contents


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be read: {error.strerror}.", hint="Name a file that this user may read."
        ) from None
    with file:
        yield file


def _small(sink: BlockSink, data: bytes | bytearray | memoryview, *, executable: bool) -> Stored:
    if not len(data):
        return Stored(Content(hashing.EMPTY_CONTENT, 0, executable, None), [])
    hash = hashing.content_hash(data)
    place = sink.add(Kind.CONTENT, hash, data)
    return Stored(Content(hash, len(data), executable, place), [Chunk(len(data), place)])


def _large(
    sink: BlockSink,
    pieces: Iterable[memoryview],
    *,
    executable: bool,
    shared: Sequence[Chunk],
    before: Sequence[Chunk] = (),
) -> Stored:
    chunks = [*before, *_store(sink, pieces, {chunk.place.hash: chunk for chunk in shared})]
    identity, location = chunklist.encode(chunks)
    hash = hashing.domain_hash(hashing.LARGE_FILE, identity)
    block = Packer().block(Kind.CHUNK_LIST, hash, identity, location)
    place = sink.add_block(Kind.CHUNK_LIST, hash, block)
    return Stored(Content(hash, sum(chunk.size for chunk in chunks), executable, place), chunks)


def _store(sink: BlockSink, pieces: Iterable[memoryview], known: dict[bytes, Chunk]) -> Iterator[Chunk]:
    for piece in chunker.ahead(iter(pieces)):
        hash = hashing.content_hash(piece)
        if hash not in known:
            known[hash] = Chunk(len(piece), sink.add(Kind.CHUNK, hash, piece))
        yield known[hash]
