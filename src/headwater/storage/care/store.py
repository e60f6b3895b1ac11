"""All SQL of care: tallies, moves of segments, epochs, condemned rows, reservations that ran out, graves.

Every function takes the connection of the transaction that it is part of.
Rows that are decided by are locked in the order of their ids, or passed over
where somebody else has them: so nobody waits in a ring, on any database.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple, TypeVar

import sqlalchemy as sa

from headwater.storage.care.values import Sizes
from headwater.storage.errors import SegmentsMoved
from headwater.storage.store import CONDEMNED, LIVE, PENDING, QUARANTINED
from headwater.storage.tables import packs, segment_bytes, segments, sweep_epoch

T = TypeVar("T", int, str)


BATCH = 500
_KEPT = (LIVE, QUARANTINED)


class Lying(NamedTuple):
    """A segment and where it lies; `object` is none for a row."""

    id: int
    object: str | None
    start: int
    length: int


_LYING = (segments.c.id, segments.c.object, segments.c.start, segments.c.length)


class Tally(NamedTuple):
    """How many segments lie as rows, counted up to a limit, and how many bytes they have."""

    rows: int
    size: int


def tally(conn: sa.Connection, limit: int) -> Tally:
    """Counts what lies in rows; the cost is that of the limit."""
    some = (
        sa.select(segments.c.length).where(segments.c.object.is_(None)).order_by(segments.c.id).limit(limit)
    )
    counted = some.subquery()
    rows, size = conn.execute(sa.select(sa.func.count(), sa.func.sum(counted.c.length))).one()
    return Tally(int(rows), int(size or 0))


def in_rows(conn: sa.Connection, limit: int, after: int = 0) -> list[Lying]:
    """Returns live segments that lie as rows, by id."""
    query = (
        sa.select(*_LYING)
        .where(segments.c.object.is_(None), segments.c.state == LIVE, segments.c.id > after)
        .order_by(segments.c.id)
        .limit(limit)
    )
    return [Lying(*row) for row in conn.execute(query)]


def in_object(conn: sa.Connection, key: str) -> list[Lying]:
    """Returns the live segments that lie in an object, in its order."""
    query = (
        sa.select(*_LYING)
        .where(segments.c.object == key, segments.c.state == LIVE)
        .order_by(segments.c.start)
    )
    return [Lying(*row) for row in conn.execute(query)]


def move(conn: sa.Connection, moved: Sequence[tuple[Lying, int]], key: str) -> None:
    """Records that live segments lie in another object now, each at its start there.

    Raises:
        SegmentsMoved: Some are not live any more, or lie elsewhere than they did.
    """
    ids = sorted(one.id for one, _ in moved)
    expected = {one.id: (one.object, one.start) for one, _ in moved}
    for some in batches(ids):
        rows = conn.execute(
            sa.select(segments.c.id, segments.c.object, segments.c.start)
            .where(segments.c.id.in_(some), segments.c.state == LIVE)
            .order_by(segments.c.id)
            .with_for_update()
        )
        found = {id: (object_, start) for id, object_, start in rows}
        if any(found.get(id) != expected[id] for id in some):
            raise SegmentsMoved
    conn.execute(_MOVE, [{"segment": one.id, "at": start, "key": key} for one, start in moved])
    from_rows = [one.id for one, _ in moved if one.object is None]
    for some in batches(from_rows):
        conn.execute(sa.delete(segment_bytes).where(segment_bytes.c.segment.in_(some)))


def add_pack(conn: sa.Connection, key: str, length: int) -> None:
    """Remembers an object that several segments lie in."""
    conn.execute(sa.insert(packs).values(object=key, length=length))


class Pack(NamedTuple):
    """A packed object: its length, and how much of that live segments have."""

    object: str
    length: int
    live: int


def loose_packs(conn: sa.Connection) -> Iterator[Pack]:
    """Yields packed objects in which anything is dead, and small objects; none that is in quarantine."""
    extent = sa.func.coalesce(packs.c.length, sa.func.max(segments.c.start + segments.c.length))
    live = sa.func.coalesce(sa.func.sum(segments.c.length), 0)
    query = (
        sa.select(segments.c.object, extent, live)
        .select_from(segments.outerjoin(packs, packs.c.object == segments.c.object))
        .where(segments.c.object.is_not(None), segments.c.state.in_((*_KEPT, CONDEMNED)))
        .group_by(segments.c.object, packs.c.length)
        .having(sa.func.sum(sa.case((segments.c.state == LIVE, 0), else_=1)) == 0)
        .having(sa.or_(live < extent, extent < SMALL_OBJECT_BYTES))
        .order_by(segments.c.object)
    )
    for row in conn.execution_options(yield_per=BATCH).execute(query):
        yield Pack(row[0], int(row[1]), int(row[2]))


SMALL_OBJECT_BYTES = 4 * 1024 * 1024


def release_carrier(conn: sa.Connection, id: int) -> bool:
    """Gives a carrier's reservation back; false if it ran out and was taken back before."""
    return conn.execute(
        sa.delete(segments).where(segments.c.id == id, segments.c.state == PENDING)
    ).rowcount == 1  # fmt: skip


def is_used(conn: sa.Connection, key: str) -> bool:
    """Tells whether a segment that is not condemned lies, or may come to lie, in an object."""
    names = {key, key.partition("-")[0]}  # a reservation has the beginning of the keys of all attempts at it
    used = (segments.c.object.in_(names), segments.c.state != CONDEMNED)
    query = sa.select(segments.c.id).where(*used).limit(1)
    return conn.execute(query).first() is not None


def raise_epoch(conn: sa.Connection) -> int:
    """Begins the next epoch and returns it. No other transaction may be writing: those that come have it."""
    conn.execute(sa.update(sweep_epoch).values(epoch=sweep_epoch.c.epoch + 1))
    return int(conn.execute(sa.select(sweep_epoch.c.epoch)).scalar_one())


def old_segments(conn: sa.Connection, epoch: int, after: int, limit: int) -> list[Lying]:
    """Returns segments, by id, that nobody has relied on since an epoch began."""
    query = (
        sa.select(*_LYING)
        .where(segments.c.id > after, segments.c.state.in_(_KEPT), segments.c.epoch < epoch)
        .order_by(segments.c.id)
        .limit(limit)
    )
    return [Lying(*row) for row in conn.execute(query)]


def condemn(conn: sa.Connection, ids: Collection[int], epoch: int) -> int:
    """Condemns those that are still live and of an older epoch; returns how many. One that is being touched stays."""
    count = 0
    for some in batches(ids):
        ours = (segments.c.id.in_(some), segments.c.state.in_(_KEPT), segments.c.epoch < epoch)
        locked = conn.execute(
            sa.select(segments.c.id).where(*ours).order_by(segments.c.id).with_for_update(skip_locked=True)
        )
        found = list(locked.scalars())
        if found:
            conn.execute(
                sa.update(segments).where(segments.c.id.in_(found), *ours[1:]).values(state=CONDEMNED)
            )
        count += len(found)
    return count


def condemned(conn: sa.Connection, limit: int) -> list[Lying]:
    """Returns condemned segments."""
    query = sa.select(*_LYING).where(segments.c.state == CONDEMNED).limit(limit)
    return [Lying(*row) for row in conn.execute(query)]


def delete_condemned(conn: sa.Connection, ids: Collection[int]) -> int:
    """Deletes rows of condemned segments and their bytes; returns how many there were."""
    count = 0
    for some in batches(ids):
        gone = sa.and_(segments.c.id.in_(some), segments.c.state == CONDEMNED)
        inner = sa.select(segments.c.id).where(gone).order_by(segments.c.id).with_for_update(skip_locked=True)
        found = list(conn.execute(inner).scalars())
        conn.execute(sa.delete(segment_bytes).where(segment_bytes.c.segment.in_(found)))
        count += conn.execute(
            sa.delete(segments).where(segments.c.id.in_(found), segments.c.state == CONDEMNED)
        ).rowcount
    return count


def forget_packs(conn: sa.Connection, keys: Collection[str]) -> None:
    """Forgets objects that are gone."""
    for some in batches(keys):
        conn.execute(sa.delete(packs).where(packs.c.object.in_(some)))


def take_back(conn: sa.Connection, now_ms: int, limit: int) -> list[str]:
    """Deletes reservations that ran out; returns the keys that they were for."""
    over = (segments.c.state == PENDING, segments.c.expires_ms < now_ms)
    rows = conn.execute(
        sa.select(segments.c.id, segments.c.object)
        .where(*over)
        .order_by(segments.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for some in batches([row.id for row in rows]):
        conn.execute(sa.delete(segments).where(segments.c.id.in_(some), *over))
    return [row.object for row in rows]


def unnamed(conn: sa.Connection, keys: Sequence[str]) -> set[str]:
    """Returns those of some objects that the catalog does not name, not even as an attempt at a reserved one."""
    bases = {key: key.partition("-")[0] for key in keys}
    known: set[str] = set()
    for some in batches({*keys, *bases.values()}):
        known |= set(conn.execute(sa.select(segments.c.object).where(segments.c.object.in_(some))).scalars())
    return {key for key, base in bases.items() if key not in known and not (base != key and base in known)}


def kept_ids(conn: sa.Connection) -> Iterator[int]:
    """Yields the ids of all segments that are live or in quarantine."""
    query = sa.select(segments.c.id).where(segments.c.state.in_(_KEPT))
    yield from conn.execution_options(yield_per=BATCH).execute(query).scalars()


def kept_segment(conn: sa.Connection, id: int) -> Lying | None:
    """Returns where a segment lies that is live or in quarantine; none for others."""
    row = conn.execute(sa.select(*_LYING).where(segments.c.id == id, segments.c.state.in_(_KEPT))).first()
    return None if row is None else Lying(*row)


def kept_rows(conn: sa.Connection, after: int, limit: int) -> list[Lying]:
    """Returns segments that lie as rows, by id."""
    query = (
        sa.select(*_LYING)
        .where(segments.c.id > after, segments.c.object.is_(None), segments.c.state.in_(_KEPT))
        .order_by(segments.c.id)
        .limit(limit)
    )
    return [Lying(*row) for row in conn.execute(query)]


def kept_objects(conn: sa.Connection, after: str, limit: int) -> list[str]:
    """Returns the objects that segments lie in, by key."""
    query = (
        sa.select(segments.c.object)
        .where(segments.c.object > after, segments.c.state.in_(_KEPT))
        .distinct()
        .order_by(segments.c.object)
        .limit(limit)
    )
    return list(conn.execute(query).scalars())


def kept_in_object(conn: sa.Connection, key: str) -> list[Lying]:
    """Returns the segments, live or quarantined, that lie in an object."""
    query = (
        sa.select(*_LYING)
        .where(segments.c.object == key, segments.c.state.in_(_KEPT))
        .order_by(segments.c.start)
    )
    return [Lying(*row) for row in conn.execute(query)]


def replace_row(conn: sa.Connection, id: int, data: bytes) -> None:
    """Puts other bytes in the place of a row's; whoever read those before finds that it lies elsewhere."""
    conn.execute(sa.delete(segment_bytes).where(segment_bytes.c.segment == id))
    conn.execute(sa.insert(segment_bytes).values(segment=id, data=data))
    conn.execute(  # of a row, `start` counts how often its bytes were replaced
        sa.update(segments)
        .where(segments.c.id == id, segments.c.state.in_(_KEPT))
        .values(state=LIVE, start=segments.c.start + 1)
    )


def release_from_quarantine(conn: sa.Connection, id: int, key: str, start: int) -> None:
    """Records that a segment is whole again, in another object."""
    conn.execute(
        sa.update(segments)
        .where(segments.c.id == id, segments.c.state.in_(_KEPT))
        .values(object=key, start=start, state=LIVE)
    )


def quarantine(conn: sa.Connection, ids: Collection[int], key: str | None) -> None:
    """Marks damaged segments, so that nothing new relies on them, and where they lie from now on."""
    values: dict[str, str] = {"state": QUARANTINED} | ({} if key is None else {"object": key})
    for some in batches(ids):
        conn.execute(
            sa.update(segments).where(segments.c.id.in_(some), segments.c.state.in_(_KEPT)).values(**values)
        )


def live_segment(conn: sa.Connection, id: int) -> Lying | None:
    """Returns where a live segment lies; none if it is not live."""
    row = conn.execute(sa.select(*_LYING).where(segments.c.id == id, segments.c.state == LIVE)).first()
    return None if row is None else Lying(*row)


def is_older(conn: sa.Connection, lying: Lying, epoch: int) -> bool:
    """Locks a segment; tells whether it lies where it did, and nobody has relied on it since an epoch began."""
    query = sa.select(*_LYING, segments.c.epoch).where(segments.c.id == lying.id, segments.c.state == LIVE)
    row = conn.execute(query.with_for_update()).first()
    return row is not None and Lying(*row[:4]) == lying and int(row[4]) < epoch


def sizes(conn: sa.Connection) -> Sizes:
    """Returns how much is stored; every number comes from an index alone."""
    stored = conn.execute(sa.select(sa.func.sum(segments.c.length)).where(segments.c.state.in_(_KEPT)))
    rows = conn.execute(
        sa.select(sa.func.count(), sa.func.sum(segments.c.length)).where(segments.c.object.is_(None))
    ).one()
    reserved = sa.select(sa.func.count()).select_from(segments).where(segments.c.state == PENDING)
    pending = int(conn.execute(reserved).scalar_one())
    named = sa.select(sa.func.count(segments.c.object.distinct())).where(segments.c.object.is_not(None))
    return Sizes(
        stored=int(stored.scalar() or 0),
        rows=int(rows[0]),
        row_bytes=int(rows[1] or 0),
        pending=pending,
        objects=int(conn.execute(named).scalar_one()) - pending,  # each is reserved with a key of its own
    )


def batches(items: Collection[T]) -> Iterator[list[T]]:
    """Yields the items in order, so many at once as a statement may have parameters for."""
    ordered = sorted(items)
    return (ordered[at : at + BATCH] for at in range(0, len(ordered), BATCH))


_MOVE = (
    sa.update(segments)
    .where(segments.c.id == sa.bindparam("segment"))
    .values(object=sa.bindparam("key"), start=sa.bindparam("at"))
)
