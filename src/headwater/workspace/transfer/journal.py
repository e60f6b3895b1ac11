"""What a put has stored so far, kept until its commit is made.

Whoever runs the same put again (the same target and sources) after it was
interrupted finds here which files are stored already, and in which segments.
They stay reserved for a day; those whose reservation is over are lost and
read again.

A journal is a file of frames, one for each segment that became durable, each
synced before the next. A torn frame at its end was never needed. The frames of
one run are in the order of the plan, so that several runs are merged with
another plan as streams: nothing here grows with the number of files.

A file is known again by its size, times and inode. Where its times are so
young that a change right after reading might not have moved them, it is not
trusted but read again.
"""

import fcntl
import heapq
import os
import struct
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import msgspec
import zstandard
from blake3 import blake3

from headwater.storage import Chunk, Content, Pointer, Writer, WrittenSegment
from headwater.workspace.transfer.plan import Found, Piece, Plan

LEAST_BYTES = 8 * 1024 * 1024  # what is smaller has no whole segment before it is finished
_STALE_S = 2 * 24 * 3600.0
_FINE_NS, _COARSE_NS = 50_000_000, 2_000_000_000
_VERSION = 1
_HEAD = struct.Struct("<II16s")
_MOST_FRAME_BYTES = 1 << 30
_START, _SEGMENT = 1, 2

# source and path; size, times and inode; hash, segment, offset and length; segments that its chunks lie in
_Kept = tuple[int, str, int, int, int, int, bytes, int, int, int, list[int]]
_Chunk = tuple[bytes, int, int]


class _Frame(msgspec.Struct, frozen=True, array_like=True):
    id: int
    key: str
    length: int
    chunks: list[_Chunk]
    files: list[_Kept]


class _Stored(NamedTuple):
    """Files that were stored, and are not known to be durable yet."""

    last_segment: int
    piece: Piece
    files: Sequence[Found]
    contents: Sequence[Content]
    needs: list[int]


_frames = msgspec.msgpack.Decoder(_Frame)


class Uploads:
    """The journals of one workspace on this machine."""

    def __init__(self, folder: Path) -> None:
        """Uses a folder; it is made with the first journal."""
        self._folder = folder

    @contextmanager
    def journal(self, name: Sequence[str], plan: Plan) -> Iterator["Journal | None"]:
        """Gives the journal of a put; none where it is not worth one, or somebody does the same right now.

        It is removed when the block ends well, and kept for the next run when it does not.

        Args:
            name: What says that two puts are the same: target, sources, options.
            plan: What is going to be put.
        """
        self._clean()
        if plan.size_bytes < LEAST_BYTES:
            yield None
            return
        place = self._folder / f"{blake3(msgspec.msgpack.encode(list(name))).hexdigest()[:40]}.journal"
        descriptor = self._locked(place)
        if descriptor is None:
            yield None
            return
        try:
            yield Journal(place, descriptor)
            place.unlink(missing_ok=True)
        finally:
            os.close(descriptor)

    def _locked(self, place: Path) -> int | None:
        self._folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_ino == place.stat().st_ino:
                return descriptor
        except (BlockingIOError, FileNotFoundError):
            pass  # another run has it, or has just ended
        os.close(descriptor)
        return None

    def _clean(self) -> None:
        """Removes journals whose segments are no longer reserved."""
        with suppress(FileNotFoundError):
            for place in self._folder.glob("*.journal"):
                if time.time() - place.stat().st_mtime > _STALE_S:
                    place.unlink(missing_ok=True)


class Journal:
    """What one put has stored; a `Keeper` for its writer."""

    def __init__(self, place: Path, descriptor: int) -> None:
        """Takes a file that is locked, and reads which segments it names."""
        self._descriptor: int | None = descriptor
        self._place = place
        self._waiting: deque[_Stored] = deque()
        self._started_ns = time.time_ns()
        self._segments: list[WrittenSegment] = []
        self._chunks: list[Chunk] = []
        self._runs: list[int] = []
        end = 0
        for kind, at, payload in _frames_of(place):
            end = at + _HEAD.size + len(payload)
            if kind == _START:
                self._runs.append(end)
            else:
                self._note(_decoded(payload))
        os.ftruncate(descriptor, end)
        os.lseek(descriptor, end, os.SEEK_SET)
        self._alive: set[int] = set()  # taken over, or put by this run

    def resume(self, writer: Writer) -> Iterator[tuple[int, str, Found, Content]]:
        """Has a writer take over what is stored, and become one whose segments are kept too.

        Returns:
            Source, path, marks and content of each file that is stored, in the order of a plan.
        """
        self._alive = writer.take_over(self._segments)
        writer.keep_for(self)
        merged = heapq.merge(*map(self._run, range(len(self._runs))), key=_order)
        self._append(_START, msgspec.msgpack.encode(_VERSION))
        return (_taken(list(same)[-1]) for _, same in groupby(merged, _order))

    def chunks(self) -> list[Chunk]:
        """Returns the chunks of a large file that was being stored when the last run ended."""
        found = [one for one in self._chunks if one.place.segment in self._alive]
        self._chunks = []
        return found

    def stored(self, piece: Piece, files: Sequence[Found], contents: Sequence[Content]) -> None:
        """Hears that small files were stored."""
        places = [one.place for one in contents if one.place is not None]
        if places:
            self._waiting.append(_Stored(places[-1].segment, piece, files, contents, []))

    def stored_large(self, piece: Piece, found: Found, content: Content, needs: set[int]) -> None:
        """Hears that a large file was stored, its chunks in these segments."""
        if content.place is not None:
            one = _Stored(content.place.segment, piece, [found], [content], sorted(needs))
            self._waiting.append(one)

    def keep(self, segment: WrittenSegment, chunks: list[Chunk]) -> None:
        """Remembers a segment that is durable, and the files that are with it."""
        self._alive.add(segment.id)
        files: list[_Kept] = []
        while self._waiting and self._waiting[0].last_segment in self._alive:
            stored = self._waiting.popleft()
            if self._alive.issuperset(stored.needs):  # else it shares chunks that only its commit will hold
                files += self._kept(stored)
        frame = _Frame(
            segment.id,
            segment.key,
            segment.length,
            [(one.place.hash, one.place.offset, one.place.length) for one in chunks],
            files,
        )
        self._append(_SEGMENT, zstandard.ZstdCompressor(level=1).compress(msgspec.msgpack.encode(frame)))

    def _kept(self, stored: _Stored) -> Iterator[_Kept]:
        piece = stored.piece
        for found, content in zip(stored.files, stored.contents, strict=True):
            place = content.place
            if place is not None and not self._is_young(found):
                marks = (found.size, found.mtime_ns, found.ctime_ns, found.inode)
                where = (content.hash, place.segment, place.offset, place.length)
                yield (piece.source, piece.path(found), *marks, *where, stored.needs)

    def _is_young(self, found: Found) -> bool:
        latest = max(found.mtime_ns, found.ctime_ns)
        is_coarse = latest % 1_000_000_000 == 0
        return latest > self._started_ns - (_COARSE_NS if is_coarse else _FINE_NS)

    def _note(self, frame: _Frame) -> None:
        self._segments.append(WrittenSegment(frame.id, frame.key, frame.length))
        if any(one[10] for one in frame.files):
            self._chunks = []
        self._chunks += [
            Chunk(length - 1, Pointer(hash, frame.id, at, length)) for hash, at, length in frame.chunks
        ]

    def _run(self, number: int) -> Iterator[_Kept]:
        for kind, _, payload in _frames_of(self._place, self._runs[number]):
            if kind == _START:
                return
            for one in _decoded(payload).files:
                if one[7] in self._alive and self._alive.issuperset(one[10]):
                    yield one

    def _append(self, kind: int, payload: bytes) -> None:
        if self._descriptor is None:
            return
        head = _HEAD.pack(kind, len(payload), blake3(payload).digest(16))
        try:
            _write_fully(self._descriptor, head + payload)
            os.fsync(self._descriptor)
        except OSError:  # a put that cannot be resumed is better than none
            self._descriptor = None


def _frames_of(place: Path, start: int = 0) -> Iterator[tuple[int, int, bytes]]:
    """Yields kind, position and payload of every whole frame."""
    with place.open("rb") as file:
        file.seek(start)
        while True:
            at = file.tell()
            head = file.read(_HEAD.size)
            if len(head) < _HEAD.size:
                return
            kind, length, check = _HEAD.unpack(head)
            payload = file.read(length) if length <= _MOST_FRAME_BYTES else b""
            if len(payload) < length or blake3(payload).digest(16) != check:
                return
            if kind == _START and payload != msgspec.msgpack.encode(_VERSION):
                return
            yield kind, at, payload


def _decoded(payload: bytes) -> _Frame:
    return _frames.decode(zstandard.ZstdDecompressor().decompress(payload))


def _order(kept: _Kept) -> tuple[int, str]:
    return kept[:2]


def _taken(kept: _Kept) -> tuple[int, str, Found, Content]:
    source, path, size, mtime_ns, ctime_ns, inode, hash, segment, offset, length, _ = kept
    found = Found(path, size, mtime_ns, ctime_ns, inode, executable=False)
    return (
        source,
        path,
        found,
        Content(hash, size, executable=False, place=Pointer(hash, segment, offset, length)),
    )


def _write_fully(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
