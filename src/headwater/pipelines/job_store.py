"""The SQL that looks at jobs: pages of them, sets of them, and what they read.

Every function takes the connection of the transaction that it is part of, and
returns rows whose number the caller has bounded.
"""

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from headwater.pipelines.store import JobRow
from headwater.pipelines.tables import job_inputs, jobs, pipelines

Seen = tuple[JobRow, str]
"""A job and the name of its pipeline."""

_SEEN = sa.select(*(jobs.c[name] for name in JobRow.__struct_fields__), pipelines.c.name).join(
    pipelines, pipelines.c.id == jobs.c.pipeline_id
)
_AT_ONCE = 500


def page(
    conn: Connection,
    *,
    kind: str | None = None,
    pipeline: str | None = None,
    state: str | None = None,
    before: int | None = None,
    limit: int,
) -> list[Seen]:
    """Returns jobs, newest first, below the number `before`."""
    wanted = {pipelines.c.kind: kind, pipelines.c.name: pipeline, jobs.c.state: state}
    query = _SEEN.where(*(column == value for column, value in wanted.items() if value is not None))
    if before is not None:
        query = query.where(jobs.c.number < before)
    return _seen(conn, query.order_by(jobs.c.number.desc()).limit(limit))


def beginning_with(conn: Connection, prefix: str, *, limit: int) -> list[Seen]:
    """Returns the jobs whose ids begin with the prefix; a whole id is one too."""
    is_one = sa.and_(jobs.c.id >= prefix, jobs.c.id < prefix + "g")  # ids are hexadecimal
    return _seen(conn, _SEEN.where(is_one).order_by(jobs.c.id).limit(limit))


def by_ids(conn: Connection, ids: Sequence[str]) -> list[Seen]:
    """Returns the jobs with these ids, oldest first."""
    found: list[Seen] = []
    for start in range(0, len(ids), _AT_ONCE):
        found += _seen(conn, _SEEN.where(jobs.c.id.in_(ids[start : start + _AT_ONCE])))
    return sorted(found, key=lambda one: one[0].number)


def of_set(conn: Connection, set_id: str) -> list[Seen]:
    """Returns the jobs of one commit set, oldest first."""
    return _seen(conn, _SEEN.where(jobs.c.set_id == set_id).order_by(jobs.c.number))


def sets_behind(conn: Connection, commit: str) -> list[str]:
    """Returns the sets of what was made of a commit last, through however many pipelines.

    Of each pipeline that reads a commit only the newest job that does counts:
    a commit that everything reads, such as a model's, is read by many.
    """
    found: dict[str, None] = {}
    commits, seen = [commit], {commit}
    while commits and len(found) < _AT_ONCE:
        newest = (
            sa.select(sa.func.max(jobs.c.number))
            .join(job_inputs, job_inputs.c.job_id == jobs.c.id)
            .where(job_inputs.c.commit_id.in_(commits[:_AT_ONCE]))
            .group_by(jobs.c.pipeline_id)
        )
        query = sa.select(jobs.c.set_id, jobs.c.commit_id).where(jobs.c.number.in_(newest))
        rows = list(conn.execute(query))
        found |= {row.set_id: None for row in rows}
        commits = [row.commit_id for row in rows if row.commit_id not in seen]
        seen |= set(commits)
    return list(found)


def newest_of(conn: Connection, names: Collection[str]) -> dict[str, JobRow]:
    """Returns the newest job of each of these pipelines that has one."""
    newest = (
        sa.select(sa.func.max(jobs.c.number))
        .join(pipelines, pipelines.c.id == jobs.c.pipeline_id)
        .where(pipelines.c.name.in_(names))
        .group_by(jobs.c.pipeline_id)
    )
    return {name: row for row, name in _seen(conn, _SEEN.where(jobs.c.number.in_(newest)))}


def inputs_of(conn: Connection, ids: Sequence[str]) -> dict[str, list[str]]:
    """Returns what each of the jobs reads, as refs in the order of the spec, each once."""
    found: dict[str, list[str]] = {one: [] for one in ids}
    for start in range(0, len(ids), _AT_ONCE):
        query = (
            sa.select(job_inputs.c.job_id, job_inputs.c.repo, job_inputs.c.commit_id)
            .where(job_inputs.c.job_id.in_(ids[start : start + _AT_ONCE]))
            .order_by(job_inputs.c.job_id, job_inputs.c.leaf)
        )
        for job, repo, commit in conn.execute(query):
            if (ref := f"{repo}@{commit}") not in found[job]:
                found[job].append(ref)
    return found


def _seen(conn: Connection, query: sa.Select[Any]) -> list[Seen]:
    return [(JobRow(*row[:-1]), row[-1]) for row in conn.execute(query)]
