"""All SQL of storage: reserving, publishing and finding segments.

Every function takes the connection of the transaction that it is part of.
"""

import json
from collections.abc import Collection, Iterable, Iterator

import sqlalchemy as sa

from headwater.db import Counters, later
from headwater.storage.errors import SegmentsGone
from headwater.storage.tables import segment_bytes, segments, sweep_epoch
from headwater.storage.values import Reserved, SegmentPlace

PENDING, LIVE, CONDEMNED, QUARANTINED = "pending", "live", "condemned", "quarantined"
_COUNTER = "segment"
_BATCH = 500


def next_ids(conn: sa.Connection, count: int) -> int:
    """Returns the first of so many segment ids that were never given out."""
    return Counters.next(conn, _COUNTER, count)


def reserve(conn: sa.Connection, reserved: Iterable[Reserved], expires_ms: int) -> None:
    """Records segments that will be written as objects, before they are."""
    rows = [
        {
            "id": one.id,
            "state": PENDING,
            "epoch": 0,
            "object": one.key,
            "start": 0,
            "length": 0,
            "expires_ms": expires_ms,
        }
        for one in reserved
    ]
    conn.execute(sa.insert(segments), rows)


def renew(conn: sa.Connection, reserved: Iterable[Reserved], now_ms: int, expires_ms: int) -> set[int]:
    """Extends leases that have not run out; returns the ids of those segments."""
    kept = set()
    for one in reserved:
        done = conn.execute(
            sa.update(segments)
            .where(
                segments.c.id == one.id,
                segments.c.object == str(one.key),
                segments.c.state == PENDING,
                segments.c.expires_ms > now_ms,
            )
            .values(expires_ms=expires_ms)
        )
        if done.rowcount == 1:
            kept.add(one.id)
    return kept


def extend(conn: sa.Connection, ids: Collection[int], expires_ms: int) -> int:
    """Lets the reservations among some segments last longer, in one statement; returns how many those are."""
    update = sa.update(segments).where(segments.c.id.in_(_listed(conn, ids)), segments.c.state == PENDING)
    return conn.execute(update.values(expires_ms=expires_ms)).rowcount


def kept(conn: sa.Connection, ids: Collection[int]) -> set[int]:
    """Returns those of some segments that are published, or still reserved, in one statement."""
    is_kept = segments.c.state.in_((PENDING, LIVE))
    query = sa.select(segments.c.id).where(segments.c.id.in_(_listed(conn, ids)), is_kept)
    return set(conn.execute(query).scalars())


def insert_row(conn: sa.Connection, id: int, data: bytes | bytearray) -> None:
    """Publishes a small segment as a row."""
    conn.execute(_INSERT_ROW, {"row": id, "size": len(data)})
    conn.execute(_INSERT_BYTES, {"segment": id, "data": bytes(data)})


def publish_object(conn: sa.Connection, id: int, key: str, length: int) -> None:
    """Publishes a segment that was reserved and is an object by now; again is harmless.

    Raises:
        SegmentsGone: Its reservation ran out and was taken back, or another object was published for it.
    """
    is_ours = sa.or_(segments.c.state == PENDING, sa.and_(segments.c.state == LIVE, segments.c.object == key))
    done = conn.execute(
        sa.update(segments)
        .where(segments.c.id == id, is_ours)
        .values(state=LIVE, epoch=_epoch, object=key, length=length, expires_ms=None)
    )
    if done.rowcount != 1:
        raise SegmentsGone([id])


def touch(conn: sa.Connection, ids: Collection[int]) -> None:
    """Keeps segments from a sweep that began before this transaction.

    Raises:
        SegmentsGone: A sweep was faster with some of them.
    """
    for some in _batches(ids):
        living = (segments.c.id.in_(some), segments.c.state == LIVE)
        held = sa.select(segments.c.id).where(*living).order_by(segments.c.id).with_for_update()
        where = living if conn.dialect.name == "sqlite" else (segments.c.id.in_(held),)  # locked in one order
        done = conn.execute(sa.update(segments).where(*where).values(epoch=_epoch))
        if done.rowcount != len(some):
            found = conn.execute(
                sa.select(segments.c.id).where(segments.c.id.in_(some), segments.c.state == LIVE)
            ).scalars()
            raise SegmentsGone(sorted(set(some) - set(found)))


def release(conn: sa.Connection, ids: Collection[int]) -> None:
    """Takes reservations back whose objects do not exist."""
    for some in _batches(ids):
        conn.execute(sa.delete(segments).where(segments.c.id.in_(some), segments.c.state == PENDING))


def place_of(conn: sa.Connection, id: int) -> SegmentPlace | None:
    """Returns where a published segment is."""
    row = conn.execute(
        sa.select(segments.c.object, segments.c.start, segments.c.length).where(
            segments.c.id == id, segments.c.state != PENDING
        )
    ).first()
    return None if row is None else SegmentPlace(*row)


def places_of(conn: sa.Connection, ids: Collection[int]) -> dict[int, SegmentPlace]:
    """Returns where published segments are."""
    found: dict[int, SegmentPlace] = {}
    for some in _batches(ids):
        rows = conn.execute(
            sa.select(segments.c.id, segments.c.object, segments.c.start, segments.c.length).where(
                segments.c.id.in_(some), segments.c.state != PENDING
            )
        )
        found |= {id: SegmentPlace(*place) for id, *place in rows}
    return found


def bytes_of_many(conn: sa.Connection, ids: Collection[int]) -> dict[int, bytes]:
    """Returns the bytes of segments that are rows."""
    found: dict[int, bytes] = {}
    for some in _batches(ids):
        rows = conn.execute(
            sa.select(segment_bytes.c.segment, segment_bytes.c.data).where(segment_bytes.c.segment.in_(some))
        )
        found |= {id: bytes(data) for id, data in rows}
    return found


def bytes_of(conn: sa.Connection, id: int) -> bytes | None:
    """Returns the bytes of a segment that is a row."""
    found: bytes | None = conn.execute(
        sa.select(segment_bytes.c.data).where(segment_bytes.c.segment == id)
    ).scalar()
    return found


def stored_bytes(conn: sa.Connection) -> int:
    """Returns how many bytes all published segments have."""
    total = conn.execute(sa.select(sa.func.sum(segments.c.length)).where(segments.c.state == LIVE)).scalar()
    return int(total or 0)


def _listed(conn: sa.Connection, ids: Collection[int]) -> sa.Select[int]:
    """Returns ids as rows of a query: any number, in one parameter."""
    told = sa.literal(json.dumps(sorted(ids)))
    if conn.dialect.name == "sqlite":
        return sa.select(sa.column("value", sa.BigInteger)).select_from(sa.func.json_each(told))
    each = sa.func.json_array_elements_text(sa.cast(told, sa.JSON)).column_valued()
    return sa.select(sa.cast(each, sa.BigInteger))


def _batches(ids: Collection[int]) -> Iterator[list[int]]:
    ordered = sorted(ids)
    return (ordered[at : at + _BATCH] for at in range(0, len(ordered), _BATCH))


_epoch = sa.select(sweep_epoch.c.epoch).where(sweep_epoch.c.id == 1).scalar_subquery()
_INSERT_ROW = later(
    sa.insert(segments).values(
        id=sa.bindparam("row"), state=LIVE, epoch=_epoch, start=0, length=sa.bindparam("size")
    )
)  # built once: every commit runs it
_INSERT_BYTES = later(sa.insert(segment_bytes))
