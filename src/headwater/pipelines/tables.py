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
    sa.Index("pipelines_by_output", "output_repo", "output_branch"),
)

pipeline_versions = sa.Table(
    "pipeline_versions",
    metadata,
    sa.Column("pipeline_id", sa.ForeignKey("pipelines.id"), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("spec", sa.LargeBinary, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    # The stored code: root of its file tree, its fingerprint, and the interpreter and packages as JSON.
    sa.Column("code_root", sa.LargeBinary, nullable=True),
    sa.Column("code", sa.String(64), nullable=True),
    sa.Column("environment", sa.LargeBinary, nullable=True),
    sa.Column("author", sa.Text, nullable=False, server_default=""),
)

# The inputs of each pipeline's current version: what a commit on a branch looks up.
pipeline_inputs = sa.Table(
    "pipeline_inputs",
    metadata,
    sa.Column("pipeline_id", sa.ForeignKey("pipelines.id"), primary_key=True),
    sa.Column("leaf", sa.Integer, primary_key=True, autoincrement=False),  # its place in the spec
    sa.Column("name", sa.String(255), nullable=False),
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
    sa.Column("total", sa.BigInteger, nullable=True),  # how many datums there are in all
    sa.Column("recovered", sa.Integer, nullable=False, server_default="0"),
    # What must be equal for the difference of the inputs to say all that may have changed.
    sa.Column("recipe", sa.String(64), nullable=True),
    # Whether its commit, finished or failed, has the trees that the next plan starts from.
    sa.Column("based", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("forced", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("stats", sa.LargeBinary, nullable=True),
    # Where its commit goes: the pipeline's output, or a branch of its own.
    sa.Column("repo", sa.String(255), nullable=False, server_default=""),
    sa.Column("branch", sa.String(255), nullable=False, server_default=""),
    # How many of its input commits other jobs have yet to finish.
    sa.Column("waits", sa.Integer, nullable=False, server_default="0"),
    # Whether its own commit is finished, though it may still be copying that out.
    sa.Column("made", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index("jobs_by_commit", "commit_id"),
    sa.Index("jobs_by_covering", "covered_by"),
    sa.Index("jobs_by_pipeline", "pipeline_id", "number"),
    sa.Index("jobs_by_pipeline_state", "pipeline_id", "state", "number"),
    sa.Index("jobs_by_set", "set_id"),
)

job_inputs = sa.Table(
    "job_inputs",
    metadata,
    sa.Column("job_id", sa.ForeignKey("jobs.id"), primary_key=True),
    sa.Column("leaf", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("repo", sa.String(255), nullable=False),
    sa.Column("branch", sa.String(255), nullable=False),
    sa.Column("commit_id", sa.String(32), nullable=False),
    sa.Index("job_inputs_by_commit", "commit_id"),
)

# What has been accepted of a running job, a row per datum set, so that a dead
# coordinator's successor runs only what is missing.
job_parts = sa.Table(
    "job_parts",
    metadata,
    sa.Column("job_id", sa.ForeignKey("jobs.id"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("results", sa.LargeBinary, nullable=False),
)

# A memo is two trees: what was used lately, and what was before that and goes
# when the younger one has grown (`entries`) or aged (`turned_ms`) enough.
memos = sa.Table(
    "memos",
    metadata,
    sa.Column("pipeline_id", sa.ForeignKey("pipelines.id"), primary_key=True),
    sa.Column("salt", sa.String(32), primary_key=True),
    sa.Column("root", sa.LargeBinary, nullable=True),
    sa.Column("older", sa.LargeBinary, nullable=True),
    sa.Column("entries", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("turned_ms", sa.BigInteger, nullable=False, server_default="0"),
)

# Branches that follow another one of their repo when enough has come together there.
branch_triggers = sa.Table(
    "branch_triggers",
    metadata,
    sa.Column("repo", sa.String(255), primary_key=True),
    sa.Column("branch", sa.String(255), primary_key=True),
    sa.Column("source", sa.String(255), nullable=False),
    sa.Column("spec", sa.LargeBinary, nullable=False),
    # Counted from the source's commit that the branch followed last.
    sa.Column("commits", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("size", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("due", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("pipeline_id", sa.ForeignKey("pipelines.id"), nullable=True),  # whose input brought it about
    sa.Index("branch_triggers_by_source", "repo", "source"),
)

# What has left: the commit that each pipeline's egress has copied whole (`sent`),
# and those whose copying has begun and whose files may be there too.
egresses = sa.Table(
    "egresses",
    metadata,
    sa.Column("pipeline_id", sa.ForeignKey("pipelines.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("url_hash", sa.String(64), primary_key=True),
    sa.Column("commit_id", sa.String(32), primary_key=True),
    sa.Column("sent", sa.Boolean, nullable=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
)

# What runs for ever: how the process of a spout or service is, and what it said last.
longruns = sa.Table(
    "longruns",
    metadata,
    sa.Column("pipeline_id", sa.ForeignKey("pipelines.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("host", sa.Text, nullable=False, server_default=""),
    sa.Column("port", sa.Integer, nullable=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("commits", sa.Text, nullable=False, server_default="[]"),  # that a service reads, as JSON
    sa.Column(
        "last", sa.Text, nullable=False, server_default=""
    ),  # the name of what a spout handed over last
    sa.Column("error", sa.Text, nullable=True),
    sa.Column("restarts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
)

# What was committed last of each folder that a spout hands things over in; there is one on each machine.
spools = sa.Table(
    "spools",
    metadata,
    sa.Column("pipeline_id", sa.ForeignKey("pipelines.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("spool", sa.String(32), primary_key=True),
    sa.Column("token", sa.String(32), nullable=False),
)
