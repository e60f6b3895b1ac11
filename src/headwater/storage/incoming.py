"""Names temporary files so that those of dead processes can be told from those of living ones.

Each process holds a lock on a file of its own as long as it lives; its
temporary files carry the same name in front. The system lets go of a lock
when its process ends, however it ends, so whoever gets the lock of another
knows that nobody will finish what is there. Neither process numbers nor
clocks are asked: both are used twice.
"""

import contextlib
import fcntl
import os
import secrets
import threading
import weakref
from pathlib import Path

_LOCK = ".lock"
_WEEK_S = 7 * 24 * 3600


class Incoming:
    """The folder of temporary files, as one process uses it."""

    def __init__(self, folder: Path) -> None:
        """Uses a folder, which must be there when the first name is taken."""
        self._folder = folder
        self._guard = threading.Lock()
        self._process = 0
        self._token = ""

    def name(self) -> Path:
        """Returns a name that nobody has; before the first, what dead processes left is removed."""
        with self._guard:
            if self._process != os.getpid():
                self._enter()
        return self._folder / f"{self._token}.{secrets.token_hex(8)}"

    def _enter(self) -> None:
        while True:
            token = secrets.token_hex(12)
            place = self._folder / (token + _LOCK)
            descriptor = os.open(place, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            if _is_locked(descriptor) and os.fstat(descriptor).st_nlink:
                break
            os.close(descriptor)  # another process took the new file for an old one, and removes it
        self._token, self._process = token, os.getpid()
        weakref.finalize(self, _leave, place, descriptor, os.getpid())
        with contextlib.suppress(OSError):  # what cannot be removed now does not hinder
            self._remove_leftovers(os.fstat(descriptor).st_mtime)

    def _remove_leftovers(self, now_s: float) -> None:
        with os.scandir(self._folder) as entries:
            found = [entry.name for entry in entries]
        for name in found:
            token, mark, _ = name.partition(".")
            if token == self._token:
                continue
            place = self._folder / name
            if not mark:  # as named by version 0.1, which held no lock
                if now_s - place.stat().st_mtime > _WEEK_S:
                    place.unlink(missing_ok=True)
            elif name.endswith(_LOCK):
                _remove_if_dead(place, [self._folder / one for one in found if one.startswith(f"{token}.")])
            elif not (self._folder / (token + _LOCK)).exists():
                place.unlink(missing_ok=True)


def _is_locked(descriptor: int) -> bool:
    """Takes the lock; false where somebody else has it. A file system without locks stands for a lock."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _remove_if_dead(lock: Path, files: list[Path]) -> None:
    """Removes the files of a process that no longer lives, its lock last."""
    try:
        descriptor = os.open(lock, os.O_RDWR)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return
    else:
        for place in files:
            if place != lock:
                place.unlink(missing_ok=True)
        lock.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def _leave(lock: Path, descriptor: int, process: int) -> None:
    if process == os.getpid():
        with contextlib.suppress(OSError):
            lock.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        os.close(descriptor)
