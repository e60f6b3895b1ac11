"""Progress on stderr: a bar on a terminal, plain lines in a pipe or a log."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO

from rich.console import Console
from rich.measure import Measurement
from rich.progress import (
    BarColumn,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from headwater.cli.remaining import Remaining, left_text
from headwater.telemetry import Progress

# Columns give way where the terminal is narrow: which one, and down to what width; what is left of less than
# two goes whole. The others say numbers, which mean something else when they are cut.
_WHAT, _BAR, _NOTE = 1, 2, -1
_GIVE_WAY = ((_NOTE, 12), (_BAR, 8), (_WHAT, 12), (_NOTE, 0), (_BAR, 0), (_WHAT, 0))


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
        _Left(),
        TextColumn("{task.fields[note]}"),
    )
    # What a command answers goes to stdout, also where that is a file and stderr the terminal.
    with _Fitted(*columns, console=console, transient=True, redirect_stdout=False) as bars:
        yield Bar(bars)


class _Left(ProgressColumn):
    """The time that is left; nothing where that cannot be said."""

    def render(self, task: Task) -> Text:
        """Says it as of now: it goes down while nothing is heard."""
        remaining: Remaining = task.fields["remaining"]
        left_s = remaining.left_s(task.total) if task.total else None
        return Text("" if left_s is None or task.finished else left_text(left_s))


class _Fitted(Bars):
    """Bars on one line each, however narrow the terminal is; a line that breaks could not be taken away again."""

    def make_tasks_table(self, tasks: Iterable[Task]) -> Table:
        """Draws the bars with columns that are as wide as there is room for."""
        columns = [column for column in self.columns if not isinstance(column, str)]
        rows = [[column(task) for column in columns] for task in tasks if task.visible]
        table = Table.grid(padding=(0, 1, 0, 0))
        if not rows:
            return table
        options = self.console.options
        natural = [
            max(Measurement.get(self.console, options, cell).maximum for cell in cells)
            for cells in zip(*rows, strict=True)
        ]
        widths = _fit(natural, self.console.width - 1)
        shown = [at for at, width in enumerate(widths) if width]
        for at in shown:
            table.add_column(width=widths[at], no_wrap=True, overflow="ellipsis")
        for row in rows:
            table.add_row(*(row[at] for at in shown))
        return table


def _fit(natural: list[int], room: int) -> list[int]:
    """Returns how wide columns are on a line of so much room, a gap behind each."""
    widths = list(natural)
    for at, least in _GIVE_WAY:
        over = sum(width + 1 for width in widths if width) - room
        if over > 0 and widths[at] > least:
            left = max(least, widths[at] - over)
            widths[at] = left if left > 1 else 0
    return widths


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

    def expect(self, total: int) -> None:
        """Says how much it is."""
        self._say(f"  {total} in all")

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
        self._remaining = Remaining()
        self._steps = self._size = 0
        self._total: int | None = None
        self._whole: int | None = None

    def start(self, what: str, total: int | None = None, *, size_bytes: int | None = None) -> None:
        """Begins a bar; it moves with the bytes where they are known."""
        self._steps = self._size = 0
        self._total, self._whole = total, size_bytes
        self._remaining = Remaining()
        self._task = self._bars.add_task(
            what, total=size_bytes or total, note="", count="", remaining=self._remaining
        )

    def expect(self, total: int) -> None:
        """Gives the bar an end, unless it moves with bytes."""
        self._total = total
        if self._task is not None and not self._whole:
            self._bars.update(self._task, total=total)

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
        self._remaining.hear(done)
        self._bars.update(self._task, completed=done, note=note, count=count)

    def finish(self, note: str = "") -> None:
        """Takes the bar away and leaves the note as a line."""
        if self._task is not None:
            self._bars.remove_task(self._task)
            self._bars.refresh()  # before somebody writes below it
            self._task = None
        if note:
            self._bars.console.print(f"  {note}", markup=False)


def in_bytes(size: int) -> str:
    """Returns a number of bytes as a person reads it."""
    amount, units = float(size), ["bytes", "kB", "MB", "GB", "TB"]
    while amount >= 1000 and len(units) > 1:
        amount, units = amount / 1000, units[1:]
    return f"{amount:.0f} {units[0]}" if units[0] == "bytes" else f"{amount:.1f} {units[0]}"
