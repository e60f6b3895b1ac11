"""All SQL by which pipelines answer for the history of repos: who uses them, what must stay, what is kept of them.

Every function takes the connection of the transaction that it is part of.
"""

from collections.abc import Iterator, Sequence

import sqlalchemy as sa
from sqlalchemy import Connection

from headwater.ids import CommitId
from headwater.pipelines.store import TAKEN
from headwater.pipelines.tables import job_inputs, jobs, memos, pipeline_inputs, pipelines


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


def drop_memos(conn: Connection, repos: Sequence[str]) -> None:
    """Forgets what pipelines that write these repos have remembered."""
    writing = sa.select(pipelines.c.id).where(pipelines.c.output_repo.in_(repos))
    conn.execute(sa.update(memos).where(memos.c.pipeline_id.in_(writing)).values(root=None))


def memo_roots(conn: Connection) -> Iterator[tuple[str, bytes]]:
    """Yields the roots of all memo trees with the names of their pipelines."""
    query = (
        sa.select(pipelines.c.name, memos.c.root)
        .join(pipelines, pipelines.c.id == memos.c.pipeline_id)
        .where(memos.c.root.is_not(None))
        .order_by(memos.c.pipeline_id, memos.c.salt)
    )
    yield from ((row.name, row.root) for row in conn.execute(query))
