"""Reads what a plan names and stores it with a commit: many small files at a time, large ones as streams.

Threads read small files, a batch of one folder each, so that a slow disk or a
far server is asked for many at once; storing them stays in one thread and in
the order of the plan, which is what makes the journal of an interrupted put
readable as a stream. A large file is one pipeline of its own: read and cut in
one thread, hashed and stored in another, uploaded in more.
"""

import io
import os
import sys
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Self, cast

from headwater.repos import Gathering
from headwater.settings import cores
from headwater.storage import Chunk, Content
from headwater.storage.content import SMALL_BYTES
from headwater.storage.remote import open_remote
from headwater.telemetry import Progress
from headwater.workspace.errors import SourceChanged
from headwater.workspace.transfer.journal import Journal
from headwater.workspace.transfer.plan import Found, Piece, Plan

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BATCH_BYTES = 4 * 1024 * 1024
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe that took a file's place must not stop us
_MOST_READERS = 16


class _Batch(NamedTuple):
    """Small files that are read together, or one file that is large or far away."""

    piece: Piece
    files: list[Found]
    is_stream: bool


def put_planned(
    changes: Gathering, plan: Plan, journal: Journal | None, *, append: bool, progress: Progress
) -> None:
    """Puts everything that a plan names into a commit.

    Args:
        changes: The commit.
        plan: What to read.
        journal: What an interrupted run stored, and where this one notes what it does.
        append: Add to the end of what is there, instead of replacing it.
        progress: Hears of files and bytes.

    Raises:
        SourceChanged: A file went while it was read.
    """
    if plan.stdin is not None:
        progress.start("Reading stdin")
        changes.put(plan.stdin, cast("BinaryIO", _Counted(sys.stdin.buffer, progress)), append=append)
        progress.finish()
        return
    progress.start("Reading files", plan.files, size_bytes=plan.size_bytes if plan.is_size_known else None)
    intake = _Intake(changes, journal, progress)
    if append:
        intake.append_all(plan)
    else:
        intake.put_all(plan)
    told = [f"{plan.files} file{'' if plan.files == 1 else 's'} read"]
    if intake.kept:
        told = [f"{plan.files - intake.kept} files read, {intake.kept} were stored already"]
    if plan.passed_over:
        told.append(f"{plan.passed_over} passed over")
    progress.finish(", ".join(told))


class _Intake:
    """One put."""

    def __init__(self, changes: Gathering, journal: Journal | None, progress: Progress) -> None:
        self._changes, self._journal, self._progress = changes, journal, progress
        self._stored = iter(()) if journal is None else journal.resume(changes.writer)
        self._next_stored = next(self._stored, None)
        self._chunks: list[Chunk] = [] if journal is None else journal.chunks()
        self.kept = 0

    def put_all(self, plan: Plan) -> None:
        """Stores all files that are not stored yet."""
        readers = min(_MOST_READERS, 2 * cores())
        waiting: deque[tuple[_Batch, Future[list[bytes | None]] | None]] = deque()
        with ThreadPoolExecutor(readers, thread_name_prefix="headwater-source") as pool:
            try:
                for batch in self._batches(plan):
                    waiting.append((batch, None if batch.is_stream else pool.submit(_read, batch)))
                    if len(waiting) > readers:
                        self._store(*waiting.popleft())
                while waiting:
                    self._store(*waiting.popleft())
            finally:
                pool.shutdown(cancel_futures=True)

    def append_all(self, plan: Plan) -> None:
        """Adds every file to the end of what has its path."""
        for piece in plan:
            for found in piece.files:
                with self._opened(piece, found) as stream:
                    self._changes.put(piece.path(found), cast("BinaryIO", stream), append=True)
                self._progress.advance()

    def _batches(self, plan: Plan) -> Iterator[_Batch]:
        for piece in plan:
            files: list[Found] = []
            size = 0
            for found in piece.files:
                if self._take_over(piece, found):
                    continue
                if piece.remote or found.size > SMALL_BYTES:
                    if files:
                        yield _Batch(piece, files, is_stream=False)
                        files, size = [], 0
                    yield _Batch(piece, [found], is_stream=True)
                    continue
                files.append(found)
                size += found.size
                if size >= _BATCH_BYTES:
                    yield _Batch(piece, files, is_stream=False)
                    files, size = [], 0
            if files:
                yield _Batch(piece, files, is_stream=False)

    def _take_over(self, piece: Piece, found: Found) -> bool:
        """Puts a file that an earlier run has stored, if it is still the same."""
        if self._next_stored is None:
            return False
        key = (piece.source, piece.path(found))
        while self._next_stored is not None and self._next_stored[:2] < key:
            self._next_stored = next(self._stored, None)
        if self._next_stored is None or self._next_stored[:2] != key:
            return False
        _, path, marks, content = self._next_stored
        if marks[1:5] != found[1:5]:
            return False
        self._changes.put_content(path, Content(content.hash, content.size, found.executable, content.place))
        self._progress.advance(size_bytes=found.size)
        self.kept += 1
        return True

    def _store(self, batch: _Batch, read: "Future[list[bytes | None]] | None") -> None:
        if read is None:
            self._store_stream(batch.piece, batch.files[0])
            return
        files, data = batch.files, read.result()
        if None in data:  # grown beyond what a small file has
            files = [found for found, one in zip(files, data, strict=True) if one is not None]
        small = [one for one in data if one is not None]
        executable = [found.executable for found in files]
        contents = self._changes.writer.add_small(list(zip(small, executable, strict=True)))
        for found, content in zip(files, contents, strict=True):
            self._changes.put_content(batch.piece.path(found), content)
        if self._journal is not None:
            self._journal.stored(batch.piece, files, contents)
        self._progress.advance(len(files), size_bytes=sum(map(len, small)))
        for found in set(batch.files) - set(files):
            self._store_stream(batch.piece, found)

    def _store_stream(self, piece: Piece, found: Found) -> None:
        path, writer = piece.path(found), self._changes.writer
        with self._opened(piece, found) as stream:
            content = writer.add(
                stream,
                executable=found.executable,
                like=self._changes.earlier(path),
                known=self._chunks,
            )
        self._changes.put_content(path, content)
        if self._journal is not None and not piece.remote:
            self._journal.stored_large(piece, found, content, writer.segments_of(content))
        self._progress.advance()

    def _opened(self, piece: Piece, found: Found) -> "_Counted":
        if piece.remote:
            return _Counted(open_remote(found.name), self._progress)
        flags = _FLAGS if piece.target is not None else _FLAGS | os.O_NOFOLLOW
        place = piece.folder + b"/" + os.fsencode(found.name)
        try:
            return _Counted(os.fdopen(os.open(place, flags), "rb", buffering=0), self._progress)
        except OSError as error:
            raise _changed(piece, found, error) from None


class _Counted:
    """A stream that tells how much of it was read."""

    def __init__(self, stream: BinaryIO | io.FileIO, progress: Progress) -> None:
        self._stream, self._progress = stream, progress

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(size) or b""
        self._progress.advance(0, size_bytes=len(data))
        return data

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        readinto = getattr(self._stream, "readinto", None)
        if readinto is None:
            target = memoryview(buffer).cast("B")
            data = self._stream.read(len(target)) or b""
            target[: len(data)] = data
            count = len(data)
        else:
            count = readinto(buffer) or 0
        self._progress.advance(0, size_bytes=count)
        return count

    def close(self) -> None:
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _read(batch: _Batch) -> list[bytes | None]:
    """Returns what the files hold; none for one that has grown too long."""
    piece = batch.piece
    flags = _FLAGS if piece.target is not None else _FLAGS | os.O_NOFOLLOW
    opened, read, close = os.open, os.read, os.close
    data: list[bytes | None] = []
    found = batch.files[0]
    try:
        folder = opened(piece.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for found in batch.files:
                descriptor = opened(found.name, flags, dir_fd=folder)
                try:
                    one = read(descriptor, found.size + 1)
                    data.append(one if len(one) == found.size else _rest(descriptor, one))
                finally:
                    close(descriptor)
        finally:
            close(folder)
    except OSError as error:
        raise _changed(piece, found, error) from None
    return data


def _rest(descriptor: int, first: bytes) -> bytes | None:
    """Returns all of a file whose size is not the one that was seen."""
    pieces, size = [first], len(first)
    while first and size <= SMALL_BYTES:
        first = os.read(descriptor, SMALL_BYTES + 1)
        pieces.append(first)
        size += len(first)
    return b"".join(pieces) if size <= SMALL_BYTES else None


def _changed(piece: Piece, found: Found, error: OSError) -> SourceChanged:
    place = Path(os.fsdecode(piece.folder)) / found.name
    return SourceChanged(str(place), why=error.strerror or str(error))
