"""All SQL by which commits are followed upward: what they were made of, and what a branch was at before.

A commit is followed only where it is read at the branch that its pipeline
writes: a branch that somebody moves, or a result that was made aside, is what
its owner means it to be. Nor does what a pipeline does not follow count, nor
what a job read that made the head of a branch on which nothing was due since.
Every function takes the connection of the transaction that it is part of.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from headwater.ids import CommitId
from headwater.pipelines.dag.store import Place, writes
from headwater.pipelines.tables import job_inputs, jobs, pipeline_inputs, pipelines

Pair = tuple[Place, CommitId]
_Table = sa.FromClause
_AT_ONCE = 500
# The only kind that always makes a commit; of others the head may stand for later inputs too.
_ALWAYS_DUE = "transform"


class Version(NamedTuple):
    """A commit that a branch was at, with the number of the job that made it."""

    number: int
    commit: CommitId


def _is_followed(maker: _Table, read: _Table) -> tuple[sa.Join, list[sa.ColumnElement[bool]]]:
    """Joins what made a commit with what it read, as far as that counts."""
    owner, leaf = pipelines.alias(), pipeline_inputs.alias()
    joined = (
        sa.join(maker, owner, owner.c.id == maker.c.pipeline_id)
        .join(read, read.c.job_id == maker.c.id)
        .outerjoin(leaf, sa.and_(leaf.c.pipeline_id == maker.c.pipeline_id, leaf.c.leaf == read.c.leaf))
    )
    is_loose = sa.and_(leaf.c.follow.is_(False), leaf.c.pinned.is_(None))
    return joined, [
        owner.c.output_repo == maker.c.repo,
        owner.c.output_branch == maker.c.branch,
        read.c.branch != "",
        sa.func.coalesce(is_loose, sa.false()).is_(False),
        sa.or_(owner.c.kind == _ALWAYS_DUE, ~_stands_for_later(maker)),
    ]


def _stands_for_later(maker: _Table) -> sa.ColumnElement[bool]:
    """Tells whether a job began after the one that made a commit, and found that nothing was due."""
    after, undue = jobs.alias(), jobs.alias()
    next_made = (
        sa.select(sa.func.min(after.c.number))
        .where(
            after.c.pipeline_id == maker.c.pipeline_id,
            after.c.state == "succeeded",
            after.c.number > maker.c.number,
            after.c.repo == maker.c.repo,
            after.c.branch == maker.c.branch,
        )
        .correlate(maker)
        .scalar_subquery()
    )
    return (
        sa.exists()
        .where(
            undue.c.pipeline_id == maker.c.pipeline_id,
            undue.c.state == "skipped",
            undue.c.covered_by.is_(None),
            undue.c.started_ms.is_not(None),
            undue.c.repo == maker.c.repo,
            undue.c.branch == maker.c.branch,
            undue.c.number > maker.c.number,
            sa.or_(next_made.is_(None), undue.c.number < next_made),
        )
        .correlate(maker)
    )


def _upward(first: "sa.Select[Any]") -> "sa.Select[Any]":
    """Follows rows of (root, branch, commit) to all that those commits were made of."""
    up = first.cte("up", recursive=True)
    maker, read = jobs.alias(), job_inputs.alias()
    joined, where = _is_followed(maker, read)
    further = (
        sa.select(up.c.root_repo, up.c.root_branch, up.c.root, read.c.repo, read.c.branch, read.c.commit_id)
        .select_from(joined.join(up, up.c.commit_id == maker.c.commit_id))
        .where(*where, maker.c.repo == up.c.repo, maker.c.branch == up.c.branch)
    )
    return sa.select(up.union(further))


def _above_commits() -> "sa.Select[Any]":
    maker, read = jobs.alias(), job_inputs.alias()
    joined, where = _is_followed(maker, read)
    first = (
        sa.select(
            maker.c.repo.label("root_repo"),
            maker.c.branch.label("root_branch"),
            maker.c.commit_id.label("root"),
            *(read.c.repo, read.c.branch, read.c.commit_id),
        )
        .select_from(joined)
        .where(*where, maker.c.commit_id.in_(sa.bindparam("commits", expanding=True)))
    )
    return _upward(first)


def _above_job() -> "sa.Select[Any]":
    read = job_inputs.alias()
    first = sa.select(
        read.c.repo.label("root_repo"),
        read.c.branch.label("root_branch"),
        read.c.commit_id.label("root"),
        *(read.c.repo, read.c.branch, read.c.commit_id),
    ).where(read.c.job_id == sa.bindparam("job"), read.c.branch != "")
    return _upward(first)


_ABOVE_COMMITS, _ABOVE_JOB = _above_commits(), _above_job()


def above(conn: Connection, commits: Collection[CommitId]) -> Mapping[Pair, set[Pair]]:
    """Returns all that commits were made of, through however many pipelines, by the commits at their branches."""
    found: dict[Pair, set[Pair]] = defaultdict(set)
    whole = list(commits)
    for at in range(0, len(whole), _AT_ONCE):
        _gather(conn.execute(_ABOVE_COMMITS, {"commits": whole[at : at + _AT_ONCE]}), found)
    return found


def above_job(conn: Connection, job: str) -> Mapping[Pair, set[Pair]]:
    """Returns what a job reads by its inputs: each input itself, and all that it was made of."""
    found: dict[Pair, set[Pair]] = defaultdict(set)
    _gather(conn.execute(_ABOVE_JOB, {"job": job}), found)
    return found


def _gather(rows: "sa.CursorResult[Any]", found: dict[Pair, set[Pair]]) -> None:
    for row in rows:
        root = (row.root_repo, row.root_branch), CommitId(row.root)
        found[root].add(((row.repo, row.branch), CommitId(row.commit_id)))


def version_until(conn: Connection, pipeline_id: int, place: Place, number: int) -> Version | None:
    """Returns the newest commit that a pipeline has finished at a branch, by a job up to this number."""
    query = (
        sa.select(jobs.c.number, jobs.c.commit_id)
        .where(
            jobs.c.pipeline_id == pipeline_id,
            jobs.c.state == "succeeded",
            jobs.c.number <= number,
            *writes(place),
        )
        .order_by(jobs.c.number.desc())
        .limit(1)
    )
    row = conn.execute(query).first()
    return None if row is None else Version(row.number, CommitId(row.commit_id))


def number_of(conn: Connection, commit: CommitId) -> int | None:
    """Returns the number of the job that makes, or has made, a commit."""
    return conn.execute(sa.select(jobs.c.number).where(jobs.c.commit_id == commit)).scalar()


def point_input(conn: Connection, job: str, place: Place, commit: CommitId) -> None:
    """Lets a job read another commit of a branch."""
    repo, branch = place
    where = (job_inputs.c.job_id == job, job_inputs.c.repo == repo, job_inputs.c.branch == branch)
    conn.execute(sa.update(job_inputs).where(*where).values(commit_id=commit))
