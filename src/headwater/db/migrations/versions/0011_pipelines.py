"""Tables of pipelines over many files: inputs by their place, parts by set, triggers, egress."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Changes and creates them."""
    _versions()
    _inputs()
    _jobs()
    _memos()
    _triggers()
    _long_running()


def _versions() -> None:
    op.add_column("pipeline_versions", sa.Column("code_root", sa.LargeBinary, nullable=True))
    op.add_column("pipeline_versions", sa.Column("code", sa.String(64), nullable=True))
    op.add_column("pipeline_versions", sa.Column("environment", sa.LargeBinary, nullable=True))
    op.add_column("pipeline_versions", sa.Column("author", sa.Text, nullable=False, server_default=""))


def _inputs() -> None:
    """Gives both tables a key by place; until now a pipeline had one input."""
    op.create_table(
        "pipeline_inputs_next",
        sa.Column("pipeline_id", _KEY, sa.ForeignKey("pipelines.id"), primary_key=True),
        sa.Column("leaf", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("repo", sa.String(255), nullable=False),
        sa.Column("branch", sa.String(255), nullable=False),
        sa.Column("pinned", sa.String(32), nullable=True),
        sa.Column("follow", sa.Boolean, nullable=False),
    )
    op.execute(
        "INSERT INTO pipeline_inputs_next (pipeline_id, leaf, name, repo, branch, pinned, follow) "
        "SELECT pipeline_id, 0, name, repo, branch, pinned, follow FROM pipeline_inputs"
    )
    op.drop_table("pipeline_inputs")
    op.rename_table("pipeline_inputs_next", "pipeline_inputs")
    op.create_index("pipeline_inputs_by_branch", "pipeline_inputs", ["repo", "branch"])
    op.create_table(
        "job_inputs_next",
        sa.Column("job_id", sa.String(32), sa.ForeignKey("jobs.id"), primary_key=True),
        sa.Column("leaf", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("repo", sa.String(255), nullable=False),
        sa.Column("branch", sa.String(255), nullable=False),
        sa.Column("commit_id", sa.String(32), nullable=False),
    )
    op.execute(
        "INSERT INTO job_inputs_next (job_id, leaf, name, repo, branch, commit_id) "
        "SELECT job_id, 0, name, repo, branch, commit_id FROM job_inputs"
    )
    op.drop_table("job_inputs")
    op.rename_table("job_inputs_next", "job_inputs")
    op.create_index("job_inputs_by_commit", "job_inputs", ["commit_id"])


def _jobs() -> None:
    op.add_column("jobs", sa.Column("total", sa.BigInteger, nullable=True))
    op.add_column("jobs", sa.Column("recovered", sa.Integer, nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("recipe", sa.String(64), nullable=True))
    op.add_column("jobs", sa.Column("based", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("jobs", sa.Column("forced", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("jobs", sa.Column("stats", sa.LargeBinary, nullable=True))
    op.add_column("jobs", sa.Column("repo", sa.String(255), nullable=False, server_default=""))
    op.add_column("jobs", sa.Column("branch", sa.String(255), nullable=False, server_default=""))
    op.add_column("jobs", sa.Column("waits", sa.Integer, nullable=False, server_default="0"))
    op.add_column("jobs", sa.Column("made", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_index("jobs_by_commit", "jobs", ["commit_id"])
    op.create_index("jobs_by_covering", "jobs", ["covered_by"])
    op.create_index("pipelines_by_output", "pipelines", ["output_repo", "output_branch"])
    op.execute(
        "UPDATE jobs SET "
        "repo = (SELECT output_repo FROM pipelines WHERE pipelines.id = jobs.pipeline_id), "
        "branch = (SELECT output_branch FROM pipelines WHERE pipelines.id = jobs.pipeline_id), "
        "made = (state = 'succeeded'), based = (state = 'succeeded')"
    )
    # What jobs that run meanwhile had accepted is computed once more.
    op.drop_table("job_parts")
    op.create_table(
        "job_parts",
        sa.Column("job_id", sa.String(32), sa.ForeignKey("jobs.id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("results", sa.LargeBinary, nullable=False),
    )


def _memos() -> None:
    op.add_column("memos", sa.Column("older", sa.LargeBinary, nullable=True))
    op.add_column("memos", sa.Column("entries", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("memos", sa.Column("turned_ms", sa.BigInteger, nullable=False, server_default="0"))


def _triggers() -> None:
    op.create_table(
        "branch_triggers",
        sa.Column("repo", sa.String(255), primary_key=True),
        sa.Column("branch", sa.String(255), primary_key=True),
        sa.Column("source", sa.String(255), nullable=False),
        sa.Column("spec", sa.LargeBinary, nullable=False),
        sa.Column("commits", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("size", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("due", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("pipeline_id", _KEY, sa.ForeignKey("pipelines.id"), nullable=True),
    )
    op.create_index("branch_triggers_by_source", "branch_triggers", ["repo", "source"])
    op.create_table(
        "egresses",
        sa.Column("pipeline_id", _KEY, sa.ForeignKey("pipelines.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("url_hash", sa.String(64), primary_key=True),
        sa.Column("commit_id", sa.String(32), primary_key=True),
        sa.Column("sent", sa.Boolean, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
    )


def _long_running() -> None:
    op.create_table(
        "longruns",
        sa.Column("pipeline_id", _KEY, sa.ForeignKey("pipelines.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("host", sa.Text, nullable=False, server_default=""),
        sa.Column("port", sa.Integer, nullable=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("commits", sa.Text, nullable=False, server_default="[]"),
        sa.Column("last", sa.Text, nullable=False, server_default=""),
        sa.Column("error", sa.Text, nullable=True),
        sa.Column("restarts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "spools",
        sa.Column("pipeline_id", _KEY, sa.ForeignKey("pipelines.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("spool", sa.String(32), primary_key=True),
        sa.Column("token", sa.String(32), nullable=False),
    )
