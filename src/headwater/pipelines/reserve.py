"""The segments that a job's calls may write, reserved in blocks.

Most datums write little, which rides back with the answer, and use none of
the segments that they were given. Those go to the next call, so a job over
thousands of small datums reserves once.
"""

from headwater.clock import Clock
from headwater.storage import Reservation, Storage

# Accepted outputs stay pending until their job is finished, so the lease is
# longer than jobs are; after it a sweep may take back what nobody published.
_LEASE_S = 7 * 24 * 3600.0
_FIRST_BLOCK, _LARGEST_BLOCK = 64, 1_024


class Reserve:
    """Segments of one job that no call has been given yet, or that calls gave back unused."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        """Reserves nothing yet."""
        self._storage, self._clock = storage, clock
        self._free: list[Reservation] = []  # of one segment each
        self._block = _FIRST_BLOCK

    def take(self, count: int) -> Reservation:
        """Returns segments for one call, with at least half of their lease to run."""
        fresh_enough_ms = self._clock.now_ms() + round(_LEASE_S * 500)
        usable = [one for one in self._free if one.expires_ms > fresh_enough_ms]
        if len(usable) < count:
            block = self._storage.reserve(max(count - len(usable), self._block), _LEASE_S)
            self._block = min(2 * self._block, _LARGEST_BLOCK)
            self.give_back(block)
            usable += self._free[-len(block.segments) :]
        taken = usable[:count]
        ids = {one.segments[0].id for one in taken}
        self._free = [one for one in self._free if one.segments[0].id not in ids]
        return Reservation(tuple(one.segments[0] for one in taken), min(one.expires_ms for one in taken))

    def give_back(self, reservation: Reservation, written: frozenset[int] = frozenset()) -> None:
        """Takes back what a call has certainly not written."""
        self._free += [
            Reservation((one,), reservation.expires_ms)
            for one in reservation.segments
            if one.id not in written
        ]

    @property
    def all_free(self) -> Reservation | None:
        """What is reserved and was not written; none where nothing is."""
        if not self._free:
            return None
        segments = tuple(one.segments[0] for one in self._free)
        return Reservation(segments, min(one.expires_ms for one in self._free))

    def forget(self) -> None:
        """Hears that what was free has been released."""
        self._free.clear()
