"""What a datum's code prints: a file that the code writes to, of which the beginning and the end are kept."""

import ctypes
import os
import re
import sys
from collections.abc import Iterator

MOST_BYTES = 64 * 1024
_PUNCH_AT_BYTES = 4 * 1024 * 1024
_BLOCK = 4096
_FALLOC_PUNCH_HOLE_KEEP_SIZE = 0x03
_HELP = re.compile(rb"\s*(Run|See) 'docker run --help'")
_LINE_END = re.compile(rb"\r\n|\n|\r")
_LEFT_OUT = re.compile("^… [0-9,]+ bytes left out …\n".encode(), re.MULTILINE)


def take(descriptor: int, most: int = MOST_BYTES) -> bytes:
    """Returns what was printed, shortened in the middle where it is long, and empties the file."""
    size = os.fstat(descriptor).st_size
    if not size:
        return b""
    log = read(descriptor, most)
    os.ftruncate(descriptor, 0)
    return log


def read(descriptor: int, most: int = MOST_BYTES) -> bytes:
    """Returns what was printed so far, shortened in the middle where it is long."""
    size = os.fstat(descriptor).st_size
    if size <= most:
        return os.pread(descriptor, size, 0)
    half = (most - 200) // 2
    return _joined(os.pread(descriptor, half, 0), os.pread(descriptor, half, size - half), size)


def shorten(log: bytes, most: int = MOST_BYTES) -> bytes:
    """Returns a text of at most `most` bytes: all of it, or its beginning and its end."""
    if len(log) <= most:
        return log
    half = max(0, (most - 200) // 2)
    return _joined(log[:half], log[len(log) - half :], len(log))


def make_room(descriptor: int) -> None:
    """Gives back the disk space of the middle of a long log; what `read` returns stays."""
    size = os.fstat(descriptor).st_size
    if size < _PUNCH_AT_BYTES or sys.platform != "linux":
        return
    start, end = MOST_BYTES, (size - MOST_BYTES) // _BLOCK * _BLOCK
    fallocate = ctypes.CDLL(None).fallocate
    fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    fallocate(descriptor, _FALLOC_PUNCH_HOLE_KEEP_SIZE, start, end - start)


def whole_lines(log: bytes) -> int:
    """Returns how many bytes of a log are lines that have ended; a progress bar goes back and ends none."""
    # What follows a carriage return tells whether the line ends there or one byte later.
    return max(log.rfind(b"\n"), log.rfind(b"\r", 0, max(0, len(log) - 1))) + 1


def next_line(log: bytes, at: int) -> int:
    """Returns where the first line begins that begins behind a place; the end of the log where none does."""
    found = _LINE_END.search(log, at)
    return len(log) if found is None else found.end()


def rest(log: bytes, shown: bytes, *, is_whole: bool) -> bytes:
    """Returns what of a log was not shown while it grew.

    Args:
        log: All of it, shortened in the middle where it is long.
        shown: Its last part that was shown, at the end of a line; nothing where none was.
        is_whole: Whether that is all from the beginning.
    """
    if not shown or (is_whole and log.startswith(shown)):
        return log[len(shown) :]
    left_out = _LEFT_OUT.search(log)
    if left_out is None:
        return log  # what was shown is of another try
    head, tail = log[: left_out.start()], log[left_out.end() :]
    if is_whole and not shown.startswith(head.removesuffix(b"\n")):
        return log
    at = next((at for at in _ends(tail) if shown.endswith(tail[:at])), None)
    return log[left_out.start() :] if at is None else tail[at:]


def _ends(text: bytes) -> Iterator[int]:
    """Yields where lines end, the last one first."""
    at = len(text)
    while at > 0:
        yield at
        at = max(text.rfind(b"\n", 0, at - 1), text.rfind(b"\r", 0, at - 1)) + 1


def last_line(log: bytes) -> str:
    """Returns the last line that says something, for a sentence."""
    said = next((one.strip() for one in reversed(log.splitlines()) if says_something(one)), b"")
    line = said.decode(errors="replace")
    return line if len(line) <= 300 else line[:299] + "…"


def says_something(line: bytes) -> bool:
    """Tells whether a line is more than blank, or than where docker's help is: it says so below each error."""
    return bool(line.strip()) and _HELP.match(line) is None


def left_out_line(count: int) -> bytes:
    """Returns the line that stands for what is not kept."""
    return f"… {count:,} bytes left out …\n".encode()


def _joined(head: bytes, tail: bytes, size: int) -> bytes:
    # Cut at ends of lines where there are some, so that no line looks whole that is not.
    head = head[: head.rfind(b"\n") + 1] or head
    tail = tail[tail.find(b"\n") + 1 :] or tail
    left_out = size - len(head) - len(tail)
    end = b"" if head.endswith(b"\n") else b"\n"
    return head + end + left_out_line(left_out) + tail
