"""The memo of a pipeline: what every memo key produced, in two generations.

What is used goes into the younger tree. When that has grown or aged enough it
becomes the older one, and what only the former older one knew is forgotten:
so a memo has a budget, without a note of when each entry was used last.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from headwater.db import Catalog
from headwater.pipelines.engine import store
from headwater.pipelines.engine.records import Known, known_of
from headwater.pipelines.store import PipelineRow
from headwater.storage import MapEntry, MapTree, Pointer, SegmentsGone, Storage, Writer

ENTRIES = 4_000_000
BYTES = 2 << 30
AGE_MS = 60 * 24 * 3600 * 1000
Chunks = Iterable[tuple[Sequence[MapEntry], set[bytes]]]
"""Entries in the order of keys, and the keys of those whose pointers lead to contents only."""


class Memo:
    """The memo as it is when a job begins, and as the job leaves it."""

    def __init__(
        self,
        storage: Storage,
        row: store.MemoRow,
        *,
        entries: int = ENTRIES,
        size: int = BYTES,
        age_ms: int = AGE_MS,
    ) -> None:
        """Reads nothing yet; takes the budget of the younger generation."""
        self._row = row
        self.young = storage.map_tree(_pointer(row.root))
        self.older = storage.map_tree(_pointer(row.older))
        self._most_entries, self._most_bytes, self._age_ms = entries, size, age_ms
        self._next: store.MemoRow | None = None

    def recall(self, key: bytes) -> Known | None:
        """Returns what was produced under a memo key."""
        for tree in (self.young, self.older):
            entry = tree.entry(key) if tree.root is not None else None
            if entry is not None:
                return known_of(entry)
        return None

    def add(self, writer: Writer, chunks: Chunks, storage: Storage, now_ms: int) -> None:
        """Builds the memo with more entries, which come in the order of their keys."""
        young, older, turned_ms = self.young, self.older, self._row.turned_ms or now_ms
        is_first = True
        for entries, plain in chunks:
            if is_first and self._is_due(now_ms):
                young, older, turned_ms = storage.map_tree(None), young, now_ms
            is_first = False
            young = writer.edit_map(young, entries, plain=plain)
        if not is_first:
            self._next = store.MemoRow(_encoded(young), _encoded(older), young.count, turned_ms)

    def publish(self, conn: Connection, pipeline: PipelineRow) -> None:
        """Makes what was built the pipeline's memo, in the caller's transaction.

        Raises:
            SegmentsGone: The memo was forgotten meanwhile, with what it leads to.
        """
        self.check(conn, pipeline)
        if self._next is not None:
            store.set_memo(conn, pipeline, self._next)

    def check(self, conn: Connection, pipeline: PipelineRow) -> None:
        """Makes sure that it is still the pipeline's, for a purge forgets it.

        Raises:
            SegmentsGone: It was forgotten meanwhile.
        """
        now = store.memo_of(conn, pipeline)
        if (now.root, now.older) != (self._row.root, self._row.older):
            places = [one for one in (_pointer(self._row.root), _pointer(self._row.older)) if one is not None]
            raise SegmentsGone([place.segment for place in places])

    def _is_due(self, now_ms: int) -> bool:
        if self.young.root is None:
            return False
        count, size = self.young.totals
        age_ms = now_ms - self._row.turned_ms
        return count >= self._most_entries or size >= self._most_bytes or age_ms >= self._age_ms


def open_memo(catalog: Catalog, storage: Storage, pipeline: PipelineRow) -> Memo:
    """Returns the pipeline's memo as it is now."""
    with catalog.read() as conn:
        row = store.memo_of(conn, pipeline)
    return Memo(storage, row)


def _pointer(root: bytes | None) -> Pointer | None:
    return None if root is None else Pointer.decode(root)


def _encoded(tree: MapTree) -> bytes | None:
    return None if tree.root is None else tree.root.encode()
