"""Puts damaged segments right from wherever the same bytes are whole, and quarantines the rest.

A segment is taken whole from a replica of the object store or from copies
that this machine has; else its damaged blocks are patched from other segments
that hold blocks of the same hash. What was patched is examined like all else
before anything changes, and written as a new object. What cannot be put right
is moved out of the way under `quarantine/`: its good blocks can still be
read, a damaged one raises an error that names the place, and nothing new may
rely on it.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from sqlalchemy import Connection

from headwater.db import Catalog
from headwater.storage import store as segment_store
from headwater.storage.block import Damaged
from headwater.storage.care import plans, store
from headwater.storage.care.examine import Damage, check_block, examine
from headwater.storage.care.footers import Footers
from headwater.storage.care.store import Lying
from headwater.storage.errors import ObjectNotFound
from headwater.storage.protocol import ObjectKey, ObjectStore, origin
from headwater.storage.reader import SegmentReader
from headwater.storage.reservations import SegmentIds
from headwater.storage.segment import ListedBlock
from headwater.storage.values import Reserved

_CARRIER_MS = 3600 * 1000
_LINGER_MS = 24 * 3600 * 1000
_MENDABLE = frozenset(
    {"object-missing", "object-cut-off", "segment-damaged", "block-damaged", "bytes-missing"}
)


def _object(lying: Lying) -> str:
    return lying.object or ""


_Copies = dict[tuple[bytes, int], bytes]


class Repairer:
    """What a check repairs with."""

    def __init__(
        self,
        catalog: Catalog,
        objects: ObjectStore,
        reader: SegmentReader,
        ids: SegmentIds,
        replica: ObjectStore | None,
    ) -> None:
        """Takes the places where the same bytes may be whole."""
        self._catalog, self._objects, self._reader, self._ids = catalog, objects, reader, ids
        self._origin, self._replica = origin(objects), replica

    def repair(self, damages: Sequence[Damage]) -> dict[int, str]:
        """Repairs what it can; returns for each segment whether it was `restored` or `quarantined`."""
        mendable = sorted((one for one in damages if one.kind in _MENDABLE), key=lambda one: one.lying)
        copies = self._copies(mendable)
        outcomes: dict[int, str] = {}
        hopeless: list[Lying] = []
        for lying, some in groupby(mendable, key=lambda one: one.lying):
            data = self._mended(lying, [one.block for one in some], copies)
            if data is not None and self._restore(lying, data):
                outcomes[lying.id] = "restored"
            else:
                hopeless.append(lying)
        for name, group in groupby(sorted(hopeless, key=_object), key=_object):
            some_lying = list(group)
            self._quarantine(name or None, some_lying)
            outcomes |= {one.id: "quarantined" for one in some_lying}
        self._reader.forget({one.lying.id for one in mendable})
        return outcomes

    def _mended(self, lying: Lying, blocks: Iterable[ListedBlock | None], copies: _Copies) -> bytes | None:
        """Returns the whole bytes of a segment, from wherever they can be had."""
        for data in self._candidates(lying):
            if not examine(lying, data):
                return data
        found = self._read(self._origin, lying)
        patched = bytearray(found or b"")
        for block in blocks:
            copy = None if block is None else copies.get((block.hash, block.length))
            if block is None or copy is None:
                return None
            patched[block.offset : block.offset + block.length] = copy
        return bytes(patched) if not examine(lying, bytes(patched)) else None

    def _candidates(self, lying: Lying) -> Iterator[bytes]:
        stores = [
            self._replica,
            self._objects,
            self._origin,
        ]  # copies, which `origin` sees past; then once more
        for place in stores:
            data = None if place is None else self._read(place, lying)
            if data is not None:
                yield data

    def _read(self, place: ObjectStore, lying: Lying) -> bytes | None:
        if lying.object is None:
            with self._catalog.read() as conn:
                return segment_store.bytes_of(conn, lying.id)
        try:
            return place.get(ObjectKey(lying.object), slice(lying.start, lying.start + lying.length))
        except ObjectNotFound:
            return None

    def _copies(self, damages: Sequence[Damage]) -> _Copies:
        """Returns sound copies of the damaged blocks that lie in other segments."""
        wanted = {(one.block.hash, one.block.length): one.block for one in damages if one.block is not None}
        broken = {one.place for one in damages}
        if not wanted:
            return {}
        with self._catalog.read() as conn:
            ids = list(store.kept_ids(conn))
        footers, copies = Footers(self._reader), _Copies()
        for id in ids:
            for block in footers.blocks(id):
                key = (block.hash, block.length)
                if key in wanted and key not in copies and (id, block.offset) not in broken:
                    data = self._sound(id, block, wanted[key])
                    copies |= {} if data is None else {key: data}
        return copies

    def _sound(self, id: int, block: ListedBlock, wanted: ListedBlock) -> bytes | None:
        try:
            data = self._reader.block(id, block.offset, block.length)
            check_block(wanted, data)
        except (Damaged, ObjectNotFound):
            return None
        return data

    def _restore(self, lying: Lying, data: bytes) -> bool:
        """Writes whole bytes in the place of damaged ones; false where the segment was moved or swept meanwhile."""
        if lying.object is None:
            with self._catalog.write() as conn:
                if store.kept_segment(conn, lying.id) != lying:
                    return False
                store.replace_row(conn, lying.id, data)
            return True
        key, carrier = ObjectKey.random(), self._ids.take()
        with self._catalog.write(shared=True) as conn:
            expires_ms = self._catalog.now_ms(conn) + _CARRIER_MS
            segment_store.reserve(conn, [Reserved(carrier, key)], expires_ms)
        self._origin.put(key, data)
        with self._catalog.write() as conn:
            is_there = store.kept_segment(conn, lying.id) == lying
            if is_there:
                store.release_from_quarantine(conn, lying.id, key, 0)
                segment_store.release(conn, [carrier])
                self._bury_empty(conn, lying.object)
        return is_there  # if not, the next sweep takes the carrier's object back

    def _quarantine(self, key: str | None, some: Sequence[Lying]) -> None:
        aside = None
        if key is not None and not key.startswith("quarantine/"):
            try:
                data = self._origin.get(ObjectKey(key))
            except ObjectNotFound:
                data = None
            if data is not None:
                aside = f"quarantine/{key.rpartition('/')[2]}"
                self._origin.put(ObjectKey(aside), data)
        with self._catalog.write() as conn:
            unmoved = [one.id for one in some if store.kept_segment(conn, one.id) == one]
            store.quarantine(conn, unmoved, aside)
            if key is not None and aside is not None:
                self._bury_empty(conn, key)

    def _bury_empty(self, conn: Connection, key: str) -> None:
        if not store.is_used(conn, key):
            plans.bury(conn, [key], "emptied", self._catalog.now_ms(conn) + _LINGER_MS)
            store.forget_packs(conn, [key])
