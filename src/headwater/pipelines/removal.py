"""Ends the jobs of a pipeline that will not be run to their end: given up, or gone with the pipeline."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from headwater.ids import CommitId
from headwater.pipelines import store
from headwater.pipelines.dag import Trigger
from headwater.pipelines.engine import store as parts
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
) -> None:
    """Ends the jobs in these states with their commits: as failed where there is an error, else as cancelled.

    A commit that is finished, of a job that was only copying it out, stays.
    """
    for row in store.jobs_in(conn, pipeline.id, states):
        if store.job_state(conn, row.id) not in states:
            continue  # blocked meanwhile, by one that came before it
        how: Any = "cancelled" if error is None else "failed"
        store.change_job(conn, row.id, state=how, error=error, finished_ms=now_ms)
        parts.drop_parts(conn, row.id)
        repos.end_waiting(conn, [CommitId(row.commit_id or "")], state="failed")
        trigger.ended(conn, repos, row, how)
