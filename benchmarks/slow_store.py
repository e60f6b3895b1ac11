"""An object store that is far away: every request takes a while, and all are counted.

Requests that are made together (`get_many`, `delete_many`) are one round: they
take as long as one. Requests of several threads at once each count as a round
of their own, so the rounds shown are never too few.
"""

import threading
import time
from collections.abc import Iterator, Sequence

import msgspec

from headwater.storage import ObjectKey, ObjectStore
from headwater.storage.backends.spans import coalesce
from headwater.storage.protocol import Wanted, delete_many, get_many

LATENCY_S = 0.04
_GAP_BYTES = 256 * 1024  # as the stores of the clouds
_DELETED_AT_ONCE = 1_000


class Traffic(msgspec.Struct, frozen=True):
    """What went to and from a store."""

    requests: int = 0
    rounds: int = 0
    reads: int = 0
    writes: int = 0
    bytes_read: int = 0
    bytes_written: int = 0

    def __sub__(self, other: "Traffic") -> "Traffic":
        """Returns what came since another moment."""
        before, now = msgspec.structs.astuple(other), msgspec.structs.astuple(self)
        return Traffic(*(int(b) - int(a) for a, b in zip(before, now, strict=True)))


class SlowStore:
    """Hands every call on to another store after the time that a request takes."""

    def __init__(self, store: ObjectStore, latency_s: float = LATENCY_S) -> None:
        self._store, self._latency_s = store, latency_s
        self._lock = threading.Lock()
        self._counts = [0] * len(msgspec.structs.fields(Traffic))
        self.url = store.url

    @property
    def traffic(self) -> Traffic:
        """What there was so far."""
        with self._lock:
            return Traffic(*self._counts)

    def put(self, key: ObjectKey, data: bytes | bytearray | memoryview) -> None:
        """Keeps an object."""
        self._store.put(key, data)
        self._count(writes=1, bytes_written=len(data))

    def get(self, key: ObjectKey, span: slice | None = None) -> bytes:
        """Returns an object, or a part of it."""
        data = self._store.get(key, span)
        self._count(reads=1, bytes_read=len(data))
        return data

    def get_many(self, wanted: Sequence[Wanted]) -> list[bytes | None]:
        """Returns parts of objects, in one round."""
        requests = coalesce(wanted, _GAP_BYTES)
        found = get_many(self._store, wanted)
        fetched = sum(one.stop - one.start for one in requests)
        if requests:
            self._count(requests=len(requests), reads=len(requests), bytes_read=fetched)
        return found

    def exists(self, key: ObjectKey) -> bool:
        """Tells whether there is one."""
        self._count(reads=1)
        return self._store.exists(key)

    def list(self, prefix: str = "") -> Iterator[ObjectKey]:
        """Yields the keys."""
        self._count(reads=1)
        return self._store.list(prefix)

    def delete(self, key: ObjectKey) -> None:
        """Forgets an object."""
        self._count(writes=1)
        self._store.delete(key)

    def delete_many(self, keys: Sequence[ObjectKey]) -> None:
        """Forgets objects, in one round."""
        requests = -(-len(keys) // _DELETED_AT_ONCE)
        if requests:
            self._count(requests=requests, writes=requests)
        delete_many(self._store, keys)

    def _count(
        self,
        *,
        requests: int = 1,
        reads: int = 0,
        writes: int = 0,
        bytes_read: int = 0,
        bytes_written: int = 0,
    ) -> None:
        added = (requests, 1, reads, writes, bytes_read, bytes_written)
        with self._lock:
            self._counts = [a + b for a, b in zip(self._counts, added, strict=True)]
        if self._latency_s:
            time.sleep(self._latency_s)
