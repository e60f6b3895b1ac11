"""What is drawn on a terminal, wide and narrow: tables whose ids can be copied, bars that stay on their line."""

import os
import pty
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from fcntl import ioctl
from io import StringIO
from pathlib import Path
from struct import pack
from termios import TIOCSWINSZ

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from headwater.cli.grid import draw
from headwater.cli.progress import open_progress
from tests.stories.program import PROGRAM, Command, environment
from tests.waiting import until

ROWS = [("4d1cc5d7052e", "sentiment-of-reviews", "2 failed", "The file was not UTF-8.", "")]
HEADINGS = ("id", "pipeline", "state", "note", "follows")


def console_of(width: int, *, is_terminal: bool = True) -> Console:
    return Console(file=StringIO(), width=width, force_terminal=is_terminal, no_color=True, highlight=False)


def drawn(console: Console) -> str:
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def table(width: int, rows: Iterable[tuple[str, ...]] = ROWS, *, is_terminal: bool = True) -> str:
    console = console_of(width, is_terminal=is_terminal)
    draw(console, HEADINGS, rows, long=("note",))
    return drawn(console)


@pytest.mark.parametrize("width", [100, 70, 40, 24])
def test_a_table_fits_and_nothing_of_it_is_cut(width: int) -> None:
    told = table(width)

    assert "…" not in told
    assert "4d1cc5d7052e" in told
    assert "sentiment-of-reviews" in told.replace("\n", "").replace(" ", "")
    assert max(cell_len(Text.from_ansi(line).plain) for line in told.splitlines()) <= width


def test_a_column_with_nothing_in_it_is_left_out() -> None:
    assert "follows" not in table(100)
    assert "note" in table(100)


def test_rows_that_do_not_fit_become_blocks_of_lines() -> None:
    told = table(40, [*ROWS, *ROWS])

    assert told.count("pipeline  sentiment-of-reviews") == 2


def test_in_a_pipe_a_row_stays_on_one_line_however_long_it_is() -> None:
    told = table(80, [("id", "p", "s", "long " * 60, "")], is_terminal=False)

    assert len(told.splitlines()) == 2


@pytest.mark.parametrize("width", [100, 60, 40, 20])
def test_a_bar_stays_on_its_line_and_keeps_its_numbers(width: int) -> None:
    console = console_of(width)

    with open_progress(console) as progress:
        progress.start("a-rather-long-name-for-a-pipeline", 1200)
        progress.advance(37, "a-rather-long-name-for-a-pipeline running")
        until(lambda: "37/1200" in Text.from_ansi(drawn(console)).plain, "the bar to be drawn")
        progress.finish()

    while_it_was_there, _, _ = drawn(console).partition("\x1b[?25h")
    assert "\x1b[1A" not in while_it_was_there  # up a line, to take away one that broke


def test_what_a_command_answers_reaches_its_file_while_the_terminal_has_the_bar(
    counted: Command, tmp_path: Path
) -> None:
    counted("put", "reviews@main:/9.txt", "-", stdin=b"Late.")
    master, terminal = pty.openpty()
    ioctl(terminal, TIOCSWINSZ, pack("HHHH", 40, 60, 0, 0))

    with (tmp_path / "answer").open("wb") as answer:
        line = [*PROGRAM, "job", "wait", "reviews@main"]
        process = subprocess.Popen(
            line, cwd=tmp_path, env=environment(), stdin=terminal, stdout=answer, stderr=terminal
        )
        os.close(terminal)
        shown = read_all(master)
        status = process.wait(60)

    assert status == 0
    assert "succeeded: 2 run" in (tmp_path / "answer").read_text()
    assert "succeeded: 2 run" not in shown
    assert shown.rstrip("\r").endswith(("\x1b[2K", "\x1b[?25h"))


def read_all(terminal: int) -> str:
    """Reads what is written to a terminal until nobody has it open any more."""
    parts = []
    with suppress(OSError), os.fdopen(terminal, "rb", buffering=0) as file:
        while part := file.read(4096):
            parts.append(part)
    return b"".join(parts).decode()
