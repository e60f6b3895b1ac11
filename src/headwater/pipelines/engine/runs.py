"""Rows that arrive in any order and are wanted in the order of their keys, without ever holding them all.

A job's results come as datums end; trees are edited cheaply when neighbours
come together. Rows are kept in memory up to a number, then written to a
temporary file as one sorted run; reading merges the runs.
"""

import heapq
import tempfile
from collections.abc import Iterator
from operator import itemgetter
from typing import BinaryIO, Generic, TypeVar

import msgspec

V = TypeVar("V")
_IN_MEMORY = 30_000
_LENGTH_BYTES = 4
_first = itemgetter(0)


class Runs(Generic[V]):
    """Rows (key, value), to be read in the order of keys as often as wanted; of one key, in the order of arrival."""

    def __init__(self, type: type[V] | None, in_memory: int = _IN_MEMORY) -> None:
        """Takes what values are, and how many rows stay in memory."""
        self._decoder = msgspec.msgpack.Decoder(tuple[bytes, type])  # type: ignore[valid-type]  # given as a value
        self._most = in_memory
        self._rows: list[tuple[bytes, V]] = []
        self._is_sorted = True
        self._files: list[BinaryIO] = []
        self._spilled = 0

    def __len__(self) -> int:
        """Returns how many rows there are."""
        return self._spilled + len(self._rows)

    def add(self, key: bytes, value: V) -> None:
        """Takes a row."""
        self._rows.append((key, value))
        self._is_sorted = False
        if len(self._rows) >= self._most:
            self._spill()

    def sorted(self) -> Iterator[tuple[bytes, V]]:
        """Yields all rows in the order of their keys."""
        self._sort()
        if not self._files:
            return iter(self._rows)
        return heapq.merge(*map(self._read, self._files), self._rows, key=_first)

    def close(self) -> None:
        """Forgets everything."""
        for file in self._files:
            file.close()
        self._files, self._rows, self._spilled = [], [], 0

    def _sort(self) -> None:
        if not self._is_sorted:
            self._rows.sort(key=_first)
            self._is_sorted = True

    def _spill(self) -> None:
        self._sort()
        file = tempfile.TemporaryFile(prefix="headwater-run-")  # noqa: SIM115 - closed by `close`, or with this
        encode = msgspec.msgpack.Encoder().encode
        for row in self._rows:
            data = encode(row)
            file.write(len(data).to_bytes(_LENGTH_BYTES, "little"))
            file.write(data)
        self._spilled += len(self._rows)
        self._rows = []
        self._files.append(file)

    def _read(self, file: BinaryIO) -> Iterator[tuple[bytes, V]]:
        decode = self._decoder.decode
        at = 0
        while True:
            file.seek(at)
            block = file.read(1 << 20)
            used = 0
            while used + _LENGTH_BYTES <= len(block):
                size = int.from_bytes(block[used : used + _LENGTH_BYTES], "little")
                end = used + _LENGTH_BYTES + size
                if end > len(block):
                    break
                yield decode(block[used + _LENGTH_BYTES : end])
                used = end
            if not used:
                return
            at += used
