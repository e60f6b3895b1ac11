"""The segments that a job's calls may write, reserved in blocks.

Most datums write little, which rides back with the answer, and use none of
the segments that they were given. Those go to the next call, and what a job
has left over to the next job, so a stream of small jobs reserves once.
"""

import threading

from headwater.clock import Clock
from headwater.storage import Reservation, Storage

# Accepted outputs stay pending until their job is finished, so the lease is
# longer than jobs are; after it a sweep may take back what nobody published.
_LEASE_S = 7 * 24 * 3600.0
_FIRST_BLOCK, _LARGEST_BLOCK = 16, 1_024
_STASHED = 32


class Stash:
    """A few reserved segments that no job has at present; safe for threads."""

    def __init__(self) -> None:
        """Begins empty."""
        self._lock = threading.Lock()
        self._free: list[Reservation] = []

    def take(self) -> list[Reservation]:
        """Returns all there are, which are no longer here."""
        with self._lock:
            free, self._free = self._free, []
        return free

    def put(self, free: list[Reservation]) -> list[Reservation]:
        """Keeps some; returns those for which there is no room."""
        with self._lock:
            room = max(0, _STASHED - len(self._free))
            self._free += free[:room]
        return free[room:]


class Reserve:
    """Segments of one job that no call has been given yet, or that calls gave back unused."""

    def __init__(self, storage: Storage, clock: Clock, stash: Stash) -> None:
        """Reserves nothing yet."""
        self._storage, self._clock, self._stash = storage, clock, stash
        self._free: list[Reservation] = []  # of one segment each
        self._block = _FIRST_BLOCK

    def take(self, count: int) -> Reservation:
        """Returns segments for one call, with at least half of their lease to run."""
        fresh_enough_ms = self._clock.now_ms() + round(_LEASE_S * 500)
        if len(self._free) < count:
            self._free += self._stash.take()
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

    def hand_over(self) -> Reservation | None:
        """Leaves some of what was not written to the next job; returns the rest, to be released, or none."""
        left, self._free = self._stash.put(self._free), []
        return together(left)


def together(free: list[Reservation]) -> Reservation | None:
    """Returns several reservations as one; none for none."""
    if not free:
        return None
    return Reservation(
        tuple(segment for one in free for segment in one.segments), min(one.expires_ms for one in free)
    )
