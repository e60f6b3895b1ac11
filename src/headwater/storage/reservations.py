"""Where a writer's segments come from: ids in blocks, and reservations before anything is uploaded."""

import os
import threading
from collections import deque
from collections.abc import Callable, Sequence

from headwater.db import Catalog
from headwater.storage import store
from headwater.storage.outgoing import WrittenSegment
from headwater.storage.protocol import ObjectKey
from headwater.storage.reader import SegmentReader
from headwater.storage.segment import SegmentBuilder
from headwater.storage.values import Reserved, SegmentPlace

LEASE_S = 24 * 3600.0
_BLOCK = 1_000
_MOST_AT_ONCE = 64


class SegmentIds:
    """Gives out segment ids; asks the catalog once for a thousand of them."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._lock = threading.Lock()
        self._next = self._end = 0
        self._process = 0

    def take(self) -> int:
        """Returns an id that nobody was given before, in this process or another."""
        while True:
            with self._lock:
                if self._process == os.getpid() and self._next < self._end:
                    self._next += 1
                    return self._next - 1
            with self._catalog.write(shared=True) as conn:  # without the lock: whoever writes may want an id
                first = store.next_ids(conn, _BLOCK)
            with self._lock:
                self._next, self._end, self._process = first, first + _BLOCK, os.getpid()


class WriterSegments:
    """The segments of one writer; `reserved` are those that the catalog has as pending, with their keys."""

    def __init__(
        self,
        catalog: Catalog,
        reader: SegmentReader,
        ids: SegmentIds,
        became_row: Callable[[int], None] = lambda size: None,  # noqa: ARG005 - who does not care may leave it
    ) -> None:
        self._catalog, self._reader, self._ids = catalog, reader, ids
        self._became_row = became_row
        self._ready = deque([ids.take()])
        self._batch = 1
        self._uploaded: set[int] = set()
        self.own: set[int] = set()
        self.reserved: dict[int, ObjectKey] = {}

    def open(self) -> SegmentBuilder:
        """Returns a new segment, readable while it is written."""
        id = self._ready.popleft() if self._ready else self._ids.take()
        self.own.add(id)
        builder = SegmentBuilder(id)
        self._reader.begin(builder)
        return builder

    def prepare(self) -> None:
        """Makes sure that the next segment can be opened inside a transaction."""
        if not self._ready:
            self._ready.append(self._ids.take())

    def unused(self) -> set[int]:
        """Returns what is reserved and was never uploaded."""
        return self.reserved.keys() - self._uploaded

    def key_for(self, segment: int) -> ObjectKey:
        """Returns the key for a segment's object, reserving it and more for those to come."""
        if segment not in self.reserved:
            ahead = [self._ids.take() for _ in range(self._batch - 1)]
            self._batch = min(2 * self._batch, _MOST_AT_ONCE)
            self._ready += ahead
            keys = {id: ObjectKey.random() for id in (segment, *ahead)}
            with self._catalog.write(shared=True) as conn:
                store.reserve(
                    conn,
                    [Reserved(id, key) for id, key in keys.items()],
                    self._catalog.now_ms(conn) + round(LEASE_S * 1000),
                )
            self.reserved |= keys
        return self.reserved[segment]

    def written(self, segment: WrittenSegment) -> None:
        """Remembers where a segment went."""
        self._uploaded.add(segment.id)
        self._reader.end(segment.id, place=SegmentPlace(segment.key, 0, segment.length))

    def in_row(self, segment: int, data: bytes) -> None:
        """Remembers that a segment became a row of the catalog."""
        self._reader.end(segment, row=data)
        self._became_row(len(data))

    def renew(self, segments: Sequence[WrittenSegment]) -> list[WrittenSegment]:
        """Extends the leases of segments that an earlier writer put; returns those that are still reserved."""
        if not segments:
            return []
        with self._catalog.write(shared=True) as conn:
            now_ms = self._catalog.now_ms(conn)
            wanted = [Reserved(one.id, one.key) for one in segments]
            kept = store.renew(conn, wanted, now_ms, now_ms + round(LEASE_S * 1000))
        return [one for one in segments if one.id in kept]
