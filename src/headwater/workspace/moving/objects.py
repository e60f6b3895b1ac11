"""Copies the objects of one store into another, several at once, and looks at every one afterwards.

The catalog says which objects there are: those of live segments must be
there, those of reserved or condemned ones come along where they exist. An
object that is in the new store already, byte for byte, is not written again.
The cursor is the last key up to which all are there.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import groupby
from typing import NamedTuple, TypeVar

import msgspec
import sqlalchemy as sa

from headwater.db import Catalog
from headwater.storage import Damaged, ObjectKey, ObjectNotFound, ObjectStore, listed_blocks
from headwater.telemetry import Progress
from headwater.workspace import store
from headwater.workspace.moving import digest

CURSOR = "objects"
_AT_ONCE = 6
_CURSOR_EVERY = 32

_segments = sa.table("segments", *(sa.column(name) for name in ("id", "state", "object", "start", "length")))
_LIVE, _PENDING = "live", "pending"

A = TypeVar("A")
B = TypeVar("B")


class Named(NamedTuple):
    """An object that the catalog names: how long it must be, and whether something relies on it."""

    key: str
    extent: int
    needed: bool
    is_reserved: bool = False


class Copied(NamedTuple):
    """What came of one object: its length and digest, or what is wrong with it."""

    key: str
    size: int
    digest: int
    fault: str = ""
    counts: bool = True


class Part(NamedTuple):
    """A live segment and where it lies in its object."""

    segment: int
    key: str
    start: int
    length: int


def copy_objects(
    source: Catalog, target: Catalog, ours: ObjectStore, theirs: ObjectStore, progress: Progress
) -> tuple[store.Cursor, list[str]]:
    """Copies every object that is not there yet; returns what there is, and what is wrong with the source's."""
    with target.read() as conn:
        cursor = store.cursor_of(conn, CURSOR)
    after = None if cursor.position is None else cursor.position.decode()
    progress.start("Moving objects", size_bytes=_total(source))
    progress.advance(cursor.count, size_bytes=cursor.size)
    faults: list[str] = []
    since = 0
    for one in _several(lambda named: _copy(ours, theirs, named), _named(source, ours, after)):
        if one.fault:
            faults.append(one.fault)
        if one.counts and not faults:
            cursor = msgspec.structs.replace(
                cursor,
                position=one.key.encode(),
                count=cursor.count + 1,
                size=cursor.size + one.size,
                digest=digest.added(cursor.digest, one.digest),
            )
            since += 1
        progress.advance(size_bytes=one.size)
        if since == _CURSOR_EVERY:
            _keep(target, cursor)
            since = 0
    if not faults:
        cursor = msgspec.structs.replace(cursor, done=True)
    _keep(target, cursor)
    progress.finish(f"{cursor.count} objects moved")
    return cursor, faults


def check_objects(target: Catalog, theirs: ObjectStore, progress: Progress) -> tuple[bytes, list[str]]:
    """Reads every object that something relies on; returns the sum of their digests, and all that is wrong."""
    faults: list[str] = []
    total = bytes(32)
    progress.start("Reading objects back", size_bytes=_total(target))
    for one in _several(lambda parts: _check(theirs, parts), _parts(target)):
        if one.fault:
            faults.append(one.fault)
        total = digest.added(total, one.digest)
        progress.advance(size_bytes=one.size)
    progress.finish()
    return total, faults


def _copy(ours: ObjectStore, theirs: ObjectStore, named: Named) -> Copied:
    key = ObjectKey(named.key)
    try:
        data = ours.get(key)
    except ObjectNotFound:
        fault = f"the object {key} is missing from {ours.url}" if named.needed else ""
        return Copied(named.key, 0, 0, fault, counts=False)
    if named.needed and len(data) < named.extent:
        return Copied(named.key, 0, 0, f"the object {key} in {ours.url} is cut off at {len(data)} bytes")
    if not (theirs.exists(key) and theirs.get(key) == data):
        theirs.put(key, data)
    found = digest.of_object(named.key, data) if named.needed else 0
    return Copied(named.key, len(data), found, counts=not named.is_reserved)


def _check(theirs: ObjectStore, parts: list[Part]) -> Copied:
    key = parts[0].key
    try:
        data = theirs.get(ObjectKey(key))
        for part in parts:
            for _ in listed_blocks(part.segment, data[part.start : part.start + part.length]):
                pass
    except ObjectNotFound:
        return Copied(key, 0, 0, f"the object {key} is missing from {theirs.url}")
    except Damaged as damage:
        return Copied(key, 0, 0, f"a segment of the object {key} in {theirs.url} is damaged: {damage}")
    return Copied(key, len(data), digest.of_object(key, data))


def _several(work: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
    """Works on several items at once; yields what comes of them in their order."""
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="move") as pool:
        waiting: deque[Future[B]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > _AT_ONCE:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _named(catalog: Catalog, ours: ObjectStore, after: str | None) -> Iterator[Named]:
    """Yields the objects that published segments name, in the catalog's order, then those only reserved."""
    extent = sa.func.max(_segments.c.start + _segments.c.length)
    needed = sa.func.max(sa.case((_segments.c.state == _LIVE, 1), else_=0))
    query = (
        sa.select(_segments.c.object, extent, needed)
        .where(_segments.c.object.is_not(None), _segments.c.state != _PENDING)
        .group_by(_segments.c.object)
        .order_by(_segments.c.object)
    )
    if after is not None:
        query = query.where(_segments.c.object > after)
    with catalog.read() as conn:
        for key, length, is_needed in conn.execution_options(yield_per=500).execute(query):
            yield Named(key, int(length), bool(is_needed))
    yield from _reserved(catalog, ours)


def _reserved(catalog: Catalog, ours: ObjectStore) -> Iterator[Named]:
    """Yields objects that tasks have written and no commit has taken up: a job that goes on may need them."""
    query = sa.select(_segments.c.object).where(
        _segments.c.state == _PENDING, _segments.c.object.is_not(None)
    )
    with catalog.read() as conn:
        keys = set(conn.execute(query).scalars())
    if keys:
        for key in ours.list("segments/"):
            if (
                key.partition("-")[0] in keys
            ):  # each attempt at a reserved segment has a key that begins with its
                yield Named(key, 0, needed=False, is_reserved=True)


def _parts(catalog: Catalog) -> Iterator[list[Part]]:
    columns = (_segments.c.id, _segments.c.object, _segments.c.start, _segments.c.length)
    query = (
        sa.select(*columns)
        .where(_segments.c.object.is_not(None), _segments.c.state == _LIVE)
        .order_by(_segments.c.object, _segments.c.start)
    )
    with catalog.read() as conn:
        rows = (Part(*row) for row in conn.execution_options(yield_per=500).execute(query))
        for _, parts in groupby(rows, key=lambda part: part.key):
            yield list(parts)


def _total(catalog: Catalog) -> int:
    extent = sa.func.max(_segments.c.start + _segments.c.length).label("extent")
    objects = sa.select(extent).where(_segments.c.object.is_not(None)).group_by(_segments.c.object).subquery()
    with catalog.read() as conn:
        return int(conn.execute(sa.select(sa.func.sum(objects.c.extent))).scalar() or 0)


def _keep(target: Catalog, cursor: store.Cursor) -> None:
    with target.write() as conn:
        store.keep_cursor(conn, cursor)
