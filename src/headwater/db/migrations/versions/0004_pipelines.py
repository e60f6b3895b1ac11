"""The tables of pipelines, their versions, jobs and memo."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Creates them."""
    _pipelines()
    _pipeline_versions()
    _pipeline_inputs()
    _jobs()
    _job_inputs()
    _job_parts()
    _memos()


def _pipelines() -> None:
    op.create_table(
        "pipelines",
        sa.Column("id", _KEY, primary_key=True),
        sa.Column("name", sa.String(255), nullable=False, unique=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("output_repo", sa.String(255), nullable=False),
        sa.Column("output_branch", sa.String(255), nullable=False),
        sa.Column("salt", sa.String(32), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
    )


def _pipeline_versions() -> None:
    op.create_table(
        "pipeline_versions",
        sa.Column("pipeline_id", _KEY, sa.ForeignKey("pipelines.id"), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("spec", sa.LargeBinary, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
    )


def _pipeline_inputs() -> None:
    op.create_table(
        "pipeline_inputs",
        sa.Column("pipeline_id", _KEY, sa.ForeignKey("pipelines.id"), primary_key=True),
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("repo", sa.String(255), nullable=False),
        sa.Column("branch", sa.String(255), nullable=False),
        sa.Column("pinned", sa.String(32), nullable=True),
        sa.Column("follow", sa.Boolean, nullable=False),
    )
    op.create_index("pipeline_inputs_by_branch", "pipeline_inputs", ["repo", "branch"])


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False, unique=True),
        sa.Column("pipeline_id", _KEY, sa.ForeignKey("pipelines.id"), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("set_id", sa.String(32), nullable=False),
        sa.Column("commit_id", sa.String(32), nullable=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("cause", sa.String(16), nullable=False),
        sa.Column("run", sa.Integer, nullable=False, server_default="0"),
        sa.Column("kept", sa.Integer, nullable=False, server_default="0"),
        sa.Column("dropped", sa.Integer, nullable=False, server_default="0"),
        sa.Column("failed", sa.Integer, nullable=False, server_default="0"),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("started_ms", sa.BigInteger, nullable=True),
        sa.Column("finished_ms", sa.BigInteger, nullable=True),
        sa.Column("covered_by", sa.String(32), nullable=True),
        sa.Column("note", sa.Text, nullable=True),
        sa.Column("error", sa.LargeBinary, nullable=True),
        sa.Column("memory", sa.LargeBinary, nullable=False),
    )
    op.create_index("jobs_by_pipeline", "jobs", ["pipeline_id", "number"])
    op.create_index("jobs_by_pipeline_state", "jobs", ["pipeline_id", "state", "number"])
    op.create_index("jobs_by_set", "jobs", ["set_id"])


def _job_inputs() -> None:
    op.create_table(
        "job_inputs",
        sa.Column("job_id", sa.String(32), sa.ForeignKey("jobs.id"), primary_key=True),
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("repo", sa.String(255), nullable=False),
        sa.Column("branch", sa.String(255), nullable=False),
        sa.Column("commit_id", sa.String(32), nullable=False),
    )


def _job_parts() -> None:
    op.create_table(
        "job_parts",
        sa.Column("job_id", sa.String(32), sa.ForeignKey("jobs.id"), primary_key=True),
        sa.Column("datum_key", sa.LargeBinary(32), primary_key=True),
        sa.Column("memo_key", sa.LargeBinary(32), nullable=False),
        sa.Column("output", sa.LargeBinary, nullable=False),
        sa.Column("stats", sa.LargeBinary, nullable=False),
    )


def _memos() -> None:
    op.create_table(
        "memos",
        sa.Column("pipeline_id", _KEY, sa.ForeignKey("pipelines.id"), primary_key=True),
        sa.Column("salt", sa.String(32), primary_key=True),
        sa.Column("root", sa.LargeBinary, nullable=True),
    )
