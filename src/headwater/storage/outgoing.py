"""Collects blocks into segments and sends the full ones to the object store.

Two use it: a writer, which has a catalog, and a pure task, which has only
what was reserved for it. Where ids and keys come from is their affair.
"""

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, Protocol

import msgspec

from headwater.storage.block import Kind
from headwater.storage.chunklist import Chunk
from headwater.storage.protocol import ObjectKey, ObjectStore
from headwater.storage.segment import TARGET_BYTES, SegmentBuilder
from headwater.storage.values import Pointer

_UPLOADS = 2  # beside the segment that is being filled; each holds up to 24 MiB


class WrittenSegment(msgspec.Struct, frozen=True, array_like=True):
    """A segment that is an object, whole and durable."""

    id: int
    key: str
    length: int


class _Upload(NamedTuple):
    """A segment that is being put; held so that it can be read meanwhile."""

    segment: WrittenSegment
    builder: SegmentBuilder
    done: "Future[None]"


class Segments(Protocol):
    """Where segments to write into come from."""

    def open(self) -> SegmentBuilder:
        """Returns a new segment."""
        ...

    def key_for(self, segment: int) -> ObjectKey:
        """Returns the key to put a segment's object under; it is recorded by then."""
        ...

    def written(self, segment: WrittenSegment) -> None:
        """Hears that a segment became an object."""
        ...


class Keeper(Protocol):
    """Remembers what was put, so that it is not lost when its writer is."""

    def keep(self, segment: WrittenSegment, chunks: list[Chunk]) -> None:
        """Hears of a segment once it is durable, in the order in which they were filled, and of its chunks."""
        ...


class Outgoing:
    """The segments that one writer fills, one after the other; full ones are put while the next is filled.

    A `keeper` hears of every segment once it is durable, in the order in which they were filled.
    """

    def __init__(self, segments: Segments, objects: ObjectStore) -> None:
        self._segments, self._objects = segments, objects
        self._pool: ThreadPoolExecutor | None = None
        self._uploads: deque[_Upload] = deque()
        self.current: SegmentBuilder | None = None
        self.written: list[WrittenSegment] = []
        self.keeper: Keeper | None = None

    def add(self, kind: Kind, hash: bytes, payload: bytes | bytearray | memoryview) -> Pointer:
        """Takes a raw payload; returns where it will lie."""
        builder = self.builder()
        return Pointer(hash, builder.id, *builder.add(kind, hash, payload))

    def add_block(self, kind: Kind, hash: bytes, block: bytes) -> Pointer:  # noqa: ARG002 - the tag says the kind
        """Takes a block that has its tag; returns where it will lie."""
        builder = self.builder()
        return Pointer(hash, builder.id, *builder.add_block(hash, block))

    def builder(self) -> SegmentBuilder:
        """Returns the segment that the next block goes into, sending one that is full on its way."""
        if self.current is not None and self.current.size >= TARGET_BYTES:
            self._send(self.current)
        if self.current is None:
            self.current = self._segments.open()
        return self.current

    def finish(self, longest_left_bytes: int = 0) -> None:
        """Puts everything into the object store; when this returns it is durable.

        Args:
            longest_left_bytes: A current segment of at most this size stays as it is.
        """
        builder = self.current
        if builder is not None and not builder.is_empty and builder.size > longest_left_bytes:
            segment, data = self._close(builder)
            self._objects.put(ObjectKey(segment.key), data)
            self._note(segment, builder)
        while self._uploads:
            self._wait()
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    def give_up(self) -> None:
        """Deletes what was put, and what is just being put; a keeper gets all of it instead."""
        if self.keeper is not None:
            self._hand_over()
            return
        begun = [upload.segment for upload in self._uploads if not upload.done.cancel()]
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None
        self._uploads.clear()
        for segment in [*self.written, *begun]:
            self._objects.delete(ObjectKey(segment.key))
        self.written = []

    def _send(self, builder: SegmentBuilder) -> None:
        segment, data = self._close(builder)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(_UPLOADS, thread_name_prefix="headwater-upload")
        done = self._pool.submit(self._objects.put, ObjectKey(segment.key), data)
        self._uploads.append(_Upload(segment, builder, done))
        while len(self._uploads) > _UPLOADS:
            self._wait()

    def _close(self, builder: SegmentBuilder) -> tuple[WrittenSegment, bytearray]:
        key = self._segments.key_for(builder.id)
        data = builder.closed()
        self.current = None
        return WrittenSegment(builder.id, str(key), len(data)), data

    def _wait(self) -> None:
        upload = self._uploads.popleft()
        upload.done.result()
        self._note(upload.segment, upload.builder)

    def _hand_over(self) -> None:
        """Waits for what is being put, as far as it succeeds: what follows a failure is of no use without it."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
        while self._uploads and self._uploads[0].done.exception() is None:
            self._wait()
        self._uploads.clear()

    def _note(self, segment: WrittenSegment, builder: SegmentBuilder) -> None:
        self.written.append(segment)
        self._segments.written(segment)
        if self.keeper is not None:
            self.keeper.keep(segment, _chunks_of(builder))


def _chunks_of(builder: SegmentBuilder) -> list[Chunk]:
    return [
        Chunk(block.length - 1, Pointer(block.hash, builder.id, block.offset, block.length))
        for block in builder.listed(Kind.CHUNK)
    ]
