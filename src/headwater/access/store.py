"""All SQL of the floor `access`.

Every function takes the connection of the transaction that it is part of.
"""

import msgspec
import sqlalchemy as sa

from headwater.access.tables import tokens


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
