"""All SQL of the floor `access`.

Every function takes the connection of the transaction that it is part of.
"""

import msgspec
import sqlalchemy as sa

from headwater.access.tables import tokens, workspace_keys


class TokenRow(msgspec.Struct, frozen=True):
    """A token as the catalog holds it; scopes are parted by spaces, as in the token."""

    id: str
    name: str
    scopes: str
    created_ms: int
    expires_ms: int
    revoked_ms: int | None


_COLUMNS = [tokens.c[name] for name in TokenRow.__struct_fields__]


def add_token(conn: sa.Connection, row: TokenRow) -> None:
    """Keeps a new token's row."""
    conn.execute(sa.insert(tokens).values(msgspec.structs.asdict(row)))


def token_by_id(conn: sa.Connection, token_id: str) -> TokenRow | None:
    """Returns the token's row."""
    row = conn.execute(sa.select(*_COLUMNS).where(tokens.c.id == token_id)).first()
    return None if row is None else TokenRow(*row)


def usable_tokens(
    conn: sa.Connection, now_ms: int, *, after: tuple[int, str] | None, limit: int
) -> list[TokenRow]:
    """Returns tokens that are neither revoked nor expired, oldest first, after the given time and id."""
    query = sa.select(*_COLUMNS).where(tokens.c.revoked_ms.is_(None), tokens.c.expires_ms > now_ms)
    if after is not None:
        created_ms, token_id = after
        later = sa.and_(tokens.c.created_ms == created_ms, tokens.c.id > token_id)
        query = query.where(
            tokens.c.created_ms >= created_ms, sa.or_(tokens.c.created_ms > created_ms, later)
        )
    query = query.order_by(tokens.c.created_ms, tokens.c.id).limit(limit)
    return [TokenRow(*row) for row in conn.execute(query)]


def set_revoked(conn: sa.Connection, token_id: str, now_ms: int) -> None:
    """Revokes a token; the first time counts."""
    conn.execute(
        sa.update(tokens)
        .where(tokens.c.id == token_id, tokens.c.revoked_ms.is_(None))
        .values(revoked_ms=now_ms)
    )


def revoked_ids(conn: sa.Connection, now_ms: int) -> frozenset[str]:
    """Returns the ids of revoked tokens that have not expired by themselves."""
    query = sa.select(tokens.c.id).where(tokens.c.revoked_ms.is_not(None), tokens.c.expires_ms > now_ms)
    return frozenset(conn.execute(query).scalars())


def key_named(conn: sa.Connection, name: str) -> bytes | None:
    """Returns one of the workspace's keys, if it was made."""
    found: bytes | None = conn.execute(
        sa.select(workspace_keys.c.content).where(workspace_keys.c.name == name)
    ).scalar()
    return found


def all_keys(conn: sa.Connection) -> dict[str, bytes]:
    """Returns the keys that were made."""
    return {row.name: row.content for row in conn.execute(sa.select(workspace_keys))}


def add_key(conn: sa.Connection, name: str, content: bytes) -> None:
    """Keeps a key, unless there is one of this name."""
    conn.execute(_ADD_KEY, {"name": name, "content": content})


# One statement that SQLite and PostgreSQL both read.
_ADD_KEY = sa.text(
    "INSERT INTO workspace_keys (name, content) VALUES (:name, :content) ON CONFLICT (name) DO NOTHING"
)
