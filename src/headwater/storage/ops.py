"""Brings edits of any order and number into the order of keys, with the last one winning.

Few edits stay as they are. Many are kept in sorted runs, encoded, so that a
million of them need their bytes and not a million objects; runs that follow
one another, as when a folder is walked in order, are never merged.
"""

import heapq
from collections.abc import Iterable, Iterator
from itertools import chain, pairwise
from typing import Final

import msgspec

from headwater.storage.edit import END, Change, put, remove
from headwater.storage.node import Row
from headwater.storage.paths import folder_prefix, normalize, normalize_folder, prefix_end
from headwater.storage.values import Content, Delete, DeleteFolder, Edit, Put

_RUN = 16_384
_PIECE = 1_024
_EXECUTABLE = 1
_DELETED = b""
_NUMBER: Final = 7

# a leaf entry (with an empty hash: deleted), and the number of the edit
Op = tuple[bytes, bytes, int, int, int, int, int, int]
_pieces = msgspec.msgpack.Decoder(list[Op])


class Ops:
    """The edits of one call, sorted; may be gone through several times."""

    def __init__(self, edits: Iterable[Edit]) -> None:
        """Reads all edits.

        Raises:
            InvalidPath: One of them names no path that a file may have.
        """
        self._runs: list[list[bytes]] = []
        self._bounds: list[tuple[bytes, bytes]] = []
        self._folders: list[tuple[bytes, bytes, int]] = []
        self._latest: dict[bytes, Op] = {}
        latest = self._latest
        for number, edit in enumerate(edits):
            if isinstance(edit, Put):
                key = normalize(edit.path).encode()
                latest[key] = _put(key, edit.content, number)
            elif isinstance(edit, Delete):
                key = normalize(edit.path).encode()
                latest[key] = (key, _DELETED, 0, 0, 0, 0, 0, number)
            else:
                self._add_folder(edit, number)
            if len(latest) == _RUN:
                self._close_run()

    def puts(self) -> Iterator[Row]:
        """Yields the entry of every file that is put and not deleted again, in key order."""
        if self._folders:
            return (change.row for change in self.changes() if change.row is not None)
        return (op[:_NUMBER] for op in self._sorted() if op[1])

    def changes(self) -> Iterator[Change]:
        """Yields what the edits come to: removed ranges, removed keys and entries to put, by key."""
        ranges = iter(sorted(self._folders))  # of two that overlap, one lies in the other and begins later
        upcoming = next(ranges, None)
        active: list[tuple[bytes, int]] = []
        for op in self._sorted():
            key = op[0]
            while upcoming is not None and upcoming[0] <= key:
                yield from _begin(active, upcoming)
                upcoming = next(ranges, None)
            while active and active[-1][0] <= key:
                active.pop()
            if not active or op[_NUMBER] > active[-1][1]:
                if op[1]:
                    yield put(op[:_NUMBER])
                elif not active:
                    yield remove(key)
        while upcoming is not None:
            yield from _begin(active, upcoming)
            upcoming = next(ranges, None)

    def _add_folder(self, edit: DeleteFolder, number: int) -> None:
        prefix = folder_prefix(normalize_folder(edit.path))
        self._folders.append((prefix, prefix_end(prefix) or END, number))

    def _close_run(self) -> None:
        ops = sorted(self._latest.values())
        self._bounds.append((ops[0][0], ops[-1][0]))
        self._runs.append(
            [msgspec.msgpack.encode(ops[at : at + _PIECE]) for at in range(0, len(ops), _PIECE)]
        )
        self._latest.clear()

    def _sorted(self) -> Iterator[Op]:
        runs = [chain.from_iterable(map(_pieces.decode, run)) for run in self._runs]
        latest = sorted(self._latest.values())
        bounds = [*self._bounds, *([(latest[0][0], latest[-1][0])] if latest else [])]
        if all(before[1] < after[0] for before, after in pairwise(bounds)):
            return chain(*runs, latest)
        return _latest_of_each_key(heapq.merge(*runs, latest))


def _put(key: bytes, content: Content, number: int) -> Op:
    flags = _EXECUTABLE if content.executable else 0
    place = content.place
    if place is None:
        return (key, content.hash, content.size, flags, 0, 0, 0, number)
    return (key, content.hash, content.size, flags, place.segment, place.offset, place.length, number)


def _begin(active: list[tuple[bytes, int]], folder: tuple[bytes, bytes, int]) -> Iterator[Change]:
    """Enters a deleted folder; one inside another removes nothing more, but may be later."""
    low, high, number = folder
    while active and active[-1][0] <= low:
        active.pop()
    if not active:
        yield Change(low, high, None)
        active.append((high, number))
    else:
        active.append((high, max(number, active[-1][1])))


def _latest_of_each_key(ops: Iterable[Op]) -> Iterator[Op]:
    latest: Op | None = None
    for op in ops:
        if latest is not None and latest[0] != op[0]:
            yield latest
            latest = None
        if latest is None or latest[_NUMBER] < op[_NUMBER]:
            latest = op
    if latest is not None:
        yield latest
