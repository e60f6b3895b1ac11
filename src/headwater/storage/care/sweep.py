"""Frees segments that nothing leads to any more, while others go on writing.

1. Raise the epoch, while nobody else writes. Who writes later relies on
   segments at the new epoch; who wrote earlier is in the snapshot of step 2.
2. Take the roots from one snapshot of the catalog, and mark all below them.
3. Condemn what is live, of an older epoch, and not marked. A writer that
   relies on a segment meanwhile raises its epoch first, or finds it condemned
   and gives up; so nobody can come to rely on it afterwards.
4. Delete objects whose last segment is condemned, then the rows.

It may end at any point: what is condemned stays so, and the next sweep goes
on with it. Several at once do no harm. `tests/storage/care/test_epoch_rule.py`
tries every order of such steps.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import chain
from typing import IO

import msgspec

from headwater.db import Catalog
from headwater.storage.care import plans, store
from headwater.storage.care.erase import Eraser
from headwater.storage.care.mark import Marker
from headwater.storage.care.pack import LINGER_MS, Packer
from headwater.storage.care.roots import RootSource
from headwater.storage.care.values import Swept
from headwater.storage.errors import SegmentMissing
from headwater.storage.protocol import PASSING, ObjectKey, ObjectStore, delete_many, origin
from headwater.storage.reader import SegmentReader
from headwater.storage.reservations import SegmentIds
from headwater.storage.values import POINTER_BYTES, Pointer
from headwater.telemetry import Progress

_BATCH = 2_000
_TRIES = 3
_SPOOL_BYTES = 4 * 1024 * 1024
GRACE_MS = LINGER_MS  # how long an upload may come after its reservation was taken back
_PREFIX = "segments/"


class Sweeper:
    """One sweep."""

    def __init__(
        self,
        catalog: Catalog,
        objects: ObjectStore,
        reader: SegmentReader,
        ids: SegmentIds,
        packer: Packer,
        sources: Sequence[RootSource],
        progress: Progress,
    ) -> None:
        """Has done nothing yet."""
        self._catalog, self._objects, self._reader = catalog, objects, reader
        self._packer, self._sources, self._progress = packer, sources, progress
        self._eraser = Eraser(catalog, objects, reader, ids, progress)
        self._done = Swept()

    def run(self) -> Swept:
        """Sweeps, and returns what was freed."""
        self._delete_condemned()  # what a sweep before this one left
        epoch, marker, asked = self._mark()
        self._eraser.prepare(asked, marker)
        self._condemn(epoch, marker.segments)
        self._delete_condemned()
        self._take_back()
        self._note(erased=self._eraser.run(epoch, self._spooled_roots))
        with self._catalog.read() as conn:
            owed_ms = plans.time_of(conn, plans.REWRITE)
        is_done = self._repack(thoroughly=bool(asked) or owed_ms is not None)
        with self._catalog.write(shared=True) as conn:
            now_ms = self._catalog.now_ms(conn)
            plans.set_time(conn, "swept", now_ms)
            if asked or owed_ms is not None:
                plans.hasten(conn, "emptied", now_ms)
            if is_done and plans.time_of(conn, plans.REWRITE) == owed_ms:  # else another purge was taken up
                plans.forget_time(conn, plans.REWRITE)
        self._find_orphans()
        self._dig_graves()
        return self._done

    def _mark(self) -> tuple[int, Marker, list[tuple[int, Pointer]]]:
        """Raises the epoch and marks; anew where another sweep has meanwhile freed what was a root then."""
        for last in range(_TRIES):
            with self._catalog.write() as conn:  # alone: a writer of the epoch before must have ended
                epoch = store.raise_epoch(conn)
            with self._catalog.read() as conn:
                erasures = plans.erasures_asked(conn)
            marker = Marker(self._reader, self._progress)
            self._progress.start("Marking what is in use (blocks)")
            try:
                with closing(self._spool()) as roots:
                    marker.walk(_pointers(roots))
            except SegmentMissing:
                if last == _TRIES - 1:
                    raise
            else:
                self._progress.finish()
                self._note(epoch=epoch, kept=len(marker.segments))
                return epoch, marker, erasures
        raise AssertionError("the last try returns or raises")

    def _spool(self) -> IO[bytes]:
        """Writes the roots of one snapshot into a file, so that the snapshot need not last as long as the sweep."""
        file: IO[bytes] = tempfile.SpooledTemporaryFile(_SPOOL_BYTES)  # noqa: SIM115 - the caller closes it
        try:
            with self._catalog.read() as conn:
                for source in self._sources:
                    for place in source.roots(conn):
                        file.write(place.encode())
            file.seek(0)
        except BaseException:
            file.close()
            raise
        return file

    def _spooled_roots(self) -> Iterator[Pointer]:
        with closing(self._spool()) as roots:
            yield from _pointers(roots)

    def _condemn(self, epoch: int, marked: set[int]) -> None:
        self._progress.start("Condemning what is not (segments)")
        after = 0
        while True:
            with self._catalog.read() as conn:
                some = store.old_segments(conn, epoch, after, _BATCH)
            if not some:
                break
            after = some[-1].id
            dead = [one.id for one in some if one.id not in marked]
            if dead:
                with self._catalog.write(shared=True) as conn:
                    store.condemn(conn, dead, epoch)
            self._progress.advance(len(some))
        self._progress.finish()

    def _delete_condemned(self) -> None:
        """Deletes condemned segments: their objects first, so that a crash leaves rows to go on by."""
        while True:
            with self._catalog.read() as conn:
                some = store.condemned(conn, _BATCH)
                keys = {one.object for one in some if one.object is not None}
                empty = [key for key in sorted(keys) if not store.is_used(conn, key)]
            if not some:
                return
            delete_many(self._objects, [ObjectKey(key) for key in empty])
            with self._catalog.write(shared=True) as conn:
                count = store.delete_condemned(conn, [one.id for one in some])
                store.forget_packs(conn, empty)
            self._reader.forget([one.id for one in some])
            self._note(segments=count, size=sum(one.length for one in some), objects=len(empty))
            if not count:
                return  # another sweep is at them

    def _take_back(self) -> None:
        """Takes reservations back that ran out. Their objects go now, and once more for uploads that come late."""
        while True:
            with self._catalog.write(shared=True) as conn:
                now_ms = self._catalog.now_ms(conn)
                keys = store.take_back(conn, now_ms, _BATCH)
                gone = [key for key in keys if not store.is_used(conn, key)]
                plans.bury(conn, gone, "late", now_ms + GRACE_MS)
            if not keys:
                return
            delete_many(self._objects, [ObjectKey(key) for key in gone])
            self._note(reservations=len(keys))

    def _repack(self, *, thoroughly: bool) -> bool:
        """Packs anew what has holes; false where another process packs."""
        packed = self._packer.pack()
        linger_ms = 0 if thoroughly else LINGER_MS
        moved = self._packer.repack(linger_ms=linger_ms, thoroughly=thoroughly)
        if moved is None:
            return False
        total = msgspec.structs.replace(
            moved,
            segments=moved.segments + packed.segments,
            size=moved.size + packed.size,
            objects=moved.objects + packed.objects,
        )
        self._done = msgspec.structs.replace(self._done, packed=total)
        return True

    def _find_orphans(self) -> None:
        """Plans the deletion of objects that the catalog does not name; by its clock, for objects need not have one.

        An object's key is in the catalog before the object is there, and no
        key is used twice: what has none will never have one. What passes has
        none from the beginning, and is deleted by whoever wrote it, or here.
        """
        self._progress.start("Looking for objects that nothing names")
        batch: list[str] = []
        objects = origin(self._objects)
        for key in chain(objects.list(_PREFIX), objects.list(PASSING)):
            batch.append(key)
            if len(batch) == _BATCH:
                self._bury_unnamed(batch)
                batch = []
        self._bury_unnamed(batch)
        self._progress.finish()

    def _bury_unnamed(self, keys: Sequence[str]) -> None:
        if keys:
            with self._catalog.read() as conn:
                unknown = store.unnamed(conn, keys)
                unknown -= plans.planned(conn, unknown)
            if unknown:
                with self._catalog.write(shared=True) as conn:
                    plans.bury(conn, sorted(unknown), "orphan", self._catalog.now_ms(conn) + GRACE_MS)
            self._progress.advance(len(keys))

    def _dig_graves(self) -> None:
        """Deletes the objects whose time has come, if the catalog still does not need them."""
        while True:
            with self._catalog.read() as conn:
                due = plans.due_graves(conn, self._catalog.now_ms(conn), _BATCH)
                gone = [key for key in due if not store.is_used(conn, key)]
            if not due:
                return
            delete_many(self._objects, [ObjectKey(key) for key in gone])
            with self._catalog.write(shared=True) as conn:
                plans.close_graves(conn, due)
            self._note(orphans=len(gone))

    def _note(self, **counts: int) -> None:
        known = msgspec.structs.asdict(self._done)
        values = {name: n if name in ("epoch", "kept") else known[name] + n for name, n in counts.items()}
        self._done = msgspec.structs.replace(self._done, **values)


def _pointers(file: IO[bytes]) -> Iterator[Pointer]:
    while data := file.read(POINTER_BYTES):
        yield Pointer.decode(data)
