"""Tables of the catalog engine itself: who migrated it, leases, counters."""

import sqlalchemy as sa

from headwater.db.metadata import KEY, metadata

schema_history = sa.Table(
    "schema_history",
    metadata,
    sa.Column("id", KEY, primary_key=True),
    sa.Column("revision", sa.Text, nullable=False),
    sa.Column("headwater", sa.Text, nullable=False),
    sa.Column("applied_ms", sa.BigInteger, nullable=False),
)

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("token", sa.BigInteger, nullable=False),
    sa.Column("expires_ms", sa.BigInteger, nullable=False),
)

counters = sa.Table(
    "counters",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
)
