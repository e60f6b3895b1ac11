"""Splits a byte stream into chunks whose borders follow the content.

An insertion early in a file moves every fixed-size border after it, so all
later chunks would be stored anew. Borders chosen by a rolling hash move only
near the edit; the rest is shared with earlier commits. FastCDC (2020) with
the table, masks and level of docs/format/content.md.

Knows nothing of files, trees or stores: bytes in, chunks out.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol

from headwater.errors import InvalidInput

LEAST_BYTES = 1024 * 1024
AVERAGE_BYTES = 4 * 1024 * 1024
MOST_BYTES = 16 * 1024 * 1024
_LEVEL: Final = 1
_NEEDED = MOST_BYTES + 1  # what a cut depends on
_WINDOW = 2 * MOST_BYTES + 8 * 1024 * 1024  # two chunks at least lie between one move and the next


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
        length = first_length(whole[at : at + _NEEDED])
        yield whole[at : at + length]
        at += length


def split_stream(head: bytes, stream: ByteStream) -> Iterator[memoryview]:
    """Yields the chunks of `head` and all that follows it; each is good until the second next is asked for.

    Two windows take turns: what one holds behind its last cut moves to the
    head of the other, so that a chunk can be stored while the next is looked for.
    """
    first_length = _cutter()
    window = memoryview(bytearray(max(_WINDOW, len(head) + 1)))
    window[: len(head)] = head
    other: memoryview | None = None
    start, end, is_over = 0, len(head), False
    end, is_over = _filled(window, end, stream)
    while True:
        if end - start < _NEEDED and not is_over:
            if other is None:
                other = memoryview(bytearray(len(window)))
            other[: end - start] = window[start:end]
            window, other, start, end = other, window, 0, end - start
            end, is_over = _filled(window, end, stream)
        if start == end:
            return
        length = first_length(window[start : min(end, start + _NEEDED)])
        yield window[start : start + length]
        start += length


def ahead(pieces: Iterator[memoryview]) -> Iterator[memoryview]:
    """Yields pieces, finding the next one in another thread meanwhile."""
    piece = next(pieces, None)
    if piece is None:
        return
    with ThreadPoolExecutor(1, thread_name_prefix="headwater-chunks") as pool:
        while piece is not None:
            upcoming = pool.submit(next, pieces, None)
            yield piece
            piece = upcoming.result()


def _filled(window: memoryview, end: int, stream: ByteStream) -> tuple[int, bool]:
    """Fills a window from `end` on; returns where it ends then, and whether the stream is over."""
    count = fill(stream, window[end:])
    return end + count, end + count < len(window)


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
