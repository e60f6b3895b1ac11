"""Tables of packing, sweeping and checking of segments."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates them, and what finds the segments of an object and those that are rows."""
    op.drop_index("segments_by_state", "segments")
    op.create_index("segments_by_state", "segments", ["state", "epoch", "length"])
    _index_where("segments_by_object", ["object"], "object IS NOT NULL")
    _index_where("segments_in_rows", ["id", "length"], "object IS NULL")
    op.create_index("commits_by_state", "commits", ["state", "size"])
    op.create_table(
        "packs",
        sa.Column("object", sa.String(255), primary_key=True),
        sa.Column("length", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "graves",
        sa.Column("object", sa.String(255), primary_key=True),
        sa.Column("reason", sa.String(16), nullable=False),
        sa.Column("due_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("graves_by_time", "graves", ["due_ms"])
    op.create_table(
        "erasures",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("place", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "care_times",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
    )


def _index_where(name: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, "segments", columns, sqlite_where=where, postgresql_where=where)
