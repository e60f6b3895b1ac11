"""Splits a byte stream into chunks whose borders follow the content.

An insertion early in a file moves every fixed-size border after it, so all
later chunks would be stored anew. Borders chosen by a rolling hash move only
near the edit; the rest is shared with earlier commits. FastCDC (2020) with
the table, masks and level of docs/format/content.md.

Knows nothing of files, trees or stores: bytes in, chunks out.
"""

from collections.abc import Callable, Iterator
from typing import Final, Protocol

from headwater.errors import InvalidInput

LEAST_BYTES = 1024 * 1024
AVERAGE_BYTES = 4 * 1024 * 1024
MOST_BYTES = 16 * 1024 * 1024
_LEVEL: Final = 1
_WINDOW = MOST_BYTES + 1  # what a cut depends on


class ByteStream(Protocol):
    """Anything that bytes can be read from."""

    def read(self, size: int = -1, /) -> bytes:
        """Returns at most so many bytes, none at the end."""
        ...


def split(data: bytes | bytearray | memoryview) -> Iterator[memoryview]:
    """Yields the chunks of bytes in memory."""
    whole, first_length = memoryview(data), _cutter()
    at = 0
    while at < len(whole):
        length = first_length(whole[at : at + _WINDOW])
        yield whole[at : at + length]
        at += length


def split_stream(head: bytes, stream: ByteStream) -> Iterator[memoryview]:
    """Yields the chunks of `head` and all that follows it; each is good until the next is asked for."""
    first_length = _cutter()
    window = memoryview(bytearray(max(2 * MOST_BYTES, len(head)) + 1))
    window[: len(head)] = head
    start, end, is_over = 0, len(head), False
    while True:
        if end - start < _WINDOW and not is_over:
            window[: end - start] = window[start:end]
            start, end = 0, end - start
            filled = fill(stream, window[end:])
            end, is_over = end + filled, end + filled < len(window)
        if start == end:
            return
        length = first_length(window[start : min(end, start + _WINDOW)])
        yield window[start : start + length]
        start += length


def _cutter() -> Callable[[memoryview], int]:
    from pyfastcdc import FastCDC

    cutter = FastCDC(
        AVERAGE_BYTES, min_size=LEAST_BYTES, max_size=MOST_BYTES, normalized_chunking=_LEVEL, seed=0
    )

    def first_length(window: memoryview) -> int:
        return next(cutter.cut_buf(window)).length

    return first_length


def read_fully(stream: ByteStream, size: int) -> bytes:
    """Returns so many bytes of a stream, fewer only at its end.

    Raises:
        InvalidInput: The stream gives text.
    """
    pieces = []
    while size > 0:
        piece = _read(stream, size)
        if not piece:
            break
        pieces.append(piece)
        size -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def fill(stream: ByteStream, target: memoryview) -> int:
    """Reads a stream until the target is full or the stream ends; returns how many bytes that were.

    Raises:
        InvalidInput: The stream gives text.
    """
    readinto: Callable[[memoryview], int | None] | None = getattr(stream, "readinto", None)
    at = 0
    while at < len(target):
        if readinto is not None:
            count = readinto(target[at:]) or 0
        else:
            piece = _read(stream, len(target) - at)
            count = len(piece)
            target[at : at + count] = piece
        if not count:
            break
        at += count
    return at


def _read(stream: ByteStream, size: int) -> bytes:
    piece = stream.read(size)
    if not isinstance(piece, bytes):
        raise InvalidInput("The stream gives text, not bytes.", hint="Open the file in binary mode ('rb').")
    return piece
