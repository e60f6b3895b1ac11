"""The tables of pipelines, their versions, jobs and memo.

A job costs a bounded number of rows, whatever it computes: one for itself,
one per input, and while it runs one per accepted datum set (`job_parts`),
which its finishing transaction removes again.
"""

import sqlalchemy as sa

from headwater.db import KEY, metadata

pipelines = sa.Table(
    "pipelines",
    metadata,
    sa.Column("id", KEY, primary_key=True),
    sa.Column("name", sa.String(255), nullable=False, unique=True),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("output_repo", sa.String(255), nullable=False),
    sa.Column("output_branch", sa.String(255), nullable=False),
    sa.Column("salt", sa.String(32), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
)

pipeline_versions = sa.Table(
    "pipeline_versions",
    metadata,
    sa.Column("pipeline_id", sa.ForeignKey("pipelines.id"), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("spec", sa.LargeBinary, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
)

# The inputs of each pipeline's current version: what a commit on a branch looks up.
pipeline_inputs = sa.Table(
    "pipeline_inputs",
    metadata,
    sa.Column("pipeline_id", sa.ForeignKey("pipelines.id"), primary_key=True),
    sa.Column("name", sa.String(255), primary_key=True),
    sa.Column("repo", sa.String(255), nullable=False),
    sa.Column("branch", sa.String(255), nullable=False),
    sa.Column("pinned", sa.String(32), nullable=True),
    sa.Column("follow", sa.Boolean, nullable=False),
    sa.Index("pipeline_inputs_by_branch", "repo", "branch"),
)

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False, unique=True),
    sa.Column("pipeline_id", sa.ForeignKey("pipelines.id"), nullable=False),
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
    sa.Index("jobs_by_pipeline", "pipeline_id", "number"),
    sa.Index("jobs_by_pipeline_state", "pipeline_id", "state", "number"),
    sa.Index("jobs_by_set", "set_id"),
)

job_inputs = sa.Table(
    "job_inputs",
    metadata,
    sa.Column("job_id", sa.ForeignKey("jobs.id"), primary_key=True),
    sa.Column("name", sa.String(255), primary_key=True),
    sa.Column("repo", sa.String(255), nullable=False),
    sa.Column("branch", sa.String(255), nullable=False),
    sa.Column("commit_id", sa.String(32), nullable=False),
)

# What has been accepted of a running job, so that a dead coordinator's
# successor runs only what is missing.
job_parts = sa.Table(
    "job_parts",
    metadata,
    sa.Column("job_id", sa.ForeignKey("jobs.id"), primary_key=True),
    sa.Column("datum_key", sa.LargeBinary(32), primary_key=True),
    sa.Column("memo_key", sa.LargeBinary(32), nullable=False),
    sa.Column("output", sa.LargeBinary, nullable=False),
    sa.Column("stats", sa.LargeBinary, nullable=False),
)

memos = sa.Table(
    "memos",
    metadata,
    sa.Column("pipeline_id", sa.ForeignKey("pipelines.id"), primary_key=True),
    sa.Column("salt", sa.String(32), primary_key=True),
    sa.Column("root", sa.LargeBinary, nullable=True),
)
