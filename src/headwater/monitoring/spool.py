"""Files that keep predictions safe on this machine until they are committed.

One endpoint has one folder, one writer (a server's log) has one open file in
it, `<writer>.<number>.jsonl`. The writer holds the file's lock for as long as
it appends; a file whose lock is free is complete or was left by a process that
died, and may be deleted once its lines are in a commit. What stands after the
last line break was never acknowledged and is dropped.

Knows files and lines, not commits.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

SUFFIX = ".jsonl"
_COMMIT_LOCK = "commit.lock"


class SpoolWriter:
    """Appends lines to one writer's files in an endpoint's folder; not for several threads at once."""

    def __init__(self, folder: Path, writer: str) -> None:
        """Creates no file yet."""
        self._folder = folder
        self._writer = writer
        self._number = 0
        self._file: int | None = None
        self._size = 0

    def append(self, lines: bytes) -> None:
        """Writes whole lines and returns once they are on the disk.

        Raises:
            OSError: They may not be; nobody may rely on them.
        """
        file = self._open() if self._file is None else self._file
        try:
            _write_all(file, lines)
            _sync(file)
        except OSError:
            # After a failed sync the state of the file's tail is unknown: cut it off, go on in another file.
            with suppress(OSError):
                os.ftruncate(file, self._size)
            self.seal()
            raise
        self._size += len(lines)

    def seal(self) -> None:
        """Ends the present file, so that whoever commits it may delete it; the next line opens another."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _open(self) -> int:
        _make_folder(self._folder)
        while True:
            self._number += 1
            path = self._folder / f"{self._writer}.{self._number:06d}{SUFFIX}"
            file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
            fcntl.flock(file, fcntl.LOCK_EX)
            # Between the two calls above the empty file may have been taken for an abandoned one and deleted.
            if _is_at(file, path):
                break
            os.close(file)
        _sync_folder(self._folder)
        self._file, self._size = file, 0
        return file


class SpoolFile:
    """A file of some writer, found in an endpoint's folder."""

    def __init__(self, path: Path) -> None:
        """Takes the writer's name from the file's."""
        self.path = path
        self.writer = path.name.split(".", 1)[0]

    def lines(self) -> Iterator[bytes]:
        """Yields the complete lines that are in the file now, without their line breaks."""
        with suppress(FileNotFoundError), self.path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    return  # torn by a kill, or being written right now
                yield line[:-1]

    @contextmanager
    def claimed(self) -> Iterator[bool]:
        """Holds the file's lock inside the block where it is free; yields whether it was."""
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            yield False
            return
        with file:
            yield _try_lock(file)

    def delete(self) -> None:
        """Removes the file; call it inside `claimed` only."""
        self.path.unlink(missing_ok=True)

    def set_aside(self) -> Path:
        """Renames the file so that it is not read again, and returns where it is now."""
        target = self.path.with_suffix(".damaged")
        self.path.rename(target)
        return target


def spool_files(folder: Path) -> list[SpoolFile]:
    """Returns the spool files of an endpoint, those of a writer in the order they were written."""
    return [SpoolFile(path) for path in sorted(folder.glob(f"*{SUFFIX}"))]


@contextmanager
def commit_turn(folder: Path) -> Iterator[None]:
    """Lets one process (and thread) at a time commit the spools of an endpoint; the lock dies with its holder."""
    _make_folder(folder)
    with (folder / _COMMIT_LOCK).open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _try_lock(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(file: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _sync(file: int) -> None:
    if hasattr(os, "fdatasync"):
        os.fdatasync(file)
    else:
        os.fsync(file)


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    if not folder.parent.is_dir():
        _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
