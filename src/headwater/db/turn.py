"""The writer's turn: a lock beside the catalog that one thread of one process holds.

SQLite lets one transaction write at a time and makes the others poll, which
starves them. A kernel lock is waited for in line instead. It belongs to an
open file and not to a process: threads exclude each other as processes do,
a program started meanwhile does not inherit it (close-on-exec), and the
kernel frees it when its holder dies, however it dies.
"""

import fcntl
import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from headwater.db.errors import cannot_write

_locks: "weakref.WeakSet[FileLock]" = weakref.WeakSet()


class FileLock:
    """An exclusive lock on a file that the thread holding it may take again."""

    def __init__(self, catalog: Path) -> None:
        """Locks an empty file beside `catalog`, which is made when first needed and stays."""
        self._catalog = catalog
        self._path = catalog.with_name(catalog.name + ".lock")
        self._mine = threading.local()
        self._held: set[int] = set()
        _locks.add(self)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Waits for the lock and holds it for the block.

        Raises:
            CatalogUnavailable: The lock file cannot be made or opened.
        """
        mine = self._mine
        if getattr(mine, "depth", 0) > 0:
            mine.depth += 1
            try:
                yield
            finally:
                mine.depth -= 1
            return
        try:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise cannot_write(self._catalog, error) from None
        self._held.add(handle)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            mine.depth = 1
            yield
        finally:
            mine.depth = 0
            if handle in self._held:  # else a fork made this process, and the lock is its parent's
                self._held.discard(handle)
                with suppress(OSError):
                    fcntl.flock(handle, fcntl.LOCK_UN)  # a child that was forked just then may have it open
                os.close(handle)

    def forget_after_fork(self) -> None:
        """Leaves, in a forked child, what its parent holds to the parent."""
        held, self._held, self._mine = self._held, set(), threading.local()
        for handle in held:
            os.close(handle)


def _after_fork_in_child() -> None:
    for lock in list(_locks):
        lock.forget_after_fork()


os.register_at_fork(after_in_child=_after_fork_in_child)
