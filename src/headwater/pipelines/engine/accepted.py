"""What has been accepted of a running job: a row per datum set, found again by datum.

After a coordinator died its successor plans anew and asks for each datum
whether there is a result already. Only keys are held; a row is read when one
of its datums is asked for, and the plan goes through them much in the order in
which they were accepted.
"""

from collections.abc import Collection, Sequence

import msgspec
from sqlalchemy import Connection

from headwater.db import Catalog
from headwater.pipelines.engine import store
from headwater.pipelines.engine.plan import Step
from headwater.pipelines.errors import shortened
from headwater.pipelines.sets import DatumResult
from headwater.storage import WrittenSegment

_ROWS_HELD = 16
_Row = tuple[str, int]


class AcceptedSet(msgspec.Struct, frozen=True, array_like=True):
    """The value of a row: results, the memo key and label of each, and the segments that became objects."""

    memos: tuple[bytes, ...]
    results: tuple[DatumResult, ...]
    segments: tuple[WrittenSegment, ...]
    labels: tuple[str, ...]


class Accepted:
    """The accepted results of one job."""

    def __init__(self, catalog: Catalog, job: str) -> None:
        """Reads which datums there are results of."""
        self._catalog, self.job = catalog, job
        self._places: dict[bytes, tuple[_Row, int]] = {}
        self._rows: dict[_Row, AcceptedSet] = {}
        self._adopted: set[_Row] = set()
        self._segments: dict[_Row, tuple[int, ...]] = {}
        self.count = self.rows = 0
        with catalog.read() as conn:
            for part in store.parts_of(conn, job):
                found = read_set(part.results)
                name = part.job_id, part.number
                if part.job_id == job:
                    self.rows = part.number + 1
                if found.segments:
                    self._segments[name] = tuple(segment.id for segment in found.segments)
                for at, result in enumerate(found.results):
                    self._places[result.key] = name, at
        self.count = len(self._places)

    @property
    def segments(self) -> Collection[int]:
        """The segments of all sets that were found."""
        return {one for segments in self._segments.values() for one in segments}

    def lose(self, conn: Connection, gone: Collection[int]) -> None:
        """Forgets the sets with some of these segments, in the caller's transaction: their datums are run again."""
        lost = {name for name, segments in self._segments.items() if not set(gone).isdisjoint(segments)}
        self._places = {key: place for key, place in self._places.items() if place[0] not in lost}
        self._segments = {name: one for name, one in self._segments.items() if name not in lost}
        self.count = len(self._places)
        store.drop_some(conn, sorted(lost))

    def find(self, key: bytes, memo: bytes) -> tuple[DatumResult, tuple[WrittenSegment, ...]] | None:
        """Returns what was accepted of a datum under a memo key, and once per set its segments."""
        place = self._places.get(key)
        if place is None:
            return None
        name, at = place
        row = self._row(name)
        if row.memos[at] != memo:
            return None
        segments = () if name in self._adopted else row.segments
        self._adopted.add(name)
        return row.results[at], segments

    def _row(self, name: _Row) -> AcceptedSet:
        row = self._rows.get(name)
        if row is None:
            with self._catalog.read() as conn:
                row = read_set(store.part_of(conn, *name).results)
            while len(self._rows) >= _ROWS_HELD:
                del self._rows[next(iter(self._rows))]
            self._rows[name] = row
        return row


def accept(
    conn: Connection,
    accepted: Accepted,
    taken: Sequence[tuple[Sequence[tuple[Step, DatumResult]], tuple[WrittenSegment, ...]]],
) -> None:
    """Writes a row for each set, in the caller's transaction."""
    parts = []
    for results, segments in taken:
        value = AcceptedSet(
            memos=tuple(step.memo for step, _ in results),
            results=tuple(result for _, result in results),
            segments=segments,
            labels=tuple(shortened(step.datum.label) for step, _ in results),
        )
        parts.append(store.Part(accepted.job, accepted.rows, msgspec.msgpack.encode(value)))
        accepted.rows += 1
        accepted.count += len(results)
    store.add_parts(conn, parts)


def read_set(data: bytes) -> AcceptedSet:
    """Returns an accepted set as its row has it."""
    return msgspec.msgpack.decode(data, type=AcceptedSet)
