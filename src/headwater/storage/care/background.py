"""Packs in the background of whatever process commits.

A commit adds to a tally in memory and nothing more. When as much has gathered
as packing takes, or a while has passed, a thread looks into the catalog and
packs if it is due; it ends when it is done. A process that lives too short
for that packs when it closes its storage.
"""

import os
import threading
from collections.abc import Callable

from headwater.clock import Clock
from headwater.errors import Error
from headwater.storage.segment import TARGET_BYTES
from headwater.telemetry import logger

_LOOK_ROWS, _LOOK_S = 1_024, 600.0


class Background:
    """Watches how much this process has added to the rows, and has it packed."""

    def __init__(self, clock: Clock, pack: Callable[[], object]) -> None:
        """Calls `pack`, which packs where it is due, from a thread of its own."""
        self._clock, self._pack = clock, pack
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._process = os.getpid()
        self._rows = self._size = 0
        self._looked_s = clock.monotonic_s()

    def added(self, size: int) -> None:
        """Hears of a segment that became a row, perhaps inside the transaction that makes it one."""
        self._rows += 1
        self._size += size
        if (
            self._rows >= _LOOK_ROWS
            or self._size >= TARGET_BYTES
            or self._clock.monotonic_s() - self._looked_s >= _LOOK_S
        ):
            self.look()

    def look(self) -> None:
        """Has a thread pack what is due, unless one is at it."""
        with self._lock:
            if self._thread is not None and self._thread.is_alive() and self._process == os.getpid():
                return
            self._rows = self._size = 0
            self._looked_s, self._process = self._clock.monotonic_s(), os.getpid()
            self._thread = threading.Thread(target=self._run, name="headwater-pack", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Waits for the thread; where this process has added rows since it looked, packs what is due."""
        if self._process != os.getpid():
            return
        if self._thread is not None:
            self._thread.join()
        if self._rows:
            self._rows = self._size = 0
            self._run()

    def _run(self) -> None:
        try:
            self._pack()
        except Error as error:  # whoever commits must not hear of it; the next one tries again
            logger("headwater.storage").warning("packing failed", kind=error.kind, message=error.message)
