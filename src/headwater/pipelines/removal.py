"""Ends the jobs of a pipeline that will not be run to their end, and removes one with all that goes with it."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from headwater.api.documents import RemovalInfo
from headwater.ids import CommitId
from headwater.pipelines import pipeline_store, store
from headwater.pipelines.dag import Trigger, crons_of
from headwater.pipelines.engine import store as parts
from headwater.pipelines.spec import PipelineSpec
from headwater.pipelines.store import PipelineRow
from headwater.repos import Repos

_UNENDED = ("queued", *store.TAKEN)


def end_unended(
    conn: Connection,
    repos: Repos,
    trigger: Trigger,
    pipeline: PipelineRow,
    *,
    now_ms: int,
    states: Sequence[str] = _UNENDED,
    error: bytes | None = None,
) -> int:
    """Ends the jobs in these states with their commits: as failed where there is an error, else as cancelled.

    A commit that is finished, of a job that was only copying it out, stays.
    Returns how many jobs that were.
    """
    number = 0
    for row in store.jobs_in(conn, pipeline.id, states):
        if store.job_state(conn, row.id) not in states:
            continue  # blocked meanwhile, by one that came before it
        how: Any = "cancelled" if error is None else "failed"
        store.change_job(conn, row.id, state=how, error=error, finished_ms=now_ms)
        parts.drop_parts(conn, row.id)
        repos.end_waiting(conn, [CommitId(row.commit_id or "")], state="failed")
        trigger.ended(conn, repos, row, how)
        number += 1
    return number


def read_by_others(
    conn: Connection, pipeline: PipelineRow, *, but_ticks: bool = False
) -> dict[str, Sequence[str]]:
    """Returns the repos of a pipeline that others read, each with the names of those."""
    spec = store.spec_of(conn, pipeline.id, pipeline.version)
    written = [pipeline.output_repo] if but_ticks else _written(pipeline, spec)
    found = {repo: pipeline_store.readers(conn, pipeline, repo) for repo in written}
    return {repo: names for repo, names in found.items() if names}


def remove(
    conn: Connection,
    repos: Repos,
    trigger: Trigger,
    pipeline: PipelineRow,
    *,
    now_ms: int,
    read: Mapping[str, Sequence[str]],
    why_kept: str = "",
    force: bool = False,
) -> RemovalInfo:
    """Removes a pipeline, its jobs, and the repos that were made for it, unless there is a reason to keep them.

    What `read_by_others` names stays, and with its results all that they were made of.

    Raises:
        InUse: Commits of other repos were made of its results.
    """
    cancelled = end_unended(conn, repos, trigger, pipeline, now_ms=now_ms)
    spec = store.spec_of(conn, pipeline.id, pipeline.version)
    jobs = pipeline_store.remove(conn, pipeline.id)
    own = pipeline.output_repo
    why_kept = why_kept or _told(read.get(own, ())) or ("it holds a model" if "/" in own else "")
    gone: list[str] = []
    for repo in () if why_kept else _written(pipeline, spec):
        if repo not in read and repos.kind_in(conn, repo) == "output":
            why = f"the pipeline {pipeline.name!r} was deleted"
            repos.remove(conn, repo, force=force or repo != own, reason=why)
            gone.append(repo)
    if own in gone:
        names = sorted({name for repo in read for name in read[repo]})
        return RemovalInfo(jobs, cancelled, gone, ", ".join(read) or None, _told(names))
    return RemovalInfo(jobs, cancelled, gone, own, why_kept or "it was not made for a pipeline")


def _written(pipeline: PipelineRow, spec: PipelineSpec) -> list[str]:
    """Returns the repo of the results, and those of ticks."""
    return list(dict.fromkeys((pipeline.output_repo, *(cron.repo for _, cron in crons_of(spec)))))


def _told(readers: Sequence[str]) -> str:
    return f"{', '.join(readers)} {'read' if len(readers) > 1 else 'reads'} it" if readers else ""
