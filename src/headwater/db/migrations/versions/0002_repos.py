"""The tables of repos, commits, provenance, branches, tags and the log of their moves."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Creates them."""
    _repos()
    _commits()
    _provenance()
    _branches()
    _tags()
    _ref_log()


def _repos() -> None:
    op.create_table(
        "repos",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("name", sa.String(128), nullable=False, unique=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
    )


def _commits() -> None:
    op.create_table(
        "commit_sets",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "commits",
        sa.Column("number", _KEY, primary_key=True),
        sa.Column("id", sa.String(32), nullable=False, unique=True),
        sa.Column("set_id", sa.String(32), sa.ForeignKey("commit_sets.id"), nullable=False),
        sa.Column("repo_id", _KEY, sa.ForeignKey("repos.id"), nullable=False),
        sa.Column("branch", sa.String(100), nullable=False),
        sa.Column("parent", sa.String(32), sa.ForeignKey("commits.id"), nullable=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("metadata", sa.LargeBinary, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("finished_ms", sa.BigInteger, nullable=True),
        sa.Column("files", sa.BigInteger, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("output", sa.LargeBinary, nullable=True),
        sa.Column("meta", sa.LargeBinary, nullable=True),
        sa.Column("owner", sa.LargeBinary, nullable=True),
        sa.Column("index", sa.LargeBinary, nullable=True),
        sa.Column("unfinished", sa.LargeBinary, nullable=True),
        sa.Column("record", sa.LargeBinary, nullable=True),
        sqlite_autoincrement=True,
    )
    op.create_index("commits_by_set", "commits", ["set_id", "number"])
    op.create_index("commits_by_repo", "commits", ["repo_id", "number"])


def _provenance() -> None:
    op.create_table(
        "provenance",
        sa.Column("commit_number", _KEY, sa.ForeignKey("commits.number"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("repo", sa.String(128), nullable=False),
        sa.Column("target", sa.String(128), nullable=False),
        sa.Column("role", sa.String(255), nullable=False),
    )
    op.create_index("provenance_by_target", "provenance", ["target", "kind", "commit_number"])


def _branches() -> None:
    op.create_table(
        "branches",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("repo_id", _KEY, sa.ForeignKey("repos.id"), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("head", sa.String(32), sa.ForeignKey("commits.id"), nullable=True),
        sa.Column("moved_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("branches_by_name", "branches", ["repo_id", "name"], unique=True)


def _tags() -> None:
    op.create_table(
        "tags",
        sa.Column("repo_id", _KEY, sa.ForeignKey("repos.id"), primary_key=True),
        sa.Column("name", sa.String(100), primary_key=True),
        sa.Column("commit_id", sa.String(32), sa.ForeignKey("commits.id"), nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
    )


def _ref_log() -> None:
    op.create_table(
        "ref_log",
        sa.Column("number", _KEY, primary_key=True),
        sa.Column("repo_id", _KEY, sa.ForeignKey("repos.id"), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("old", sa.String(32), nullable=True),
        sa.Column("new", sa.String(32), nullable=True),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ref_log_by_ref", "ref_log", ["repo_id", "kind", "name", "number"])
