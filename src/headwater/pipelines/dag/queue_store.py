"""All SQL by which the jobs that a pipeline has queued are told apart: which may run next, and what it does for.

None of it loads the queued jobs themselves, of which there may be thousands.
Every function takes the connection of the transaction that it is part of.
"""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from headwater.pipelines.dag.store import BEGUN, Dependent, Place, writes
from headwater.pipelines.store import JobRow
from headwater.pipelines.tables import jobs


def _queued(pipeline_id: int, place: Place | None = None) -> list[sa.ColumnElement[bool]]:
    of_place = [] if place is None else writes(place)
    return [jobs.c.pipeline_id == pipeline_id, jobs.c.state == "queued", *of_place]


def is_queued(conn: Connection, pipeline_id: int, *, ready: bool = False) -> bool:
    """Tells whether jobs of the pipeline are queued; with `ready`, such as wait for nothing."""
    query = sa.select(jobs.c.number).where(*_queued(pipeline_id)).limit(1)
    return conn.execute(query.where(jobs.c.waits == 0) if ready else query).first() is not None


def places_queued(conn: Connection, pipeline_id: int) -> list[Place]:
    """Returns where the pipeline's queued jobs write to."""
    query = sa.select(jobs.c.repo, jobs.c.branch).where(*_queued(pipeline_id)).distinct()
    return [(row.repo, row.branch) for row in conn.execute(query)]


def oldest_queued(conn: Connection, pipeline_id: int, place: Place) -> JobRow | None:
    """Returns the oldest queued job that writes to the branch."""
    return _job(conn, sa.select().where(*_queued(pipeline_id, place)).order_by(jobs.c.number))


def newest_ready(conn: Connection, pipeline_id: int, place: Place, *, most: int | None) -> JobRow | None:
    """Returns the newest queued job that writes to the branch and waits for nothing, up to the number `most`."""
    query = sa.select().where(*_queued(pipeline_id, place), jobs.c.waits == 0)
    if most is not None:
        query = query.where(jobs.c.number <= most)
    return _job(conn, query.order_by(jobs.c.number.desc()))


def _job(conn: Connection, query: "sa.Select[Any]") -> JobRow | None:
    columns = [jobs.c[name] for name in JobRow.__struct_fields__]
    row = conn.execute(query.add_columns(*columns).limit(1)).first()
    return None if row is None else JobRow(*row)


def first_begun_with(
    conn: Connection, pipeline_id: int, place: Place, related: Collection[int]
) -> int | None:
    """Returns the number of the oldest queued job of whose set a related pipeline's job has begun."""
    other = jobs.alias("other")
    begun = sa.exists().where(
        other.c.set_id == jobs.c.set_id,
        other.c.pipeline_id.in_(list(related)),
        other.c.state.in_(BEGUN),
    )
    query = sa.select(jobs.c.number).where(*_queued(pipeline_id, place), begun)
    return conn.execute(query.order_by(jobs.c.number).limit(1)).scalar()


def first_of_versions(conn: Connection, pipeline_id: int, place: Place) -> dict[int, int]:
    """Returns the number of the oldest queued job that writes to the branch under each version."""
    query = sa.select(jobs.c.version, sa.func.min(jobs.c.number)).where(*_queued(pipeline_id, place))
    return {row[0]: row[1] for row in conn.execute(query.group_by(jobs.c.version))}


def last_of_request(conn: Connection, pipeline_id: int, place: Place) -> int | None:
    """Returns the number of the last queued job under the spec that the first request among them was made for.

    None where nothing was requested, or all after it are under that spec.
    """
    where = _queued(pipeline_id, place)
    asked = conn.execute(
        sa.select(jobs.c.number, jobs.c.version)
        .where(*where, jobs.c.cause == "request")
        .order_by(jobs.c.number)
        .limit(1)
    ).first()
    if asked is None:
        return None
    other = conn.execute(
        sa.select(sa.func.min(jobs.c.number)).where(
            *where, jobs.c.number > asked.number, jobs.c.version != asked.version
        )
    ).scalar()
    if other is None:
        return None
    return conn.execute(sa.select(sa.func.max(jobs.c.number)).where(*where, jobs.c.number < other)).scalar()


def queued_before(conn: Connection, job: JobRow) -> list[Dependent]:
    """Returns the queued jobs of the same pipeline and branch before this one, oldest first; they read themselves."""
    query = (
        sa.select(jobs.c.id, jobs.c.pipeline_id, jobs.c.number, jobs.c.set_id, jobs.c.commit_id)
        .where(*_queued(job.pipeline_id, (job.repo, job.branch)), jobs.c.number < job.number)
        .order_by(jobs.c.number)
    )
    return [Dependent(*row, row.commit_id) for row in conn.execute(query)]


def wishes_before(conn: Connection, job: JobRow) -> tuple[bool, bool]:
    """Tells whether one of the queued jobs before this one was requested, and whether one was to forget results."""
    where = [*_queued(job.pipeline_id, (job.repo, job.branch)), jobs.c.number < job.number]
    asked = sa.select(jobs.c.id).where(*where, jobs.c.cause == "request").limit(1)
    forced = sa.select(jobs.c.id).where(*where, jobs.c.forced.is_(True)).limit(1)
    return conn.execute(asked).first() is not None, conn.execute(forced).first() is not None
