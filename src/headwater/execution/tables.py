"""Tables of the queue and of the workers that serve it."""

import sqlalchemy as sa

from headwater.db import KEY, metadata

# `rank` is the priority negated, so that one ascending index gives priority,
# then age. `key` stands here only while the task is unfinished. `again` says
# that the task was enqueued once more while it ran.
tasks = sa.Table(
    "tasks",
    metadata,
    sa.Column("number", KEY, primary_key=True),
    sa.Column("kind", sa.String(64), nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Column("key", sa.String(255), nullable=True, unique=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("rank", sa.Integer, nullable=False),
    sa.Column("due_ms", sa.BigInteger, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("attempts_allowed", sa.Integer, nullable=False),
    sa.Column("again", sa.Boolean, nullable=False),
    sa.Column("worker", sa.String(64), nullable=True),
    sa.Column("token", sa.BigInteger, nullable=True),
    sa.Column("error", sa.Text, nullable=True),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("finished_ms", sa.BigInteger, nullable=True),
    sa.Index("tasks_by_rank", "state", "kind", "rank", "number"),
    sa.Index("tasks_by_due", "state", "kind", "due_ms"),
    sqlite_autoincrement=True,
)

workers = sa.Table(
    "workers",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("host", sa.String(255), nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("started_ms", sa.BigInteger, nullable=False),
    sa.Column("heartbeat_ms", sa.BigInteger, nullable=False),
)
