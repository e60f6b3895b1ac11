"""Removes folders beside the work: a file system may take a third of a millisecond for each, which a datum need not wait for."""

import shutil
import threading
from collections import deque
from itertools import count
from pathlib import Path
from typing import Self

_MOST_WAITING = 256  # then whoever brings more removes it himself, or the disk would fill


class Broom:
    """A thread that removes what was put into one folder; used by one other thread."""

    def __init__(self, place: Path) -> None:
        """Takes an empty folder over."""
        self._place = place
        self._numbers = count(1)
        self._waiting: deque[Path] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def take(self, folder: Path) -> None:
        """Moves a folder out of the way, so that its path is free, and has it removed; one that is not there is fine."""
        moved = self._place / str(next(self._numbers))
        try:
            folder.rename(moved)
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            return
        with self._changed:
            is_full = len(self._waiting) >= _MOST_WAITING
            if not is_full:
                self._waiting.append(moved)
                self._changed.notify()
        if is_full:
            shutil.rmtree(moved, ignore_errors=True)
        elif self._thread is None:
            self._thread = threading.Thread(target=self._sweep, name="headwater-broom", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Ends the thread; what still lies there goes with the folder."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _sweep(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_closed)
                if self._is_closed:
                    return
                folder = self._waiting.popleft()
            shutil.rmtree(folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
