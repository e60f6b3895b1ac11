"""Tables that fit where they are shown: on a narrow terminal long cells break, and rows become blocks of lines.

Nothing is cut: an id with an ellipsis cannot be typed again.
"""

from collections.abc import Collection, Iterable, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from headwater.cli.texts import printable

_GAP, _SHORTEST = 2, 16


def draw(
    console: Console,
    headings: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    long: Collection[str] = (),
    right: Collection[str] = (),
) -> None:
    """Draws rows under their headings, without the columns that have nothing in any row.

    Args:
        console: Where to.
        headings: The first one is shown in any case.
        rows: A text for each heading.
        long: Headings of columns that may break into lines.
        right: Headings of columns of numbers.
    """
    found = [tuple(map(printable, row)) for row in rows]
    shown = [at for at in range(len(headings)) if not at or any(row[at] for row in found)]
    widths = {at: max(cell_len(headings[at]), *(cell_len(row[at]) for row in found)) for at in shown}
    if not console.is_terminal:
        for row in (tuple(headings), *found):
            cells = (_set(row[at], widths[at], is_right=headings[at] in right) for at in shown)
            console.print((" " * _GAP).join(cells).rstrip(), soft_wrap=True)
        return
    least = {at: min(width, _SHORTEST) if headings[at] in long else width for at, width in widths.items()}
    if sum(least.values()) + _GAP * (len(least) - 1) > console.width:
        _draw_blocks(console, headings, found, shown)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for at in shown:
        table.add_column(
            headings[at],
            justify="right" if headings[at] in right else "left",
            no_wrap=headings[at] not in long,
            min_width=least[at],
            overflow="fold",
        )
    for row in found:
        table.add_row(*(row[at] for at in shown))
    console.print(table)


def _draw_blocks(
    console: Console, headings: Sequence[str], rows: Sequence[Sequence[str]], shown: Sequence[int]
) -> None:
    for number, row in enumerate(rows):
        if number:
            console.print()
        block = Table.grid(padding=(0, _GAP, 0, 0), pad_edge=False)
        block.add_column(no_wrap=True)
        block.add_column(overflow="fold")
        for at in shown:
            if row[at]:
                block.add_row(headings[at], row[at])
        console.print(block)


def _set(text: str, width: int, *, is_right: bool) -> str:
    """Returns a cell of a line in a pipe, where a row stays on one line for whoever searches it."""
    space = " " * (width - cell_len(text))
    return space + text if is_right else text + space
