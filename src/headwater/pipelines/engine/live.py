"""What sets that still run have printed so far, and of which datums: objects that pass, beside the segments.

Whoever runs a set writes them (see `runtime.live`); here they are named, found
and cleared away. Keys are `live/JOB.SET.NUMBER`. Names of sets begin with the
time, so of two tries of a datum the later one is known; numbers grow, and of a
set the largest counts.
"""

import secrets
from collections.abc import Iterator
from contextlib import suppress

import msgspec

from headwater.clock import Clock
from headwater.errors import Error
from headwater.pipelines.sets import LiveLog, LiveSpot
from headwater.storage import PASSING, ObjectKey, ObjectNotFound, ObjectStore

EVERY_S = 2.0  # how long a set runs before it shows anything, and how often it does then
_TRIES = 3

Seen = tuple[str, LiveLog]


def live_spot(job: str, clock: Clock) -> LiveSpot:
    """Returns where a set of a job shows what it prints."""
    return LiveSpot(f"{_prefix(job)}{clock.now_ms():012x}{secrets.token_hex(3)}", EVERY_S)


def clear(objects: ObjectStore, job: str, took_s: float) -> None:
    """Removes what killed processes have left of a job; where the store does not answer, a sweep does it."""
    if took_s < EVERY_S:
        return
    with suppress(Error):
        for key in list(objects.list(_prefix(job))):
            objects.delete(key)


class LiveLogs:
    """The live logs of one job, for one reader: each object is read once."""

    def __init__(self, objects: ObjectStore, job: str) -> None:
        """Has seen none yet."""
        self._objects, self._job = objects, job
        self._known: dict[str, tuple[ObjectKey, LiveLog]] = {}

    def look(self) -> dict[bytes, Seen]:
        """Returns, by datum, which set has it in hand and what it has printed: of the last try only."""
        for _ in range(_TRIES):  # what is replaced while it is read is found under its next key
            if self._read():
                break
        found: dict[bytes, Seen] = {}
        for name in sorted(self._known):
            log = self._known[name][1]
            found |= {key: (name, log) for key, _ in log.datums}
        return found

    def _read(self) -> bool:
        latest = dict(self._keys())
        known, self._known = self._known, {}
        for name, key in latest.items():
            if name in known and known[name][0] == key:
                self._known[name] = known[name]
                continue
            try:
                log = msgspec.msgpack.decode(self._objects.get(key), type=LiveLog)
            except ObjectNotFound:
                continue
            self._known[name] = key, log
        return len(self._known) == len(latest)

    def _keys(self) -> Iterator[tuple[str, ObjectKey]]:
        prefix = _prefix(self._job)
        for key in self._objects.list(prefix):
            yield key[len(prefix) :].partition(".")[0], key


def _prefix(job: str) -> str:
    return f"{PASSING}{job}."
