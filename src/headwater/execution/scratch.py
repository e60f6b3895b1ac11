"""Folders for calls, removed after each, and those of a pool that was killed.

A pool locks a file in its folder for as long as it lives. A folder whose lock
is free belongs to nobody any more, and the next pool removes it.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "headwater-scratch-"
_LOCK = ".lock"


class Scratch:
    """A folder of folders, one per running call."""

    def __init__(self, parent: Path | None = None) -> None:
        """Makes the folder in `parent`, else among the temporary files, and clears what dead pools left there."""
        self._parent = parent or Path(tempfile.gettempdir())
        self._parent.mkdir(parents=True, exist_ok=True)
        remove_abandoned(self._parent)
        while True:
            self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=self._parent))
            self._lock: int | None = os.open(self.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            if self.lock.exists():
                break
            # Between the two calls above another pool has taken the folder for an abandoned one.
            os.close(self._lock)

    @property
    def lock(self) -> Path:
        """The file that is locked for as long as this lives."""
        return self.path / _LOCK

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Gives an empty folder for the block."""
        path = Path(tempfile.mkdtemp(dir=self.path))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def close(self) -> None:
        """Removes everything."""
        lock, self._lock = self._lock, None
        if lock is not None:
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(lock)


def remove_abandoned(parent: Path | None = None) -> None:
    """Removes the folders of pools that were killed, in `parent`, else among the temporary files."""
    for folder in (parent or Path(tempfile.gettempdir())).glob(f"{_PREFIX}*"):
        try:
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            continue  # being made right now, or another user's
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            continue  # its pool lives
        finally:
            os.close(lock)
