"""Finds segments and reads blocks out of them.

A segment is immutable but may move from a row into an object, so what is
remembered of its place is a hint: where it leads nowhere, the catalog is asked
again. Rows are small and read whole, because their blocks are wanted together.
Segments that a writer has not published yet are read from its memory.
"""

from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from weakref import WeakValueDictionary

from headwater.db import Catalog
from headwater.storage import store
from headwater.storage.cache import Cache
from headwater.storage.errors import ObjectNotFound, SegmentMissing, StoredBytesCorrupt
from headwater.storage.protocol import ObjectKey, ObjectStore, Wanted, get_many
from headwater.storage.segment import SegmentBuilder
from headwater.storage.values import Pointer, SegmentPlace

_ROW_BUDGET_BYTES = 32 * 1024 * 1024
_PLACES = 100_000
_ROWS_AT_ONCE = 64


class SegmentReader:
    """The segments of one workspace; `row_reads` and `object_reads` count what was fetched."""

    def __init__(self, catalog: Catalog, objects: ObjectStore) -> None:
        self._catalog, self._objects = catalog, objects
        self._rows: Cache[int, bytes] = Cache(_ROW_BUDGET_BYTES)
        self._places: Cache[int, SegmentPlace] = Cache(_PLACES)
        self._open: WeakValueDictionary[int, SegmentBuilder] = WeakValueDictionary()
        self.row_reads = 0
        self.object_reads = 0

    def block(self, segment: int, offset: int, length: int) -> bytes:
        """Returns the bytes at a place, not yet checked.

        Raises:
            SegmentMissing: The catalog or the store no longer has the segment.
            StoredBytesCorrupt: The segment is shorter than it was.
        """
        data = self._bytes(segment, offset, length)
        if len(data) != length:
            raise StoredBytesCorrupt(
                f"A block at offset {offset}", where=self.where(segment), why="the segment ends before it"
            )
        return data

    def where(self, segment: int) -> str:
        """Says for a person which segment and object that is."""
        place = self._places.get(segment) or self._find(segment)
        if place is None or place.object is None:
            return f"segment {segment} (a row of the catalog)"
        return f"segment {segment} (object {place.object})"

    def place(self, segment: int) -> SegmentPlace | None:
        """Returns where a segment is; none while its writer holds it in memory."""
        if segment in self._open:
            return None
        found = self._places.get(segment) or self._find(segment)
        if found is None:
            raise SegmentMissing(segment, why="the catalog does not know it")
        return found

    def begin(self, builder: SegmentBuilder) -> None:
        """Makes a segment readable that is being written, as long as its writer holds it."""
        self._open[builder.id] = builder

    def end(self, segment: int, *, row: bytes | None = None, place: SegmentPlace | None = None) -> None:
        """Lets go of a segment that is no longer written: it became a row, an object, or nothing."""
        if row is not None:
            self._rows.put(segment, row, len(row))
        else:
            self._rows.drop(segment)
        if place is not None:
            self._places.put(segment, place, 1)
        self._open.pop(segment, None)

    def blocks(self, wanted: Sequence[Pointer]) -> list[bytes]:
        """Returns the bytes at several places, in few rounds of requests; for many small blocks.

        Raises:
            SegmentMissing, StoredBytesCorrupt: As for `block`.
        """
        found: dict[int, bytes | None] = {}
        for some in _batched(self._in_rows(wanted)):
            with self._catalog.read() as conn:
                rows = store.bytes_of_many(conn, {wanted[at].segment for at in some})
            self.row_reads += len(rows)
            for at in some:
                found[at] = _cut(rows.get(wanted[at].segment), wanted[at])
        asked = self._in_objects(wanted)
        spans = [one for _, one in asked]
        for (at, _), data in zip(asked, get_many(self._objects, spans), strict=True):
            found[at] = data
        self.object_reads += len(asked)
        return [self._whole(place, found.get(at)) for at, place in enumerate(wanted)]

    def _whole(self, place: Pointer, data: bytes | None) -> bytes:
        if data is None or len(data) != place.length:  # it is in memory, or has moved, or is damaged
            return self.block(place.segment, place.offset, place.length)
        return data

    def _in_rows(self, wanted: Sequence[Pointer]) -> list[int]:
        unknown = {place.segment for place in wanted} - set(self._open.keys())
        unknown = {id for id in unknown if self._places.get(id) is None and self._rows.get(id) is None}
        if unknown:
            with self._catalog.read() as conn:
                for id, place in store.places_of(conn, unknown).items():
                    self._places.put(id, place, 1)
        kept = ((at, self._places.get(place.segment)) for at, place in enumerate(wanted))
        return [at for at, place in kept if place is not None and place.object is None]

    def _in_objects(self, wanted: Sequence[Pointer]) -> list[tuple[int, Wanted]]:
        asked = []
        for at, one in enumerate(wanted):
            place = self._places.get(one.segment)
            if place is not None and place.object is not None:
                start = place.start + one.offset
                stop = min(start + one.length, place.start + place.length)
                asked.append((at, Wanted(ObjectKey(place.object), start, max(start, stop))))
        return asked

    def forget(self, segments: Collection[int]) -> None:
        """Forgets what is remembered of segments whose bytes were replaced."""
        for segment in segments:
            self._rows.drop(segment)
            self._places.drop(segment)

    def forget_places(self) -> None:
        """Forgets where all segments are; what is read here finds that out by itself, but not what others are told."""
        self._places.discard(lambda _: True)

    def _bytes(self, segment: int, offset: int, length: int) -> bytes:
        builder = self._open.get(segment)
        if builder is not None:
            return builder.read(offset, length)
        row = self._rows.get(segment)
        if row is not None:
            return row[offset : offset + length]
        tried, place = None, self._places.get(segment) or self._find(segment)
        while place is not None and place != tried:
            found = self._fetch(segment, place, offset, length)
            if found is not None:
                return found
            tried, place = place, self._find(segment)  # it may have been packed meanwhile
        why = "the catalog does not know it" if place is None else f"{self.where(segment)} is not there"
        raise SegmentMissing(segment, why=why)

    def _find(self, segment: int) -> SegmentPlace | None:
        with self._catalog.read() as conn:
            place = store.place_of(conn, segment)
        if place is not None:
            self._places.put(segment, place, 1)
        return place

    def _fetch(self, segment: int, place: SegmentPlace, offset: int, length: int) -> bytes | None:
        if place.object is None:
            return self._fetch_row(segment, offset, length)
        start = place.start + offset
        stop = min(start + length, place.start + place.length)
        try:
            data = self._objects.get(ObjectKey(place.object), slice(start, stop))
        except ObjectNotFound:
            return None
        self.object_reads += 1
        return data

    def _fetch_row(self, segment: int, offset: int, length: int) -> bytes | None:
        with self._catalog.read() as conn:
            data = store.bytes_of(conn, segment)
        if data is None:
            return None
        self.row_reads += 1
        self._rows.put(segment, data, len(data))
        return data[offset : offset + length]


def _cut(row: bytes | None, place: Pointer) -> bytes | None:
    return None if row is None else row[place.offset : place.offset + place.length]


def _batched(numbers: Sequence[int]) -> Iterator[list[int]]:
    rest = iter(numbers)
    while some := list(islice(rest, _ROWS_AT_ONCE)):
        yield some
