"""The footers of segments, the latest remembered: which block begins where."""

from collections.abc import Iterator

from headwater.errors import Error
from headwater.storage.block import Damaged
from headwater.storage.cache import Cache
from headwater.storage.reader import SegmentReader
from headwater.storage.segment import TRAILER_BYTES, ListedBlock, Listing, footer_span, listed_in_footer
from headwater.storage.values import Pointer

_BUDGET_BYTES = 96 * 1024 * 1024


class Footers:
    """Reads footers without the segments that they belong to."""

    def __init__(self, reader: SegmentReader) -> None:
        """Has read none."""
        self._reader = reader
        self._cache: Cache[int, Listing] = Cache(_BUDGET_BYTES)

    def lists(self, place: Pointer) -> bool:
        """Tells whether a block of this hash and length begins there; true where the footer cannot be read."""
        listing = self._cache.get(place.segment)
        if listing is None:
            try:
                listing = Listing(place.segment, self._read(place.segment))
            except (Damaged, Error):
                return True  # that is a finding of its own
            self._cache.put(place.segment, listing, listing.weight)
        return listing.find(place.offset) == (place.hash, place.length)

    def blocks(self, segment: int) -> Iterator[ListedBlock]:
        """Yields the blocks of a segment; none where its footer cannot be read."""
        try:
            yield from listed_in_footer(segment, self._read(segment))
        except (Damaged, Error):
            return

    def _read(self, segment: int) -> bytes:
        place = self._reader.place(segment)
        if place is None or place.length < TRAILER_BYTES:
            raise Damaged("it is cut off")
        trailer = self._reader.block(segment, place.length - TRAILER_BYTES, TRAILER_BYTES)
        start, length = footer_span(place.length, trailer)
        return self._reader.block(segment, start, length)
