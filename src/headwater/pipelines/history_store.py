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


def named_by_specs(conn: Connection, commits: Sequence[CommitId]) -> dict[CommitId, str]:
    """Returns which of the commits an input names, whatever its branch is at, with the name of the pipeline."""
    query = (
        sa.select(pipeline_inputs.c.pinned, pipelines.c.name)
        .join(pipelines, pipelines.c.id == pipeline_inputs.c.pipeline_id)
        .where(pipeline_inputs.c.pinned.in_(commits))
    )
    return {CommitId(commit): name for commit, name in conn.execute(query)}


def planned_from(conn: Connection, commits: Sequence[CommitId]) -> dict[CommitId, str]:
    """Returns which of the commits the next job of a pipeline starts its plan from, with the name of the pipeline.

    That is what the newest job that left trees has made, though that may have
    failed and no branch name it, and what it read, with which the next one compares.
    """
    newer = jobs.alias("newer")
    has_newer = sa.exists().where(
        newer.c.pipeline_id == jobs.c.pipeline_id,
        newer.c.number > jobs.c.number,
        newer.c.repo == jobs.c.repo,
        newer.c.branch == jobs.c.branch,
        newer.c.based,
    )
    is_last = [
        jobs.c.based,
        jobs.c.repo == pipelines.c.output_repo,
        jobs.c.branch == pipelines.c.output_branch,
        sa.not_(has_newer),
    ]
    joined = sa.join(jobs, pipelines, pipelines.c.id == jobs.c.pipeline_id)
    made = sa.select(jobs.c.commit_id, pipelines.c.name).select_from(joined)
    read = sa.select(job_inputs.c.commit_id, pipelines.c.name).select_from(
        joined.join(job_inputs, job_inputs.c.job_id == jobs.c.id)
    )
    query = made.where(jobs.c.commit_id.in_(commits), *is_last).union(
        read.where(job_inputs.c.commit_id.in_(commits), *is_last)
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


def owners_of(conn: Connection, repo: str, branch: str) -> list[tuple[str, bytes | None]]:
    """Returns the pipelines that may write a branch, by name: with no spec one whose output it is.

    With its spec one that reads the branch: it writes it too if it has a clock that ticks there.
    """
    outputs = sa.select(pipelines.c.name, sa.null().label("spec")).where(
        pipelines.c.output_repo == repo, pipelines.c.output_branch == branch
    )
    reading = (
        sa.select(pipelines.c.name, pipeline_versions.c.spec)
        .join(pipeline_inputs, pipeline_inputs.c.pipeline_id == pipelines.c.id)
        .join(
            pipeline_versions,
            sa.and_(
                pipeline_versions.c.pipeline_id == pipelines.c.id,
                pipeline_versions.c.version == pipelines.c.version,
            ),
        )
        .where(pipeline_inputs.c.repo == repo, pipeline_inputs.c.branch == branch)
    )
    return [(row.name, row.spec) for row in conn.execute(outputs.union_all(reading))]


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
