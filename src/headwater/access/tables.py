"""The tables of tokens (who may do what until when, never the text of a token), and of keys."""

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

# The keys of a workspace without a folder.
workspace_keys = sa.Table(
    "workspace_keys",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("content", sa.LargeBinary, nullable=False),
)
