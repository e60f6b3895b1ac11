"""What differs between two states of a file, line by line, as a unified diff.

Only texts are compared: bytes that are not UTF-8, or hold a NUL, are called
binary. Comparing lines takes time that grows faster than the files, so long
ones are named and not compared.
"""

import re
from collections.abc import Iterator
from difflib import unified_diff

from headwater.api.documents import Change, TextDiff

MOST_BYTES = 1024 * 1024
_NO_NEWLINE = "\\ No newline at end of file\n"


def compare(path: str, change: Change, old: bytes | None, new: bytes | None) -> TextDiff:
    """Returns the difference of a file's two states as texts; none on the side where there is no file."""
    before, after = _lines(old), _lines(new)
    if before is None or after is None:
        return TextDiff(path, change, None, "binary")
    was = "/dev/null" if old is None else f"a{path}"
    is_now = "/dev/null" if new is None else f"b{path}"
    lines = unified_diff(before, after, was, is_now)
    return TextDiff(path, change, "".join(map(_ended, lines)), None)


def too_large(path: str, change: Change) -> TextDiff:
    """Returns what is said of a file that is too long to be compared."""
    return TextDiff(path, change, None, "too large")


def texts(differences: Iterator[TextDiff]) -> Iterator[str]:
    """Yields differences as one text, in which every file stands out."""
    for one in differences:
        yield one.text or f"{one.path}: {one.change}, {one.omitted or 'the same text'}\n"


def _lines(data: bytes | None) -> list[str] | None:
    if data is None:
        return []
    if b"\0" in data:
        return None
    try:
        return re.findall(
            r"[^\n]*\n|[^\n]+", data.decode()
        )  # `splitlines` also splits at form feeds and the like
    except UnicodeDecodeError:
        return None


def _ended(line: str) -> str:
    return line if line.endswith("\n") else f"{line}\n{_NO_NEWLINE}"
