"""Tables of open commits, retention and tombstones."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Creates them."""
    _drafts()
    _history()


def _drafts() -> None:
    op.create_table(
        "drafts",
        sa.Column("commit_id", sa.String(32), sa.ForeignKey("commits.id"), primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("changed_ms", sa.BigInteger, nullable=False),
        sa.Column("puts", sa.LargeBinary, nullable=True),
        sa.Column("appended", sa.LargeBinary, nullable=True),
        sa.Column("deleted", sa.LargeBinary, nullable=True),
    )


def _history() -> None:
    op.add_column("repos", sa.Column("deleted_ms", sa.BigInteger, nullable=True))
    op.add_column("commits", sa.Column("generation", sa.BigInteger, nullable=False, server_default="0"))
    op.execute(
        "UPDATE commits SET generation = number"
    )  # until now nothing was begun before what it is built on
    op.create_index("tags_by_commit", "tags", ["commit_id"])
    op.create_index("commits_by_parent", "commits", ["parent"])
    op.create_index("commits_by_age", "commits", ["repo_id", "state", "finished_ms", "number"])
    op.create_table(
        "purges",
        sa.Column("commit_number", _KEY, sa.ForeignKey("commits.number"), primary_key=True),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("pending", sa.Boolean, nullable=False),
    )
    op.create_index("purges_pending", "purges", ["pending", "commit_number"])
    op.create_table(
        "retentions",
        sa.Column("repo_id", _KEY, sa.ForeignKey("repos.id"), primary_key=True),
        sa.Column("last", sa.BigInteger, nullable=True),
        sa.Column("days", sa.BigInteger, nullable=True),
        sa.Column("set_ms", sa.BigInteger, nullable=False),
        sa.Column("set_by", sa.Text, nullable=False),
    )
