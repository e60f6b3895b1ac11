"""All SQL of egress: which commit each destination has, and which ones it may have parts of.

Every function takes the connection of the transaction that it is part of.
"""

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection

from headwater.pipelines.tables import egresses


class Known(msgspec.Struct, frozen=True):
    """What a destination has: the commit that was sent whole, and those of which some files may be there."""

    sent: str | None
    begun: tuple[str, ...]


def known(conn: Connection, pipeline_id: int, place: str) -> Known:
    """Returns what was sent to a place."""
    query = (
        sa.select(egresses.c.commit_id, egresses.c.sent)
        .where(egresses.c.pipeline_id == pipeline_id, egresses.c.url_hash == place)
        .order_by(egresses.c.at_ms, egresses.c.commit_id)
    )
    rows = conn.execute(query).all()
    sent = next((row.commit_id for row in rows if row.sent), None)
    return Known(sent, tuple(row.commit_id for row in rows if not row.sent))


def begin(conn: Connection, pipeline_id: int, place: str, commit: str, now_ms: int) -> None:
    """Notes, before the first file, that files of a commit may be at a place."""
    values = {"pipeline_id": pipeline_id, "url_hash": place, "commit_id": commit}
    if conn.execute(sa.select(egresses.c.at_ms).where(*_is(values))).first() is None:
        conn.execute(sa.insert(egresses).values(**values, sent=False, at_ms=now_ms))


def end(conn: Connection, pipeline_id: int, place: str, commit: str, now_ms: int) -> None:
    """Notes that a place has exactly this commit."""
    values = {"pipeline_id": pipeline_id, "url_hash": place}
    conn.execute(sa.delete(egresses).where(*_is(values)))
    conn.execute(sa.insert(egresses).values(**values, commit_id=commit, sent=True, at_ms=now_ms))


def _is(values: dict[str, object]) -> list[sa.ColumnElement[bool]]:
    return [egresses.c[name] == value for name, value in values.items()]
