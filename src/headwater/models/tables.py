"""The tables of models, their versions, environments and promotions.

A version costs one row, whatever its artifact holds, and a promotion one
more. What is in an environment is the newest promotion into it that moved.
"""

import sqlalchemy as sa

from headwater.db import KEY, metadata

models = sa.Table(
    "models",
    metadata,
    sa.Column("name", sa.String(255), primary_key=True),
    sa.Column("latest", sa.BigInteger, nullable=False),
    sa.Column("versions", sa.BigInteger, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
)

model_versions = sa.Table(
    "model_versions",
    metadata,
    sa.Column("model", sa.ForeignKey("models.name"), primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("commit_id", sa.String(32), nullable=False, unique=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
)

environments = sa.Table(
    "environments",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("gates", sa.LargeBinary, nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
)

# Refused ones too; `number` is their order. `replaced` is the version that was there until then, `base` the
# promotion whose version a rollback would bring back: promotions into one environment are a stack.
promotions = sa.Table(
    "promotions",
    metadata,
    sa.Column("number", KEY, primary_key=True),
    sa.Column("id", sa.String(32), nullable=False, unique=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("model", sa.String(255), nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("environment", sa.ForeignKey("environments.name"), nullable=False),
    sa.Column("replaced", sa.BigInteger, nullable=True),
    sa.Column("base", KEY, nullable=True),
    sa.Column("promoted_by", sa.Text, nullable=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("gates", sa.LargeBinary, nullable=False),
    sa.Column("moved", sa.Boolean, nullable=False),
    sa.Column("commit_id", sa.String(32), nullable=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.ForeignKeyConstraint(["model", "version"], ["model_versions.model", "model_versions.number"]),
    sa.Index("promotions_by_place", "model", "environment", "moved", "number"),
    sa.Index("promotions_by_commit", "commit_id"),
)
