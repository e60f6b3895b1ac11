"""All SQL by which pipelines answer for the history of repos: who uses them, what must stay, what is kept of them.

Every function takes the connection of the transaction that it is part of.
"""

from collections.abc import Iterator, Sequence

import sqlalchemy as sa
from sqlalchemy import Connection

from headwater.ids import CommitId
from headwater.pipelines.store import TAKEN
from headwater.pipelines.tables import (
    branch_triggers,
    egresses,
    job_inputs,
    jobs,
    memos,
    pipeline_inputs,
    pipeline_versions,
    pipelines,
)


def readers(conn: Connection, repo: str, branch: str | None) -> list[str]:
    """Returns the pipelines that read a repo, or one branch of it, by name."""
    query = (
        sa.select(pipelines.c.name)
        .join(pipeline_inputs, pipeline_inputs.c.pipeline_id == pipelines.c.id)
        .where(pipeline_inputs.c.repo == repo)
        .distinct()
        .order_by(pipelines.c.name)
    )
    if branch is not None:
        query = query.where(pipeline_inputs.c.branch == branch)
    return list(conn.execute(query).scalars())


def writers(conn: Connection, repo: str, branch: str | None) -> list[str]:
    """Returns the pipelines that write a repo, or one branch of it, by name."""
    query = sa.select(pipelines.c.name).where(pipelines.c.output_repo == repo).order_by(pipelines.c.name)
    if branch is not None:
        query = query.where(pipelines.c.output_branch == branch)
    return list(conn.execute(query).scalars())


def read_by_jobs(conn: Connection, commits: Sequence[CommitId]) -> dict[CommitId, str]:
    """Returns which of the commits a job reads that has not ended, with the name of its pipeline."""
    query = (
        sa.select(job_inputs.c.commit_id, pipelines.c.name)
        .join(jobs, jobs.c.id == job_inputs.c.job_id)
        .join(pipelines, pipelines.c.id == jobs.c.pipeline_id)
        .where(
            jobs.c.pipeline_id.in_(
                sa.select(pipelines.c.id)
            ),  # so that the index by pipeline and state serves
            jobs.c.state.in_(("queued", *TAKEN)),
            job_inputs.c.commit_id.in_(commits),
        )
    )
    return {CommitId(commit): name for commit, name in conn.execute(query)}


def copied_out(conn: Connection, commits: Sequence[CommitId]) -> dict[CommitId, str]:
    """Returns which of the commits lie where an egress copied them last, with the name of the pipeline."""
    query = (
        sa.select(egresses.c.commit_id, pipelines.c.name)
        .join(pipelines, pipelines.c.id == egresses.c.pipeline_id)
        .where(egresses.c.commit_id.in_(commits))
    )
    return {CommitId(commit): name for commit, name in conn.execute(query)}


def owner_of(conn: Connection, repo: str, branch: str) -> str | None:
    """Returns the pipeline whose output a branch is, by name."""
    query = sa.select(pipelines.c.name).where(
        pipelines.c.output_repo == repo, pipelines.c.output_branch == branch
    )
    return conn.execute(query.limit(1)).scalar()


def followed(conn: Connection, repo: str, branch: str | None) -> list[tuple[str, str]]:
    """Returns (branch, the one that it follows) for branches of a repo, or for those that have to do with one."""
    query = sa.select(branch_triggers.c.branch, branch_triggers.c.source).where(
        branch_triggers.c.repo == repo
    )
    if branch is not None:
        query = query.where(branch_triggers.c.source == branch)
    return [(row.branch, row.source) for row in conn.execute(query.order_by(branch_triggers.c.branch))]


def drop_triggers(conn: Connection, repo: str, branch: str | None) -> None:
    """Forgets which other branches a branch follows, or all of a repo."""
    where = [branch_triggers.c.repo == repo]
    if branch is not None:
        where.append(branch_triggers.c.branch == branch)
    conn.execute(sa.delete(branch_triggers).where(*where))


def drop_memos(conn: Connection, commits: Sequence[CommitId], repos: Sequence[str]) -> None:
    """Forgets what pipelines that made these commits, or that write these repos, have remembered."""
    made = sa.select(jobs.c.pipeline_id).where(jobs.c.commit_id.in_(commits))
    writing = sa.select(pipelines.c.id).where(pipelines.c.output_repo.in_(repos))
    which = sa.or_(memos.c.pipeline_id.in_(made), memos.c.pipeline_id.in_(writing))
    conn.execute(sa.update(memos).where(which).values(root=None, older=None, entries=0))


def memo_roots(conn: Connection) -> Iterator[tuple[str, bytes]]:
    """Yields the roots of all memo trees, younger and older ones, with the names of their pipelines."""
    query = (
        sa.select(pipelines.c.name, memos.c.root, memos.c.older)
        .join(pipelines, pipelines.c.id == memos.c.pipeline_id)
        .order_by(memos.c.pipeline_id, memos.c.salt)
    )
    for row in conn.execute(query):
        yield from ((row.name, root) for root in (row.root, row.older) if root is not None)


def code_roots(conn: Connection) -> Iterator[tuple[str, int, bytes]]:
    """Yields the roots of the stored code of all versions, with the names of their pipelines and their numbers."""
    query = (
        sa.select(pipelines.c.name, pipeline_versions.c.version, pipeline_versions.c.code_root)
        .join(pipelines, pipelines.c.id == pipeline_versions.c.pipeline_id)
        .where(pipeline_versions.c.code_root.is_not(None))
        .order_by(pipeline_versions.c.pipeline_id, pipeline_versions.c.version)
    )
    yield from ((row.name, row.version, row.code_root) for row in conn.execute(query))
