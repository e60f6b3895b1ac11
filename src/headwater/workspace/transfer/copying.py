"""Copies files of a commit onto this machine, by several threads, checked before they are written.

Small files that lie together in the store are read at once and written by
whoever is free; a large file is written in pieces, each to its place. What an
interrupted copy has left is checked by its hashes, not by its times: a piece
that is right stays, anything else is written again.

Paths come from a commit, so each is checked again before a file of this
machine gets it. Everything is on disk before the copy has its name.
"""

import os
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from headwater.repos import View
from headwater.settings import cores
from headwater.storage import FileEntry, Part, Storage, content_hash, normalize
from headwater.storage.content import SMALL_BYTES
from headwater.telemetry import Progress
from headwater.workspace.transfer.partial import Marker, partial_copy

_BATCH_FILES, _BATCH_BYTES = 512, 4 * 1024 * 1024
_FEW = 64  # so many small files are synced one by one; more, all of the machine at once
_MOST_WRITERS = 16
_PARTS_AT_ONCE = 4  # of up to 16 MiB
_FLUSH_BYTES = 128 * 1024 * 1024
_NEW = os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


def copy_out(storage: Storage, view: View, path: str, to: Path, progress: Progress) -> Path:
    """Copies a file, or everything below a folder, to a place that does not exist yet.

    An interrupted copy goes on when the same one is asked for again.

    Raises:
        CopyUnderWay: The place is taken by an unfinished copy of something else.
        PathNotFound: The commit has nothing at the path.
        StoredBytesCorrupt: Something is not what was written; nothing of it is handed on.
        TargetExists: The place exists.
        TargetUnwritable: It cannot be written.
    """
    found = view.stat(path)
    target = to.absolute()
    marker = Marker(view.commit.repo, view.commit.id, found.path, str(target))
    with partial_copy(marker) as part:
        copy = _Copy(storage, part.content, progress, is_resumed=part.is_resumed)
        if found.kind == "file":
            progress.start("Writing files", 1, size_bytes=found.size)
            copy.files("", part.content.parent, iter([view.entry(path)]), name=part.content.name)
        else:
            inside = "" if found.path == "/" else f"{found.path.strip('/')}/"
            files, size = view.tree.folder_counts(inside.rstrip("/"))
            progress.start("Writing files", files, size_bytes=size)
            part.content.mkdir(exist_ok=True)
            copy.files(inside, part.content, view.entries(path))
    progress.finish(copy.told)
    return to


class _Copy:
    """One copy."""

    def __init__(self, storage: Storage, content: Path, progress: Progress, *, is_resumed: bool) -> None:
        self._storage, self._content, self._progress = storage, content, progress
        self._is_resumed = is_resumed
        self._small = 0
        self._kept = 0
        self._lock = threading.Lock()

    @property
    def told(self) -> str:
        """Says how much was there already."""
        return f"{self._kept} were there already" if self._kept else ""

    def files(self, inside: str, folder: Path, entries: Iterator[FileEntry], name: str | None = None) -> None:
        """Writes files below a folder, without what all their paths begin with; or one, under a name."""
        workers = min(_MOST_WRITERS, max(cores(), 2))  # more only spin for the lock of one folder
        waiting: deque[Future[None]] = deque()
        with ThreadPoolExecutor(workers, thread_name_prefix="headwater-target") as pool:
            try:
                for batch in _batches(entries):
                    names = [name or _below(inside, file.path) for file in batch]
                    if batch[0].size > SMALL_BYTES:
                        self._large(pool, folder, names[0], batch[0])
                        continue
                    waiting.append(pool.submit(self._write_small, folder, names, batch))
                    if len(waiting) > 2 * workers:
                        waiting.popleft().result()
                while waiting:
                    waiting.popleft().result()
            finally:
                pool.shutdown(cancel_futures=True)
        if self._small > _FEW:
            os.sync()

    def _write_small(self, folder: Path, names: list[str], files: list[FileEntry]) -> None:
        with self._lock:
            self._small += len(files)
            is_one_by_one = self._small <= _FEW
        at_names = list(zip(names, files, strict=True))
        if self._is_resumed:
            at_names = [(name, file) for name, file in at_names if not _has(folder / name, file)]
        missing = [file for _, file in at_names]
        open_folder, descriptor = "", -1
        try:
            for (name, file), data in zip(at_names, self._storage.read_small(missing), strict=True):
                below, _, last = name.rpartition("/")
                if descriptor < 0 or below != open_folder:
                    if descriptor >= 0:
                        os.close(descriptor)
                    descriptor, open_folder = _opened_folder(folder, below), below
                _write(descriptor, last, file, data, is_synced=is_one_by_one)
        finally:
            if descriptor >= 0:
                os.close(descriptor)
        with self._lock:
            self._kept += len(files) - len(missing)
        self._progress.advance(len(files), size_bytes=sum(file.size for file in files))

    def _large(self, pool: ThreadPoolExecutor, folder: Path, name: str, file: FileEntry) -> None:
        below, _, last = name.rpartition("/")
        parent = _opened_folder(folder, below)
        try:
            descriptor = os.open(last, os.O_RDWR | _NEW, _mode(file), dir_fd=parent)
        finally:
            os.close(parent)
        waiting: deque[Future[None]] = deque()
        flush: Future[None] | None = None
        written = 0
        try:
            os.ftruncate(descriptor, file.size)
            for part in self._storage.parts(file):
                waiting.append(pool.submit(self._write_part, descriptor, part))
                if len(waiting) >= _PARTS_AT_ONCE:
                    waiting.popleft().result()
                written += part.size
                if written >= _FLUSH_BYTES and (flush is None or flush.done()):
                    written, flush = 0, pool.submit(os.fdatasync, descriptor)
            while waiting:
                waiting.popleft().result()
            os.fsync(descriptor)
        finally:
            for one in [*waiting, *([flush] if flush else [])]:
                one.cancel() or one.exception()
            os.close(descriptor)
        self._progress.advance()

    def _write_part(self, descriptor: int, part: Part) -> None:
        is_there = False
        if self._is_resumed:
            is_there = content_hash(_pread(descriptor, part.size, part.at)) == part.place.hash
        if not is_there:
            rest, at = memoryview(self._storage.read_part(part)), part.at
            while rest:
                count = os.pwrite(descriptor, rest, at)
                rest, at = rest[count:], at + count
        self._progress.advance(0, size_bytes=part.size)


def _batches(entries: Iterator[FileEntry]) -> Iterator[list[FileEntry]]:
    """Yields small files some at a time, and each large one alone."""
    batch: list[FileEntry] = []
    size = 0
    for file in entries:
        if file.size > SMALL_BYTES:
            if batch:
                yield batch
                batch, size = [], 0
            yield [file]
            continue
        batch.append(file)
        size += file.size
        if len(batch) == _BATCH_FILES or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _below(inside: str, path: str) -> str:
    """Returns where a file goes below the target, after making sure that it is below."""
    return normalize(path).removeprefix(inside)


def _opened_folder(folder: Path, below: str) -> int:
    place = folder / below if below else folder
    try:
        return os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        place.mkdir(parents=True, exist_ok=True)
        return os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _mode(file: FileEntry) -> int:
    return 0o777 if file.executable else 0o666  # less the umask


def _write(folder: int, name: str, file: FileEntry, data: bytes | memoryview, *, is_synced: bool) -> None:
    descriptor = os.open(name, os.O_WRONLY | os.O_TRUNC | _NEW, _mode(file), dir_fd=folder)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        if is_synced:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _has(place: Path, file: FileEntry) -> bool:
    """Tells whether a file is there and holds what it should."""
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        return content_hash(_pread(descriptor, file.size + 1, 0)) == file.hash
    finally:
        os.close(descriptor)


def _pread(descriptor: int, size: int, at: int) -> bytes:
    pieces = []
    while size > 0:
        piece = os.pread(descriptor, size, at)
        if not piece:
            break
        pieces.append(piece)
        size, at = size - len(piece), at + len(piece)
    return b"".join(pieces)
