"""Checks all that is stored: segments, objects, trees; and says what a damage touches.

First the bytes, segment by segment: is every one there, whole, and each block
what its hash says? Then the trees of all roots. What packing or sweeping
moves meanwhile is looked at where it lies now. Findings that touch commits
come at the end, when it is known which.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, TypeVar

import msgspec

from headwater.db import Catalog
from headwater.storage import store as segment_store
from headwater.storage.care import plans, store
from headwater.storage.care.examine import Damage, examine
from headwater.storage.care.roots import NamedRoot, RootSource, named
from headwater.storage.care.store import Lying
from headwater.storage.care.trees import Place, TreeWalk
from headwater.storage.care.values import Finding
from headwater.storage.errors import ObjectNotFound
from headwater.storage.protocol import ObjectKey, ObjectStore, origin
from headwater.storage.reader import SegmentReader
from headwater.storage.values import Pointer
from headwater.telemetry import Progress

if TYPE_CHECKING:
    from headwater.storage.care.repair import Repairer

_ROWS, _OBJECTS, _AT_ONCE, _KEYS = 64, 64, 4, 2_000
_MOST_COMMITS, _MOST_PATHS = 1_000, 100
_PREFIX = "segments/"
_SPOOL_BYTES = 4 * 1024 * 1024

T = TypeVar("T")
R = TypeVar("R")


class Checker:
    """One check."""

    def __init__(
        self,
        catalog: Catalog,
        objects: ObjectStore,
        reader: SegmentReader,
        sources: Sequence[RootSource],
        progress: Progress,
    ) -> None:
        """Has found nothing yet."""
        self._catalog, self._objects, self._reader = catalog, origin(objects), reader
        self._sources, self._progress = sources, progress

    def run(self, *, deep: bool, repairer: "Repairer | None" = None) -> Iterator[Finding]:
        """Yields findings, those of objects that nothing names first."""
        yield from self._orphans()
        damages = {damage.place: damage for damage in self._bytes(deep=deep)}
        self._reader.forget({damage.lying.id for damage in damages.values()})
        touched = self._trees(damages, deep=deep)
        outcomes = {} if repairer is None else repairer.repair(list(damages.values()))
        for place, damage in damages.items():
            commits, paths = touched.pop(place, ((), ()))
            yield _finding(damage, place[1], commits, paths, outcomes.get(damage.lying.id, ""))

    def _orphans(self) -> Iterator[Finding]:
        self._progress.start("Looking for objects that nothing names")
        keys = iter(self._objects.list(_PREFIX))
        while some := list(map(str, islice(keys, _KEYS))):
            with self._catalog.read() as conn:
                unknown = store.unnamed(conn, some)
                unknown -= plans.planned(conn, unknown)
            self._progress.advance(len(some))
            for key in sorted(unknown):
                yield Finding(
                    kind="object-orphaned",
                    what="An object that the catalog does not name",
                    where=f"object {key}",
                    object=key,
                    advice="`headwater gc` deletes it when it has seen it for a day.",
                )
        self._progress.finish()

    def _bytes(self, *, deep: bool) -> Iterator[Damage]:
        self._progress.start("Checking segments in the catalog")
        yield from self._row_damages()
        self._progress.finish()
        self._progress.start("Checking objects")
        look = self._whole_object if deep else self._present_object
        for damages in _several(look, self._keys()):
            self._progress.advance()
            yield from damages
        self._progress.finish()

    def _row_damages(self) -> Iterator[Damage]:
        after = 0
        while True:
            with self._catalog.read() as conn:
                some = store.kept_rows(conn, after, _ROWS)
                data = segment_store.bytes_of_many(conn, [one.id for one in some])
            if not some:
                return
            after = some[-1].id
            for one in some:
                yield from examine(one, data.get(one.id))
            self._progress.advance(len(some))

    def _keys(self) -> Iterator[str]:
        after = ""
        while True:
            with self._catalog.read() as conn:
                some = store.kept_objects(conn, after, _OBJECTS)
            if not some:
                return
            after = some[-1]
            yield from some

    def _whole_object(self, key: str) -> list[Damage]:
        try:
            data: bytes | None = self._objects.get(ObjectKey(key))
        except ObjectNotFound:
            data = None
        with (
            self._catalog.read() as conn
        ):  # after the object was read: what has left it meanwhile lies elsewhere
            lying = store.kept_in_object(conn, key)
        damages = []
        for one in lying:
            damages += examine(one, None if data is None else data[one.start : one.start + one.length])
        return [one for one in damages if self._is_still_there(one.lying)] if damages else []

    def _present_object(self, key: str) -> list[Damage]:
        is_there = self._objects.exists(ObjectKey(key))
        with self._catalog.read() as conn:
            lying = [] if is_there else store.kept_in_object(conn, key)
        return [damage for one in lying for damage in examine(one, None)]

    def _is_still_there(self, lying: Lying) -> bool:
        with self._catalog.read() as conn:
            return store.kept_segment(conn, lying.id) == lying

    def _trees(
        self, damages: dict[Place, Damage], *, deep: bool
    ) -> dict[Place, tuple[tuple[str, ...], tuple[str, ...]]]:
        """Walks all trees; adds what it finds to the damages, and returns the commits and paths that each touches."""
        with self._catalog.read() as conn:
            segments = set(store.kept_ids(conn))
        walk = TreeWalk(self._reader, damages, segments, self._progress, deep=deep)
        self._progress.start("Checking trees (nodes)")
        commits: dict[Place, dict[str, None]] = {}
        first: dict[Place, NamedRoot] = {}
        for root in self._roots():
            for place in walk.touched(root.place):
                first.setdefault(place, root)
                refs = commits.setdefault(place, {})
                if root.ref and len(refs) < _MOST_COMMITS:
                    refs[root.ref] = None
        self._progress.finish()
        self._add(damages, {place: why for place, why in walk.found.items() if place in commits})
        return {
            place: (
                tuple(refs),
                tuple(sorted(set(islice(walk.paths(first[place].place, place), _MOST_PATHS)))),
            )
            for place, refs in commits.items()
        }

    def _roots(self) -> Iterator[NamedRoot]:
        """Yields the roots of one snapshot, which is not kept open as long as the walk takes."""
        with SpooledTemporaryFile(_SPOOL_BYTES) as file:
            with self._catalog.read() as conn:
                for source in self._sources:
                    for root in named(source, conn):
                        file.write(
                            msgspec.json.encode((root.place.encode().hex(), root.ref, root.role)) + b"\n"
                        )
            file.seek(0)
            for line in file:
                place, ref, role = msgspec.json.decode(line, type=tuple[str, str, str])
                yield NamedRoot(Pointer.decode(bytes.fromhex(place)), ref, role)

    def _add(self, damages: dict[Place, Damage], found: dict[Place, str]) -> None:
        for (segment, offset), why in found.items():
            with self._catalog.read() as conn:
                lying = store.kept_segment(conn, segment)
            kind = "tree-inconsistent" if lying is not None else "segment-unknown"
            damage = Damage(kind, lying or Lying(segment, None, 0, 0), why)  # type: ignore[arg-type]
            damages.setdefault((segment, offset), damage)


def _finding(
    damage: Damage, offset: int, commits: Sequence[str], paths: Sequence[str], repaired: str
) -> Finding:
    lying, block = damage.lying, damage.block
    place = f"segment {lying.id}" + (
        f" of object {lying.object}" if lying.object else " (a row of the catalog)"
    )
    what = "A segment" if block is None else f"A {block.kind.name.lower().replace('_', ' ')}"
    return Finding(
        kind=damage.kind,
        what=f"{what}: {damage.why}",
        where=f"{place}, offset {offset}" if offset else place,
        segment=lying.id,
        object=lying.object,
        offset=offset or None,
        commits=tuple(commits),
        paths=tuple(paths),
        advice=_advice(commits, repaired),
        repaired=repaired,
    )


def _advice(commits: Iterable[str], repaired: str) -> str:
    if repaired == "restored":
        return "Nothing is left to do."
    if not any(True for _ in commits):
        return "No commit needs it; `headwater gc` removes it."
    if repaired == "quarantined":
        return "Put the files again or purge these commits, or repair with --from once a replica is at hand."
    return "Run `headwater check --repair`, with --from URL where a replica of the objects is kept."


def _several(work: Callable[[T], R], items: Iterator[T]) -> Iterator[R]:
    """Works on a few items at once; yields what comes of them in their order."""
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="headwater-check") as pool:
        while some := list(islice(items, _AT_ONCE)):
            yield from pool.map(work, some)
