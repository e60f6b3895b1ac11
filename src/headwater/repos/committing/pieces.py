"""Pieces of bytes in the order they came: the first of them in memory, the rest in a file without a name.

A commit of a million files keeps what it said twice over while it is built;
past a few MiB it need not be memory. Where no file can be made, it is.
"""

import tempfile
import weakref
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from typing import BinaryIO

_IN_MEMORY_BYTES = 16 * 1024 * 1024


class Pieces:
    """An append-only list of bytes; the file goes with it, or with the process."""

    def __init__(self, in_memory_bytes: int = _IN_MEMORY_BYTES) -> None:
        """Starts empty; pieces beyond so many bytes go to the file."""
        self._left = in_memory_bytes
        self._held: dict[int, bytes] = {}
        self._places: dict[int, tuple[int, int]] = {}
        self._file: BinaryIO | None = None
        self._end = 0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def append(self, piece: bytes) -> None:
        """Adds a piece."""
        self._left -= len(piece)
        if self._left >= 0 or not self._write(piece):
            self._held[self._count] = piece
        self._count += 1

    def __getitem__(self, number: int) -> bytes:
        held = self._held.get(number)
        if held is not None:
            return held
        start, length = self._places[number]
        assert self._file is not None, "pieces with a place are in the file"
        self._file.seek(start)
        return self._file.read(length)

    def __iter__(self) -> Iterator[bytes]:
        for number in count():
            if number >= self._count:
                return
            yield self[number]

    def _write(self, piece: bytes) -> bool:
        with suppress(OSError):
            if self._file is None:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as this
                weakref.finalize(self, self._file.close)
            self._file.seek(self._end)
            self._file.write(piece)
            self._file.flush()
            self._places[self._count] = (self._end, len(piece))
            self._end += len(piece)
            return True
        return False
