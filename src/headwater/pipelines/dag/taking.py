"""Which of a pipeline's queued jobs runs next, and which older ones it does for.

The newest that waits for nothing does for all before it. But where another
pipeline, whose output meets this one's further down, has begun with a set,
nothing past that set is taken first: if each skipped what the other has
begun, the two would never meet while commits keep coming.
"""

from typing import Protocol

import msgspec
from sqlalchemy import Connection

from headwater.clock import Clock
from headwater.pipelines import store as rows
from headwater.pipelines.dag import lineage_store
from headwater.pipelines.dag import queue_store as store
from headwater.pipelines.dag.choosing import Choosing
from headwater.pipelines.dag.graph import related
from headwater.pipelines.dag.lineage import contradicts
from headwater.pipelines.dag.store import Dependent, Place
from headwater.pipelines.spec import PipelineSpec
from headwater.pipelines.store import JobRow, PipelineRow
from headwater.repos import Repos


class Behind(Protocol):
    """Passes on to others what becomes of queued jobs."""

    def cover(self, conn: Connection, repos: Repos, covered: list[Dependent], by: JobRow) -> None:
        """Ends queued jobs as taken together with a newer one, with what lies behind them."""

    def pass_over(self, conn: Connection, repos: Repos, job: JobRow) -> None:
        """Ends a queued job whose inputs do not agree."""


def take(
    conn: Connection, repos: Repos, pipeline: PipelineRow, behind: Behind, clock: Clock
) -> JobRow | None:
    """Begins the pipeline's next job, in the caller's transaction; none where all wait, or the pipeline is paused."""
    if pipeline.state != "running":
        return None
    while (job := _next(conn, pipeline)) is not None:
        spec = rows.spec_of(conn, pipeline.id, job.version)
        older = store.queued_before(conn, job) if _takes_together(spec, (job.repo, job.branch)) else []
        asked, forced = store.wishes_before(conn, job) if older else (False, False)
        asked = asked or job.cause == "request"
        if not _reads_one_state(conn, repos, spec, job, is_asked=asked):
            behind.pass_over(conn, repos, job)
            continue
        if older:
            behind.cover(conn, repos, older, job)
        begun = {
            "state": "starting",
            "started_ms": clock.now_ms(),
            "cause": "request" if asked else job.cause,
            "forced": forced or job.forced,
        }
        rows.change_job(conn, job.id, **begun)
        return msgspec.structs.replace(job, **begun)
    return None


def _next(conn: Connection, pipeline: PipelineRow) -> JobRow | None:
    places = store.places_queued(conn, pipeline.id)
    found = [job for place in places if (job := _candidate(conn, pipeline, place)) is not None]
    return min(found, key=lambda one: one.number, default=None)


def _reads_one_state(
    conn: Connection, repos: Repos, spec: PipelineSpec, job: JobRow, *, is_asked: bool
) -> bool:
    """Makes sure that what a job reads agrees, now that all of it is there.

    Since the job was inserted it, or what it reads, may have been given other
    commits to read, for those that it was to read failed or were taken
    together. One that was asked for goes back to the newest that agree.
    """
    free = {(item.repo, item.branch) for item in spec.inputs() if item.commit is None}
    if len(free) <= 1 or (job.repo, job.branch) != (spec.output.repo, spec.output.branch):
        return True
    inputs = lineage_store.above_job(conn, job.id)
    if not contradicts(inputs):
        return True
    now = dict(inputs.keys())
    agreed = Choosing(conn, repos).newest_agreeing(now) if is_asked else None
    for place, commit in (agreed or {}).items():
        if commit != now[place]:
            lineage_store.point_input(conn, job.id, place, commit)
    return agreed is not None


def is_ready(conn: Connection, pipeline: PipelineRow) -> bool:
    """Tells whether the pipeline runs and has a queued job that waits for nothing."""
    return pipeline.state == "running" and store.is_queued(conn, pipeline.id, ready=True)


def gathers(conn: Connection, pipeline: PipelineRow) -> bool:
    """Tells whether a job is ready that one which comes in a moment could do for."""
    if not is_ready(conn, pipeline):
        return False
    oldest = [
        store.oldest_queued(conn, pipeline.id, place) for place in store.places_queued(conn, pipeline.id)
    ]
    return any(one is not None and _is_coalescing(conn, pipeline, one) for one in oldest)


def _candidate(conn: Connection, pipeline: PipelineRow, place: Place) -> JobRow | None:
    oldest = store.oldest_queued(conn, pipeline.id, place)
    if oldest is None:
        return None
    if not _is_coalescing(conn, pipeline, oldest):
        return oldest if oldest.waits == 0 else None
    newest = store.newest_ready(conn, pipeline.id, place, most=None)
    if newest is None or newest.id == oldest.id:
        return newest
    limits = [
        store.last_of_request(conn, pipeline.id, place),
        _last_that_is_taken_together(conn, pipeline, place),
    ]
    beside = related(conn, pipeline)
    if beside:
        limits.append(store.first_begun_with(conn, pipeline.id, place, beside))
    most = min((limit for limit in limits if limit is not None), default=None)
    if most is None or newest.number <= most:
        return newest
    return store.newest_ready(conn, pipeline.id, place, most=most)


def _last_that_is_taken_together(conn: Connection, pipeline: PipelineRow, place: Place) -> int | None:
    """Returns a number before the first queued job under a version that runs each by itself; none where there is none.

    That one comes in its turn: what is older would else run after it, and undo it.
    """
    versions = store.first_of_versions(conn, pipeline.id, place)
    if len(versions) == 1:
        return None
    alone = [number for version, number in versions.items() if not _coalesces(conn, pipeline, version, place)]
    return min(alone) - 1 if alone else None


def _is_coalescing(conn: Connection, pipeline: PipelineRow, job: JobRow) -> bool:
    """Tells whether a job may do for older ones: not one that writes a branch of its own, not by its spec's one."""
    return _coalesces(conn, pipeline, job.version, (job.repo, job.branch))


def _coalesces(conn: Connection, pipeline: PipelineRow, version: int, place: Place) -> bool:
    return _takes_together(rows.spec_of(conn, pipeline.id, version), place)


def _takes_together(spec: PipelineSpec, place: Place) -> bool:
    return spec.coalesce and place == (spec.output.repo, spec.output.branch)
