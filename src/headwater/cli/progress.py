"""Progress on stderr: a bar on a terminal, plain lines in a pipe or a log."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from headwater.telemetry import Progress


@contextmanager
def open_progress(console: Console) -> Iterator[Progress]:
    """Gives the progress that fits the console, and cleans up behind it."""
    if not console.is_terminal:
        yield Lines(console.file)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[count]}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Bars(*columns, console=console, transient=True) as bars:
        yield Bar(bars)


class Lines:
    """One line when a piece of work starts, and one when it ends."""

    def __init__(self, stream: IO[str]) -> None:
        """Writes to the stream."""
        self._stream, self._last = stream, ""

    def start(self, what: str, total: int | None = None, *, size_bytes: int | None = None) -> None:
        """Says what begins, and how much it is."""
        self._last = ""
        known = ([] if total is None else [str(total)]) + ([] if not size_bytes else [in_bytes(size_bytes)])
        self._say(f"{what} ({', '.join(known)}) …" if known else f"{what} …")

    def advance(self, steps: int = 1, note: str = "", *, size_bytes: int = 0) -> None:  # noqa: ARG002 - a line has no bar to move
        """Says the note, where it is a new one."""
        if note and note != self._last:
            self._last = note
            self._say(f"  {note}")

    def finish(self, note: str = "") -> None:
        """Says the note, where there is one."""
        if note:
            self._say(f"  {note}")

    def _say(self, text: str) -> None:
        self._stream.write(text + "\n")
        self._stream.flush()


class Bar:
    """A moving bar per piece of work."""

    def __init__(self, bars: Bars) -> None:
        """Draws with rich."""
        self._bars = bars
        self._task: TaskID | None = None
        self._steps = self._size = 0
        self._total: int | None = None
        self._whole: int | None = None

    def start(self, what: str, total: int | None = None, *, size_bytes: int | None = None) -> None:
        """Begins a bar; it moves with the bytes where they are known."""
        self._steps = self._size = 0
        self._total, self._whole = total, size_bytes
        self._task = self._bars.add_task(what, total=size_bytes or total, note="", count="")

    def advance(self, steps: int = 1, note: str = "", *, size_bytes: int = 0) -> None:
        """Moves it."""
        if self._task is None:
            return
        self._steps += steps
        self._size += size_bytes
        of = "" if self._total is None else f"/{self._total}"
        count = f"{self._steps}{of}" if self._steps else ""
        if self._size:
            whole = "" if not self._whole else f" of {in_bytes(self._whole)}"
            count += f"{' files, ' if count else ''}{in_bytes(self._size)}{whole}"
        done = self._size if self._whole else self._steps
        self._bars.update(self._task, completed=done, note=note, count=count)

    def finish(self, note: str = "") -> None:
        """Takes the bar away and leaves the note as a line."""
        if self._task is not None:
            self._bars.remove_task(self._task)
            self._task = None
        if note:
            self._bars.console.print(f"  {note}", markup=False)


def in_bytes(size: int) -> str:
    """Returns a number of bytes as a person reads it."""
    amount, units = float(size), ["bytes", "kB", "MB", "GB", "TB"]
    while amount >= 1000 and len(units) > 1:
        amount, units = amount / 1000, units[1:]
    return f"{amount:.0f} {units[0]}" if units[0] == "bytes" else f"{amount:.1f} {units[0]}"
