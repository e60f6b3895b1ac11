"""Tables of storage: where segments are, the bytes of small ones, and what care of them needs to remember.

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
    sa.Index("segments_by_state", "state", "epoch", "length"),
)

# What lies in an object, and what still lies in the catalog: each a list of few, whatever there is in all.
_object, _row = segments.c.object.is_not(None), segments.c.object.is_(None)
sa.Index("segments_by_object", segments.c.object, sqlite_where=_object, postgresql_where=_object)
sa.Index("segments_in_rows", segments.c.id, segments.c.length, sqlite_where=_row, postgresql_where=_row)

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

# Objects that packing made, with their lengths: what their live segments do not fill is dead.
packs = sa.Table(
    "packs",
    metadata,
    sa.Column("object", sa.String(255), primary_key=True),
    sa.Column("length", sa.BigInteger, nullable=False),
)

# Objects that nothing in the catalog names, or soon will not; they are deleted at `due_ms`.
graves = sa.Table(
    "graves",
    metadata,
    sa.Column("object", sa.String(255), primary_key=True),
    sa.Column("reason", sa.String(16), nullable=False),
    sa.Column("due_ms", sa.BigInteger, nullable=False),
    sa.Index("graves_by_time", "due_ms"),
)

# Roots whose bytes a purge wants unreadable, until a sweep has seen to it; then, at offset 0, the segments
# that it found these bytes in beside others that stay.
erasures = sa.Table(
    "erasures",
    metadata,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("place", sa.LargeBinary, nullable=False),
)

# When each kind of care was taken last, and what it found.
care_times = sa.Table(
    "care_times",
    metadata,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
)
