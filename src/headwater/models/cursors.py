"""Cursors of lists that run downward by number: `next` of a page is the number that the following one stays below."""

from collections.abc import Sequence
from typing import TypeVar

from headwater.errors import InvalidInput

T = TypeVar("T")


def below(cursor: str | None) -> int | None:
    """Returns the number that a cursor stands for.

    Raises:
        InvalidInput: It is no cursor of such a list.
    """
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= 18):
        raise InvalidInput(f"{cursor!r} is no cursor of this list.", hint="Give `next` of the page before.")
    return int(cursor)


def page(rows: Sequence[T], limit: int) -> tuple[Sequence[T], T | None]:
    """Returns one page of rows that were asked for with one more than `limit`, and its last row if more follow."""
    return rows[:limit], rows[limit - 1] if len(rows) > limit else None
