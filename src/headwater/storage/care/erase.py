"""Makes the bytes of purged commits unreadable where they share a segment with others that stay.

A segment in which nothing is reachable any more goes as a whole; that is the
sweep's affair. Here are segments with both: every block that no root leads to
is overwritten with zeros, and its hash taken out of the footer. Offsets stay,
so pointers do. A segment that somebody has relied on anew since the sweep
began is left to the next one.
"""

from collections.abc import Callable, Iterable, Sequence

from sqlalchemy import Connection

from headwater.db import Catalog
from headwater.storage import store as segment_store
from headwater.storage.block import Damaged
from headwater.storage.care import plans, store
from headwater.storage.care.mark import Marker
from headwater.storage.errors import ObjectNotFound, SegmentMissing, SegmentsMoved, StoredBytesCorrupt
from headwater.storage.protocol import ObjectKey, ObjectStore, origin
from headwater.storage.reader import SegmentReader
from headwater.storage.reservations import SegmentIds
from headwater.storage.segment import erased, listed_blocks
from headwater.storage.values import Pointer, Reserved
from headwater.telemetry import Progress, Silent

_CARRIER_MS = 3600 * 1000
_NOTHING = bytes(32)

Roots = Callable[[], Iterable[Pointer]]


class Eraser:
    """What a sweep erases with."""

    def __init__(
        self,
        catalog: Catalog,
        objects: ObjectStore,
        reader: SegmentReader,
        ids: SegmentIds,
        progress: Progress,
    ) -> None:
        """Has nothing to erase yet."""
        self._catalog, self._objects, self._reader, self._ids = catalog, objects, reader, ids
        self._progress = progress

    def prepare(self, asked: Sequence[tuple[int, Pointer]], live: Marker) -> None:
        """Finds which segments hold purged bytes beside others, while what leads there is still there."""
        roots = [(number, place) for number, place in asked if place.offset]
        if not roots:
            return
        dead = Marker(self._reader, Silent(), skip=live.has_visited)
        for _, place in roots:
            try:
                dead.walk([place])
            except (SegmentMissing, StoredBytesCorrupt):
                continue  # what cannot be read need not be made unreadable
        mixed = sorted(dead.segments & live.segments)
        with self._catalog.write(shared=True) as conn:
            plans.ask_erasure(conn, [Pointer(_NOTHING, id, 0, 0) for id in mixed])
            plans.erasures_done(conn, [number for number, _ in roots])
            plans.set_time(conn, plans.REWRITE, self._catalog.now_ms(conn))

    def run(self, epoch: int, roots: Roots) -> int:
        """Erases what is dead in the segments that were found; returns how many blocks that were."""
        with self._catalog.read() as conn:
            asked = plans.erasures_asked(conn)
        found = [(number, place.segment) for number, place in asked if not place.offset]
        if not found:
            return 0
        live = Marker(self._reader, Silent(), blocks_of=frozenset(id for _, id in found))
        live.walk(roots())
        self._progress.start("Erasing what was purged (segments)", len(found))
        count = 0
        for number, id in found:
            done = self._erase(id, epoch, live.blocks)
            if done is not None:
                count += done
                with self._catalog.write(shared=True) as conn:
                    plans.erasures_done(conn, [number])
            self._progress.advance()
        self._progress.finish()
        return count

    def _erase(self, id: int, epoch: int, live: set[tuple[int, int]]) -> int | None:
        """Erases in one segment; none where it has to wait for the next sweep."""
        with self._catalog.read() as conn:
            lying = store.live_segment(conn, id)
            row = segment_store.bytes_of(conn, id)
        if lying is None:
            return 0
        try:
            data = (row or b"") if lying.object is None else self._read(lying.object, lying)
            dead = {block.offset for block in listed_blocks(id, data) if (id, block.offset) not in live}
            if dead:
                self._replace(lying, erased(id, data, dead), epoch)
        except (Damaged, ObjectNotFound, SegmentsMoved):
            return None
        self._reader.forget([id])
        return len(dead)

    def _read(self, key: str, lying: store.Lying) -> bytes:
        return origin(self._objects).get(ObjectKey(key), slice(lying.start, lying.start + lying.length))

    def _replace(self, lying: store.Lying, data: bytes, epoch: int) -> None:
        if lying.object is None:
            with self._catalog.write(shared=True) as conn:
                _check(conn, lying, epoch)
                store.replace_row(conn, lying.id, data)
            return
        key, carrier = ObjectKey.random(), self._ids.take()
        with self._catalog.write(shared=True) as conn:
            now_ms = self._catalog.now_ms(conn)
            segment_store.reserve(conn, [Reserved(carrier, key)], now_ms + _CARRIER_MS)
        self._objects.put(key, data)
        with self._catalog.write(shared=True) as conn:  # undone, it leaves the carrier to a later sweep
            _check(conn, lying, epoch)
            store.move(conn, [(lying, 0)], key)
            segment_store.release(conn, [carrier])
            if not store.is_used(conn, lying.object):
                plans.bury(conn, [lying.object], "emptied", self._catalog.now_ms(conn))
                store.forget_packs(conn, [lying.object])


def _check(conn: Connection, lying: store.Lying, epoch: int) -> None:
    if not store.is_older(conn, lying, epoch):
        raise SegmentsMoved
