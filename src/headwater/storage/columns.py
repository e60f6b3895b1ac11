"""Columns of little-endian integers and of byte strings, packed and unpacked at the speed of C."""

import sys
from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate

_SWAP = sys.byteorder == "big"
_CODES = {2: "H", 4: "I", 8: "Q"}


def pack(width: int, values: Iterable[int]) -> bytes:
    """Returns the integers one after the other, `width` bytes each.

    Raises:
        OverflowError: One of them does not fit.
    """
    column = array(_CODES[width], values)
    if _SWAP:
        column.byteswap()
    return column.tobytes()


def unpack(width: int, data: bytes | memoryview) -> Sequence[int]:
    """Returns what `pack` wrote."""
    column = array(_CODES[width])
    column.frombytes(data)
    if _SWAP:
        column.byteswap()
    return column


def split(data: bytes, start: int, lengths: Iterable[int]) -> list[bytes]:
    """Returns consecutive pieces of `data` from `start` on, one of each length."""
    ends = list(accumulate(lengths, initial=start))
    return list(map(data.__getitem__, map(slice, ends, ends[1:])))


def split_evenly(data: bytes, start: int, count: int, width: int) -> list[bytes]:
    """Returns `count` consecutive pieces of `width` bytes from `start` on."""
    return [data[at : at + width] for at in range(start, start + count * width, width)]
