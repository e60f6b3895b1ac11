"""The table of tokens: who may do what until when, and never the text of a token."""

import sqlalchemy as sa

from headwater.db import metadata

tokens = sa.Table(
    "tokens",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("scopes", sa.Text, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("expires_ms", sa.BigInteger, nullable=False),
    sa.Column("revoked_ms", sa.BigInteger, nullable=True),
    sa.Index("tokens_by_age", "created_ms", "id"),
    sa.Index("tokens_by_revocation", "revoked_ms"),
)
