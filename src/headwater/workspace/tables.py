"""Tables of the workspace itself: its settings where it has no folder, and its moves from place to place."""

import sqlalchemy as sa

from headwater.db import metadata

# `value` is JSON. A workspace in a folder has its settings in `headwater.toml` and no row here.
workspace_settings = sa.Table(
    "workspace_settings",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

# A row for each end of a move: in the catalog that is moved (`source`) and in the one that it becomes (`target`).
# `other` is the URL of the other end as it may be shown.
workspace_moves = sa.Table(
    "workspace_moves",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("role", sa.String(8), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("workspace", sa.String(64), nullable=False),
    sa.Column("other", sa.Text, nullable=False),
    sa.Column("objects", sa.Text, nullable=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
)

# How far each part of a move into this catalog has come: the last key, what there was up to it, and the sum of
# its digests. `later` says that references within the table are still to be set.
move_cursors = sa.Table(
    "move_cursors",
    metadata,
    sa.Column("what", sa.String(128), primary_key=True),
    sa.Column("position", sa.LargeBinary, nullable=True),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.LargeBinary(32), nullable=False),
    sa.Column("later", sa.Boolean, nullable=False),
    sa.Column("done", sa.Boolean, nullable=False),
)
