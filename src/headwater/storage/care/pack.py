"""Packs segments: rows of the catalog into objects, and what is left of objects into fewer.

Many segments become one object, byte for byte as they were. It is uploaded
first, under a reservation of its own (the carrier), so that a crash leaves
nothing that a sweep does not find; then one short transaction changes where
the segments are, if they still are where they were read. Readers that
remember the old place find nothing there, ask the catalog, and read on.

One process packs at a time, by a lease. Were two to do so, the second would
find its segments moved, and give its object up.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from headwater.db import Catalog, Leases
from headwater.ids import random_id
from headwater.storage import store as segment_store
from headwater.storage.block import Damaged
from headwater.storage.care import plans, store
from headwater.storage.care.store import Lying
from headwater.storage.care.values import Packed
from headwater.storage.errors import ObjectNotFound, SegmentsMoved
from headwater.storage.protocol import ObjectKey, ObjectStore
from headwater.storage.reservations import SegmentIds
from headwater.storage.segment import TARGET_BYTES, listed_blocks
from headwater.storage.values import Reserved

MOST_ROWS = 2_048  # of one object, and so of one transaction
AGE_MS, AGE_BYTES = 10 * 60 * 1000, 1024 * 1024
LINGER_MS = 24 * 3600 * 1000  # an emptied object stays for tasks that were told where to read
_CARRIER_MS = 3600 * 1000
_LEASE, _LEASE_S = "storage-pack", 300.0
_READ_AT_ONCE = 64
_TIME = "packed"


class Packer:
    """Packs the segments of one catalog."""

    def __init__(self, catalog: Catalog, objects: ObjectStore, ids: SegmentIds) -> None:
        """Does nothing yet."""
        self._catalog, self._objects, self._ids = catalog, objects, ids
        self._leases = Leases(catalog)

    def is_due(self) -> bool:
        """Tells whether enough has gathered in rows, by size, by number, or by size and time."""
        with self._catalog.read() as conn:
            tally = store.tally(conn, MOST_ROWS)
            if tally.rows >= MOST_ROWS or tally.size >= TARGET_BYTES:
                return True
            if tally.size < AGE_BYTES:
                return False
            last_ms, now_ms = plans.time_of(conn, _TIME), self._catalog.now_ms(conn)
        if last_ms is not None:
            return now_ms - last_ms >= AGE_MS
        with self._catalog.write(shared=True) as conn:
            plans.set_time(conn, _TIME, now_ms)
        return False

    def pack(self, *, everything: bool = False) -> Packed:
        """Packs rows while a packing is due; returns what was moved, nothing where another process packs.

        Args:
            everything: All rows there are, however few.
        """
        if not everything and not self.is_due():
            return Packed()
        return self._leased(lambda: self._pack_rows(everything=everything)) or Packed()

    def repack(self, *, linger_ms: int = LINGER_MS, thoroughly: bool = False) -> Packed | None:
        """Moves what is live out of objects that are mostly dead, and small objects together.

        None where another process packs, so that nothing was looked at.

        Args:
            linger_ms: How long emptied objects stay.
            thoroughly: Out of all packed objects in which anything is dead.
        """
        return self._leased(lambda: self._repack(linger_ms, thoroughly=thoroughly))

    def _leased(self, work: Callable[[], Packed]) -> Packed | None:
        lease = self._leases.acquire(_LEASE, random_id(), _LEASE_S)
        if lease is None:
            return None
        try:
            return work()
        finally:
            self._leases.release(lease)

    def _pack_rows(self, *, everything: bool) -> Packed:
        total, after = Packed(), 0
        while True:
            with self._catalog.read() as conn:
                found = store.in_rows(conn, MOST_ROWS, after)
            some = list(_up_to(found, TARGET_BYTES))
            is_full = len(found) == MOST_ROWS or sum(one.length for one in found) >= TARGET_BYTES
            if not some or not (everything or is_full or after == 0):
                break
            after = some[-1].id
            total = _sum(total, self._move(some))
            if not is_full:
                break  # what has come meanwhile is for the next time
        with self._catalog.write(shared=True) as conn:
            plans.set_time(conn, _TIME, self._catalog.now_ms(conn))
        return total

    def _repack(self, linger_ms: int, *, thoroughly: bool) -> Packed:
        with self._catalog.read() as conn:
            loose = list(store.loose_packs(conn))
        worn = [one for one in loose if 2 * one.live < one.length or (thoroughly and one.live < one.length)]
        small = [one for one in loose if one.length < store.SMALL_OBJECT_BYTES and one not in worn]
        if sum(one.live for one in small) + sum(one.live for one in worn) >= TARGET_BYTES:
            worn += small  # together they fill an object, so none is merged again and again
        total = Packed()
        for group in _groups([one.object for one in worn], {one.object: one.live for one in worn}):
            with self._catalog.read() as conn:
                lying = [segment for key in group for segment in store.in_object(conn, key)]
            for some in _parts(lying):
                total = _sum(total, self._move(some))
            total = _sum(total, self._retire(group, linger_ms))
        return total

    def _move(self, some: Sequence[Lying]) -> Packed:
        """Moves segments into a new object; none of them where somebody else was faster with one."""
        moved, data = self._gathered(some)
        if not moved:
            return Packed()
        key, carrier = ObjectKey.random(), self._ids.take()
        with self._catalog.write(shared=True) as conn:
            expires_ms = self._catalog.now_ms(conn) + _CARRIER_MS
            segment_store.reserve(conn, [Reserved(carrier, key)], expires_ms)
        self._objects.put(key, data)
        try:
            with self._catalog.write(shared=True) as conn:
                if not store.release_carrier(conn, carrier):
                    raise SegmentsMoved
                store.move(conn, moved, key)
                store.add_pack(conn, key, len(data))
        except SegmentsMoved:
            self._objects.delete(key)
            with self._catalog.write(shared=True) as conn:
                segment_store.release(conn, [carrier])
            return Packed()
        return Packed(len(moved), len(data), 1)

    def _gathered(self, some: Sequence[Lying]) -> tuple[list[tuple[Lying, int]], bytearray]:
        """Reads segments one after the other; one that is not whole stays where it is, for `check` to tell of."""
        moved: list[tuple[Lying, int]] = []
        data = bytearray()
        for one, found in self._read(some):
            if found is not None and len(found) == one.length and _is_whole(one.id, found):
                moved.append((one, len(data)))
                data += found
        return moved, data

    def _read(self, some: Sequence[Lying]) -> Iterator[tuple[Lying, bytes | None]]:
        rest = iter(some)
        while group := list(islice(rest, _READ_AT_ONCE)):
            with self._catalog.read() as conn:
                rows = segment_store.bytes_of_many(conn, [one.id for one in group if one.object is None])
            for one in group:
                yield one, rows.get(one.id) if one.object is None else self._from_object(one)

    def _from_object(self, one: Lying) -> bytes | None:
        assert one.object is not None, "rows are read from the catalog"
        try:
            return self._objects.get(ObjectKey(one.object), slice(one.start, one.start + one.length))
        except ObjectNotFound:
            return None

    def _retire(self, keys: Sequence[str], linger_ms: int) -> Packed:
        with self._catalog.write(shared=True) as conn:
            empty = [key for key in keys if not store.is_used(conn, key)]
            plans.bury(conn, empty, "emptied", self._catalog.now_ms(conn) + linger_ms)
            store.forget_packs(conn, empty)
        return Packed(emptied=len(empty))


def _is_whole(id: int, data: bytes) -> bool:
    try:
        listed_blocks(id, data)
    except Damaged:
        return False
    return True


def _up_to(found: Sequence[Lying], size: int) -> Iterator[Lying]:
    for one in found:
        yield one
        size -= one.length
        if size <= 0:
            return


def _groups(keys: Sequence[str], live: dict[str, int]) -> Iterator[list[str]]:
    """Yields the objects in groups whose live segments fill one new object."""
    group: list[str] = []
    size = 0
    for key in keys:
        group.append(key)
        size += live[key]
        if size >= TARGET_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _parts(lying: Sequence[Lying]) -> Iterator[list[Lying]]:
    rest = list(lying)
    while rest:
        some = list(_up_to(rest[:MOST_ROWS], 2 * TARGET_BYTES))
        yield some
        rest = rest[len(some) :]


def _sum(one: Packed, other: Packed) -> Packed:
    return Packed(
        one.segments + other.segments,
        one.size + other.size,
        one.objects + other.objects,
        one.emptied + other.emptied,
    )
