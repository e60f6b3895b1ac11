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

    def start(self, what: str, total: int | None = None) -> None:
        """Says what begins, and how much it is."""
        self._last = ""
        self._say(f"{what} …" if total is None else f"{what} ({total}) …")

    def advance(self, steps: int = 1, note: str = "") -> None:  # noqa: ARG002 - a line has no bar to move
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

    def start(self, what: str, total: int | None = None) -> None:
        """Begins a bar."""
        self._task = self._bars.add_task(what, total=total, note="", count="")

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Moves it."""
        if self._task is None:
            return
        self._bars.update(self._task, advance=steps, note=note)
        task = self._bars.tasks[-1]
        whole = "" if task.total is None else f"/{task.total:.0f}"
        self._bars.update(self._task, count=f"{task.completed:.0f}{whole}" if task.completed else "")

    def finish(self, note: str = "") -> None:
        """Takes the bar away and leaves the note as a line."""
        if self._task is not None:
            self._bars.remove_task(self._task)
            self._task = None
        if note:
            self._bars.console.print(f"  {note}", markup=False)
