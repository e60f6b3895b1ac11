"""What spouts and services print: one log for each pipeline, with the time of each line, bounded.

A log is two files: what was printed lately, and what came before it. When the
younger one is full it takes the place of the older one.
"""

import threading
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from headwater.clock import Clock, rfc3339
from headwater.pipelines.runtime.hiding import Hiding
from headwater.pipelines.runtime.logs import says_something

HALF_BYTES = 2 * 1024 * 1024
_LONGEST_LINE = 16 * 1024
_NAME, _OLDER = "log", "log.1"


class BoundedLog:
    """A log that is written to; from several threads, by one process at a time."""

    def __init__(self, folder: Path, clock: Clock, half_bytes: int = HALF_BYTES) -> None:
        """Goes on with the log in a folder, which is there."""
        self._folder, self._clock, self._half = folder, clock, half_bytes
        self._lock = threading.Lock()
        self._rest = b""
        self._hiding = Hiding()
        self.last_line = ""

    def hide(self, values: Iterable[str]) -> None:
        """Keeps these values out of the lines that come from now on."""
        self._hiding = Hiding(values)

    def write(self, data: bytes) -> None:
        """Takes some of what was printed; lines are kept when they are whole, or very long."""
        with self._lock:
            *lines, self._rest = (self._rest + data).split(b"\n")
            if len(self._rest) > _LONGEST_LINE:
                lines.append(self._rest)
                self._rest = b""
            self._keep(lines)

    def say(self, text: str) -> None:
        """Adds a line of Headwater's own."""
        with self._lock:
            lines, self._rest = ([self._rest] if self._rest else []), b""
            self._keep(lines)
            last = self.last_line
            self._keep([f"— {text}".encode()])
            self.last_line = last

    def _keep(self, lines: list[bytes]) -> None:
        if not lines:
            return
        lines = [self._hiding.in_log(line) for line in lines] if self._hiding else lines
        at = rfc3339(self._clock.now_ms()).encode()
        file = self._folder / _NAME
        with file.open("ab") as out:
            for line in lines:
                out.write(at + b" " + line[:_LONGEST_LINE].rstrip(b"\r") + b"\n")
            is_full = out.tell() > self._half
        if is_full:
            file.replace(self._folder / _OLDER)
        said = next((line for line in reversed(lines) if says_something(line)), b"")
        if said:
            self.last_line = said.decode(errors="replace").strip()[:300]


def read_log(folder: Path, tail: int | None = None) -> list[str]:
    """Returns the lines of a log, oldest first; with `tail`, so many at its end."""
    lines: deque[str] = deque(maxlen=tail)
    for name in (_OLDER, _NAME):
        with suppress(FileNotFoundError), (folder / name).open(encoding="utf-8", errors="replace") as file:
            lines.extend(line.rstrip("\n") for line in file)
    return list(lines)
