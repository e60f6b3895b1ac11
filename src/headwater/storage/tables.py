"""Tables of storage: where segments are, the bytes of small ones, the epoch of the sweep.

The bytes stand apart from the rest, so that touching a segment's epoch does
not write them again.
"""

import sqlalchemy as sa

from headwater.db import metadata

segments = sa.Table(
    "segments",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("object", sa.Text, nullable=True),
    sa.Column("start", sa.BigInteger, nullable=False),
    sa.Column("length", sa.BigInteger, nullable=False),
    sa.Column("expires_ms", sa.BigInteger, nullable=True),
    sa.Index("segments_by_state", "state", "epoch"),
)

segment_bytes = sa.Table(
    "segment_bytes",
    metadata,
    sa.Column(
        "segment",
        sa.BigInteger,
        sa.ForeignKey("segments.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("data", sa.LargeBinary, nullable=False),
)

sweep_epoch = sa.Table(
    "sweep_epoch",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
)
