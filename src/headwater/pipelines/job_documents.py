"""Jobs as the documents that programs read, and what the jobs of a set come to together."""

from collections.abc import Iterable, Sequence

import msgspec

from headwater.api.documents import DatumCounts, JobInfo, JobState, SetInfo
from headwater.clock import rfc3339
from headwater.pipelines.store import JobRow

FAILED = ("failed", "cancelled", "blocked")
ENDED = ("succeeded", "skipped", *FAILED)


def job_document(
    row: JobRow, pipeline: str, inputs: Sequence[str] = (), *, held_by: Sequence[str] = ()
) -> JobInfo:
    """Returns a job's row as a document.

    Args:
        row: The row.
        pipeline: The name of its pipeline.
        inputs: Refs of the commits that it reads.
        held_by: The paused pipelines for which it waits.
    """
    error = None if row.error is None else msgspec.json.decode(row.error, type=dict)["message"]
    return JobInfo(
        id=row.id,
        pipeline=pipeline,
        commit=row.commit_id,
        state=row.state,  # type: ignore[arg-type]  # the column holds what JobState allows
        datums=DatumCounts(
            run=row.run, kept=row.kept, dropped=row.dropped, failed=row.failed, recovered=row.recovered
        ),
        created=rfc3339(row.created_ms),
        started=None if row.started_ms is None else rfc3339(row.started_ms),
        finished=None if row.finished_ms is None else rfc3339(row.finished_ms),
        error=error,
        note=row.note or (f"Waits: {is_paused(held_by)}." if held_by else None),
        set=row.set_id,
        version=row.version,
        cause=row.cause,
        total=row.total,
        inputs=list(inputs),
        stats={} if row.stats is None else msgspec.msgpack.decode(row.stats, type=dict),
        output=f"{row.repo}@{row.branch}" if row.branch else "",
        held_by=list(held_by),
    )


def is_paused(names: Sequence[str]) -> str:
    """Says which pipelines are paused: `the pipeline 'a' is paused`."""
    listed = ", ".join(repr(name) for name in names)
    return f"the pipelines {listed} are paused" if len(names) > 1 else f"the pipeline {listed} is paused"


def set_document(set_id: str, jobs: Sequence[JobInfo]) -> SetInfo:
    """Returns what the jobs come to together; nothing to do is success too."""
    held_by = sorted({name for job in jobs for name in job.held_by})
    return SetInfo(id=set_id, state=_together(jobs), datums=sum_of(jobs), jobs=list(jobs), held_by=held_by)


def sum_of(jobs: Iterable[JobInfo]) -> DatumCounts:
    """Returns the sums of what the jobs did with their datums."""
    counts = [job.datums for job in jobs]
    return DatumCounts(
        **{name: sum(getattr(one, name) for one in counts) for name in DatumCounts.__struct_fields__}
    )


def _together(jobs: Sequence[JobInfo]) -> JobState:
    states: list[JobState] = [job.state for job in jobs]
    under_way = [state for state in states if state not in ENDED]
    if under_way:
        return "queued" if len(under_way) == len(states) and set(states) == {"queued"} else "running"
    worst: tuple[JobState, ...] = ("failed", "cancelled", "blocked", "succeeded")
    return next((state for state in worst if state in states), "skipped" if states else "succeeded")
