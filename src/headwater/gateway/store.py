"""All SQL of the gateway: multipart uploads and their parts.

Every function takes the connection of the transaction that it is part of.
"""

from collections.abc import Iterator

import msgspec
import sqlalchemy as sa

from headwater.gateway.tables import parts, uploads
from headwater.storage import Pointer

_EXPIRED_AT_ONCE = 100


class UploadRow(msgspec.Struct, frozen=True):
    """An upload; one with an etag was completed, and is kept to give the same answer again."""

    id: str
    repo: str
    branch: str
    path: str
    created_ms: int
    expires_ms: int
    etag: str | None = None


class PartRow(msgspec.Struct, frozen=True):
    """A part of an upload; `root` is where its tree begins."""

    upload: str
    number: int
    etag: str
    size: int
    modified_ms: int
    root: bytes


_UPLOAD = [uploads.c[name] for name in UploadRow.__struct_fields__]
_PART = [parts.c[name] for name in PartRow.__struct_fields__]


def add_upload(conn: sa.Connection, row: UploadRow) -> None:
    """Keeps a new upload."""
    conn.execute(sa.insert(uploads).values(msgspec.structs.asdict(row)))


def upload_by_id(conn: sa.Connection, upload: str) -> UploadRow | None:
    """Returns an upload."""
    row = conn.execute(sa.select(*_UPLOAD).where(uploads.c.id == upload)).first()
    return None if row is None else UploadRow(*row)


def open_uploads(
    conn: sa.Connection, repo: str, branch: str, *, prefix: str, after: tuple[str, str], limit: int
) -> list[UploadRow]:
    """Returns uploads under way whose path begins so, by path and id, behind the given ones."""
    path, upload = after
    later = sa.or_(uploads.c.path > path, sa.and_(uploads.c.path == path, uploads.c.id > upload))
    query = (
        sa.select(*_UPLOAD)
        .where(uploads.c.repo == repo, uploads.c.branch == branch, uploads.c.etag.is_(None))
        .where(sa.func.substr(uploads.c.path, 1, len(prefix)) == prefix, later)
        .order_by(uploads.c.path, uploads.c.id)
        .limit(limit)
    )
    return [UploadRow(*row) for row in conn.execute(query)]


def lock_open(conn: sa.Connection, upload: str) -> bool:
    """Keeps an upload as it is until the transaction's end; false when it is over."""
    query = sa.select(uploads.c.id).where(uploads.c.id == upload, uploads.c.etag.is_(None))
    return conn.execute(query.with_for_update()).first() is not None


def put_part(conn: sa.Connection, row: PartRow) -> None:
    """Keeps a part, in place of an earlier one of the same number."""
    conn.execute(sa.delete(parts).where(parts.c.upload == row.upload, parts.c.number == row.number))
    conn.execute(sa.insert(parts).values(msgspec.structs.asdict(row)))


def parts_of(conn: sa.Connection, upload: str, *, after: int = 0, limit: int | None = None) -> list[PartRow]:
    """Returns the parts of an upload by number, behind a number."""
    query = sa.select(*_PART).where(parts.c.upload == upload, parts.c.number > after)
    query = query.order_by(parts.c.number)
    return [PartRow(*row) for row in conn.execute(query if limit is None else query.limit(limit))]


def complete(conn: sa.Connection, upload: str, *, etag: str, expires_ms: int) -> bool:
    """Ends an upload, which lets go of its parts; false when it is over already."""
    done = conn.execute(
        sa.update(uploads)
        .where(uploads.c.id == upload, uploads.c.etag.is_(None))
        .values(etag=etag, expires_ms=expires_ms)
    )
    conn.execute(sa.delete(parts).where(parts.c.upload == upload))
    return done.rowcount == 1


def remove_upload(conn: sa.Connection, upload: str) -> bool:
    """Forgets an upload and its parts; false when there is none under way."""
    if not lock_open(conn, upload):
        return False
    _remove(conn, [upload])
    return True


def remove_expired(conn: sa.Connection, now_ms: int) -> None:
    """Forgets some of the uploads that nobody completed in time."""
    query = sa.select(uploads.c.id).where(uploads.c.expires_ms < now_ms).limit(_EXPIRED_AT_ONCE)
    _remove(conn, list(conn.execute(query).scalars()))


def part_roots(conn: sa.Connection) -> Iterator[Pointer]:
    """Yields where the trees of all parts begin."""
    for root in conn.execute(sa.select(parts.c.root)).scalars():
        yield Pointer.decode(root)


def _remove(conn: sa.Connection, ids: list[str]) -> None:
    if ids:
        conn.execute(sa.delete(parts).where(parts.c.upload.in_(ids)))
        conn.execute(sa.delete(uploads).where(uploads.c.id.in_(ids)))
