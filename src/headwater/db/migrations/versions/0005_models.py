"""The tables of models, their versions, environments and promotions."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Creates them."""
    _models()
    _model_versions()
    _environments()
    _promotions()


def _models() -> None:
    op.create_table(
        "models",
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("latest", sa.BigInteger, nullable=False),
        sa.Column("versions", sa.BigInteger, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
    )


def _model_versions() -> None:
    op.create_table(
        "model_versions",
        sa.Column("model", sa.String(255), sa.ForeignKey("models.name"), primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("commit_id", sa.String(32), nullable=False, unique=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
    )


def _environments() -> None:
    op.create_table(
        "environments",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("gates", sa.LargeBinary, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
    )


def _promotions() -> None:
    op.create_table(
        "promotions",
        sa.Column("number", _KEY, primary_key=True),
        sa.Column("id", sa.String(32), nullable=False, unique=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("model", sa.String(255), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("environment", sa.String(64), sa.ForeignKey("environments.name"), nullable=False),
        sa.Column("replaced", sa.BigInteger, nullable=True),
        sa.Column("base", _KEY, nullable=True),
        sa.Column("promoted_by", sa.Text, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("gates", sa.LargeBinary, nullable=False),
        sa.Column("moved", sa.Boolean, nullable=False),
        sa.Column("commit_id", sa.String(32), nullable=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["model", "version"], ["model_versions.model", "model_versions.number"]),
    )
    op.create_index("promotions_by_place", "promotions", ["model", "environment", "moved", "number"])
    op.create_index("promotions_by_commit", "promotions", ["commit_id"])
