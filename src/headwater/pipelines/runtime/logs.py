"""What a datum's code prints: a file that the code writes to, of which the beginning and the end are kept."""

import ctypes
import os
import sys

MOST_BYTES = 64 * 1024
_PUNCH_AT_BYTES = 4 * 1024 * 1024
_BLOCK = 4096
_FALLOC_PUNCH_HOLE_KEEP_SIZE = 0x03


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


def last_line(log: bytes) -> str:
    """Returns the last line that says something, for a sentence."""
    lines = log.decode(errors="replace").splitlines()
    line = next((one.strip() for one in reversed(lines) if one.strip()), "")
    return line if len(line) <= 300 else line[:299] + "…"


def _joined(head: bytes, tail: bytes, size: int) -> bytes:
    # Cut at ends of lines where there are some, so that no line looks whole that is not.
    head = head[: head.rfind(b"\n") + 1] or head
    tail = tail[tail.find(b"\n") + 1 :] or tail
    left_out = size - len(head) - len(tail)
    end = b"" if head.endswith(b"\n") else b"\n"
    return head + end + f"… {left_out:,} bytes left out …\n".encode() + tail
