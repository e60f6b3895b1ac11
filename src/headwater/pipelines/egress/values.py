"""What egress hands to a destination: the files that differ, with their bytes where they are small.

A destination sees the differences only, in the order of paths, and never all
of them at once.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple, Protocol

import msgspec

from headwater.storage import FileEntry, Storage, Tree

SMALL_BYTES = 1024 * 1024  # what `Storage.read_small` takes
_BATCH_FILES, _BATCH_BYTES = 256, 8 * 1024 * 1024


class Change(NamedTuple):
    """A path that is to hold a file, or, without one, is to hold nothing that egress put there."""

    path: str
    file: FileEntry | None


class Loaded(NamedTuple):
    """A change, with the file's bytes where there is one and it is small."""

    path: str
    file: FileEntry | None
    data: bytes | memoryview | None


class Sent(msgspec.Struct, frozen=True):
    """What one egress did: files put, files removed, tables rewritten, rows and bytes brought."""

    put: int = 0
    removed: int = 0
    tables: int = 0
    rows: int = 0
    size: int = 0


class Files:
    """The files that are to be there, and a way to stop between them."""

    def __init__(self, storage: Storage, tree: Tree, look: Callable[[], object]) -> None:
        """Takes the tree of the commit; `look` raises where going on makes no sense."""
        self.storage, self.tree, self.look = storage, tree, look

    def batches(self, changes: Iterable[Change]) -> Iterator[list[Loaded]]:
        """Yields changes in their order, some at a time, the small files of each lot read in one round."""
        batch: list[Change] = []
        size = 0
        for change in changes:
            batch.append(change)
            size += 0 if change.file is None else min(change.file.size, SMALL_BYTES)
            if len(batch) == _BATCH_FILES or size >= _BATCH_BYTES:
                yield self._load(batch)
                batch, size = [], 0
        if batch:
            yield self._load(batch)

    def stream(self, file: FileEntry) -> Iterator[bytes | memoryview]:
        """Yields the bytes of a file in pieces, and stops where going on makes no sense."""
        for piece in self.storage.stream(file):
            self.look()
            yield piece

    def _load(self, batch: list[Change]) -> list[Loaded]:
        self.look()
        small = [one.file for one in batch if one.file is not None and one.file.size <= SMALL_BYTES]
        read = iter(self.storage.read_small(small))
        return [
            Loaded(path, file, next(read) if file is not None and file.size <= SMALL_BYTES else None)
            for path, file in batch
        ]


def differing(bases: Sequence[Tree], tree: Tree) -> Iterator[Change]:
    """Yields each path at which a tree differs from any of the bases, once, in the order of paths."""
    each = heapq.merge(*(_differing(base, tree) for base in bases), key=lambda one: one.path.encode())
    return (next(same) for _, same in groupby(each, key=lambda one: one.path))


def _differing(base: Tree, tree: Tree) -> Iterator[Change]:
    for before, after in base.diff(tree):
        known = after or before
        assert known is not None, "a difference has at least one side"
        yield Change(known.path, after)


class Destination(Protocol):
    """A place that files are copied out to.

    Every destination promises:
    - After `apply` has returned, what the changes say is there and durable.
    - Doing it again, or after it was interrupted anywhere, ends in the same state.
    - It removes only what the changes name, and nothing that is no plain file (or row) of egress.
    - `Unavailable` for what may pass, `EgressFailed` for what will not; neither holds a secret.
    """

    def apply(self, changes: Iterator[Change], files: Files) -> Sent:
        """Brings the place to where the changes lead."""
        ...
