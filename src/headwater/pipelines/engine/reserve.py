"""The segments that a job's calls may write, reserved in blocks, and the leases of all that the job holds.

Most datums write little, which rides back with the answer, and use none of
the segments that they were given. Those go to the next call, and what a job
has left over to the next job, so a stream of small jobs reserves once.

What calls have written stays reserved until the job's end publishes it. While
the job lives its leases are extended a few times a day, all of them in one
statement, so it may last for months.
"""

import threading
from collections.abc import Collection

from headwater.clock import Clock
from headwater.db import Catalog
from headwater.storage import Reservation, SegmentsGone, Storage, Writer

# How long what a job holds outlives its coordinator; after it a sweep may take back what nobody published.
_LEASE_S = 7 * 24 * 3600.0
# A writer of storage reserves for a day.
_RENEW_MS = 6 * 3600 * 1000
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
    """The segments of one job: those that no call has been given yet, or that calls gave back, and those in use."""

    def __init__(self, catalog: Catalog, storage: Storage, clock: Clock, stash: Stash) -> None:
        """Reserves nothing yet."""
        self._catalog, self._storage, self._clock, self._stash = catalog, storage, clock, stash
        self._free: list[Reservation] = []  # of one segment each
        self._held: dict[int, int] = {}  # all that is reserved for the job, and until when
        self._block = _FIRST_BLOCK
        self._renew_ms = clock.now_ms() + _RENEW_MS
        self.writer: Writer | None = None
        """Writes the job's trees; what it has reserved is renewed with the rest."""

    def take(self, count: int) -> Reservation:
        """Returns segments for one call, with at least half of their lease to run."""
        if len(self._free) < count:
            for one in self._stash.take():
                self._add(one)
        usable = [one for one in self._free if self._is_fresh(one)]
        if len(usable) < count:
            block = self._storage.reserve(max(count - len(usable), self._block), _LEASE_S)
            self._block = min(2 * self._block, _LARGEST_BLOCK)
            self._add(block)
            usable += self._free[-len(block.segments) :]
        taken = tuple(one.segments[0] for one in usable[:count])
        ids = {one.id for one in taken}
        self._free = [one for one in self._free if one.segments[0].id not in ids]
        return Reservation(taken, min(self._held[id] for id in ids))

    def give_back(self, reservation: Reservation, written: frozenset[int] = frozenset()) -> None:
        """Takes back what a call has certainly not written."""
        self._free += [
            Reservation((one,), reservation.expires_ms)
            for one in reservation.segments
            if one.id not in written
        ]

    def hold(self, ids: Collection[int]) -> set[int]:
        """Takes over the leases of what an earlier coordinator of the job has accepted; returns those that are gone."""
        new = set(ids) - self._held.keys()
        if not new:
            return set()
        with self._catalog.write(shared=True) as conn:
            count, expires_ms = self._storage.extend(conn, new, _LEASE_S)
            gone = new - self._storage.kept(conn, new) if count < len(new) else set[int]()
        self._held |= dict.fromkeys(new - gone, expires_ms)
        return gone

    def renew(self) -> None:
        """Extends the leases of all that the job holds, when that is due.

        Raises:
            SegmentsGone: Some were given up, for nobody has come here for days.
        """
        if self._clock.now_ms() < self._renew_ms:
            return
        ids = self._held.keys() | (() if self.writer is None else self.writer.reserved)
        if ids:
            with self._catalog.write(shared=True) as conn:
                count, expires_ms = self._storage.extend(conn, ids, _LEASE_S)
                gone = set(ids) - self._storage.kept(conn, ids) if count < len(ids) else set[int]()
            idle = {one.segments[0].id for one in self._free}  # some may have lain about since an earlier job
            if not gone <= idle:
                raise SegmentsGone(sorted(gone - idle))
            self._free = [one for one in self._free if one.segments[0].id not in gone]
            self._held = dict.fromkeys(self._held.keys() - gone, expires_ms)
        self._renew_ms = self._clock.now_ms() + _RENEW_MS

    def hand_over(self) -> Reservation | None:
        """Leaves some of what was not written to the next job; returns the rest, to be released, or none."""
        free = [Reservation(one.segments, self._held[one.segments[0].id]) for one in self._free]
        fresh = [one for one in free if self._is_fresh(one)]
        stale = [one for one in free if not self._is_fresh(one)]
        self._free = []
        return together([*stale, *self._stash.put(fresh)])

    def _add(self, reservation: Reservation) -> None:
        self.give_back(reservation)
        self._held |= dict.fromkeys((one.id for one in reservation.segments), reservation.expires_ms)

    def _is_fresh(self, one: Reservation) -> bool:
        return self._held[one.segments[0].id] > self._clock.now_ms() + round(_LEASE_S * 500)


def together(free: list[Reservation]) -> Reservation | None:
    """Returns several reservations as one; none for none."""
    if not free:
        return None
    return Reservation(
        tuple(segment for one in free for segment in one.segments), min(one.expires_ms for one in free)
    )
