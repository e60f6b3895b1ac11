"""Sorts more entries than memory should hold: runs of them go to a temporary file and are merged from there."""

import heapq
import struct
import tempfile
from collections.abc import Iterator
from typing import BinaryIO

_RUN = 100_000  # entries held at once
_HEAD = struct.Struct("<II")

Entry = tuple[bytes, bytes]


class Spool:
    """Takes entries in any order and gives them back sorted, as often as asked."""

    def __init__(self) -> None:
        self._held: list[Entry] = []
        self._file: BinaryIO | None = None
        self._spans: list[tuple[int, int]] = []

    def add(self, key: bytes, value: bytes) -> None:
        """Takes an entry; several may have one key."""
        self._held.append((key, value))
        if len(self._held) >= _RUN:
            self._spill()

    def sorted(self) -> Iterator[Entry]:
        """Yields all entries by key, then by value; nothing may be added meanwhile."""
        self._held.sort()
        if not self._spans:
            return iter(self._held)
        return heapq.merge(*[self._read(*span) for span in self._spans], self._held)

    def close(self) -> None:
        """Gives up what was taken."""
        self._held, self._spans = [], []
        if self._file is not None:
            self._file.close()

    def _spill(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="headwater-")  # noqa: SIM115  closed by `close`
        self._held.sort()
        start = self._file.seek(0, 2)
        for key, value in self._held:
            self._file.write(_HEAD.pack(len(key), len(value)) + key + value)
        self._spans.append((start, self._file.tell()))
        self._held = []

    def _read(self, start: int, stop: int) -> Iterator[Entry]:
        assert self._file is not None, "spans lie in the file"
        while start < stop:
            self._file.seek(start)
            block = self._file.read(min(stop - start, 1 << 18))
            at = 0
            while at + _HEAD.size <= len(block):
                key, value = _HEAD.unpack_from(block, at)
                end = at + _HEAD.size + key + value
                if end > len(block):
                    break
                yield block[at + _HEAD.size : end - value], block[end - value : end]
                at = end
            start += at
