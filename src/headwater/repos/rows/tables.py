"""Tables of repos, commits, their provenance, and the names that point to commits.

A commit costs a handful of rows, however many files it has: what it holds is
in the trees that its roots point to.
"""

import sqlalchemy as sa

from headwater.db import KEY, metadata

repos = sa.Table(
    "repos",
    metadata,
    sa.Column("id", KEY, primary_key=True),
    sa.Column("name", sa.String(128), nullable=False, unique=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("deleted_ms", sa.BigInteger, nullable=True),
)

commit_sets = sa.Table(
    "commit_sets",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
)

# `number` is the order in which commits were begun; `generation` is above those of the parent and of
# all that was merged, so that a walk backwards knows when it has met everything. The roots and the record
# are encoded pointers: from here a sweep begins. `branch` is the one it was made on.
commits = sa.Table(
    "commits",
    metadata,
    sa.Column("number", KEY, primary_key=True),
    sa.Column("id", sa.String(32), nullable=False, unique=True),
    sa.Column("set_id", sa.String(32), sa.ForeignKey("commit_sets.id"), nullable=False),
    sa.Column("repo_id", KEY, sa.ForeignKey("repos.id"), nullable=False),
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
    sa.Column("generation", sa.BigInteger, nullable=False, server_default="0"),
    sa.Index("commits_by_set", "set_id", "number"),
    sa.Index("commits_by_repo", "repo_id", "number"),
    sa.Index("commits_by_parent", "parent"),
    sa.Index("commits_by_state", "state", "size"),
    sa.Index("commits_by_age", "repo_id", "state", "finished_ms", "number"),
    sqlite_autoincrement=True,
)

# `repo` is a name and `target` an id: what they mean may lie in another workspace.
provenance = sa.Table(
    "provenance",
    metadata,
    sa.Column("commit_number", KEY, sa.ForeignKey("commits.number"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("repo", sa.String(128), nullable=False),
    sa.Column("target", sa.String(128), nullable=False),
    sa.Column("role", sa.String(255), nullable=False),
    sa.Index("provenance_by_target", "target", "kind", "commit_number"),
)

# What an open commit is to change, until it is finished or dropped: encoded pointers to the roots of two
# file trees (`puts`, `appended`) and of a map tree (`deleted`). A sweep begins from all three, as from a commit's.
drafts = sa.Table(
    "drafts",
    metadata,
    sa.Column("commit_id", sa.String(32), sa.ForeignKey("commits.id"), primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("changed_ms", sa.BigInteger, nullable=False),
    sa.Column("puts", sa.LargeBinary, nullable=True),
    sa.Column("appended", sa.LargeBinary, nullable=True),
    sa.Column("deleted", sa.LargeBinary, nullable=True),
)

# When, by whom and why the files of a commit were given up; `pending` until its tombstone is written.
purges = sa.Table(
    "purges",
    metadata,
    sa.Column("commit_number", KEY, sa.ForeignKey("commits.number"), primary_key=True),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("pending", sa.Boolean, nullable=False),
    sa.Index("purges_pending", "pending", "commit_number"),
)

# How long a repo keeps commits that nothing names: the newest so many of each branch, and those younger than so many days.
retentions = sa.Table(
    "retentions",
    metadata,
    sa.Column("repo_id", KEY, sa.ForeignKey("repos.id"), primary_key=True),
    sa.Column("last", sa.BigInteger, nullable=True),
    sa.Column("days", sa.BigInteger, nullable=True),
    sa.Column("set_ms", sa.BigInteger, nullable=False),
    sa.Column("set_by", sa.Text, nullable=False),
)

branches = sa.Table(
    "branches",
    metadata,
    sa.Column("id", KEY, primary_key=True),
    sa.Column("repo_id", KEY, sa.ForeignKey("repos.id"), nullable=False),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("head", sa.String(32), sa.ForeignKey("commits.id"), nullable=True),
    sa.Column("moved_ms", sa.BigInteger, nullable=False),
    sa.Index("branches_by_name", "repo_id", "name", unique=True),
)

tags = sa.Table(
    "tags",
    metadata,
    sa.Column("repo_id", KEY, sa.ForeignKey("repos.id"), primary_key=True),
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("commit_id", sa.String(32), sa.ForeignKey("commits.id"), nullable=False),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Index("tags_by_commit", "commit_id"),
)

# Every move of every branch and tag: from where, to where, when, by whom and why.
ref_log = sa.Table(
    "ref_log",
    metadata,
    sa.Column("number", KEY, primary_key=True),
    sa.Column("repo_id", KEY, sa.ForeignKey("repos.id"), nullable=False),
    sa.Column("kind", sa.String(8), nullable=False),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("old", sa.String(32), nullable=True),
    sa.Column("new", sa.String(32), nullable=True),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Index("ref_log_by_ref", "repo_id", "kind", "name", "number"),
    sqlite_autoincrement=True,
)
