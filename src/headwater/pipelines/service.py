"""Pipelines and their jobs as the floors above use them: submit, look, wait, cancel.

Creating a pipeline, its new version and its first job are one transaction, so
that a request is either accepted whole or not at all.
"""

from collections.abc import Callable, Iterator, Sequence

import msgspec
from blake3 import blake3
from sqlalchemy import Connection

from headwater.api.documents import DatumCounts, JobInfo, Listing
from headwater.clock import Clock, rfc3339
from headwater.db import Catalog
from headwater.errors import InvalidInput
from headwater.execution import Task
from headwater.ids import CommitId
from headwater.pipelines import store
from headwater.pipelines.errors import InvalidSpec, JobFailed, JobNotFound
from headwater.pipelines.spec import PipelineSpec
from headwater.pipelines.trigger import Trigger
from headwater.repos import Repos

_ENDED = ("succeeded", "failed", "cancelled", "skipped")
_POLL_S = 0.1
_PAGE = 100


class Pipelines:
    """The pipelines of a workspace."""

    def __init__(self, catalog: Catalog, repos: Repos, trigger: Trigger, clock: Clock) -> None:
        """Keeps the parts."""
        self._catalog, self._repos, self._trigger, self._clock = catalog, repos, trigger, clock

    def submit(self, spec: PipelineSpec, *, priority: int = 0) -> JobInfo:
        """Creates or updates the pipeline and starts a job at its inputs' present heads.

        Raises:
            InvalidSpec: An input has no commit to read yet.
        """
        with self._catalog.write() as conn:
            self._repos.ensure(conn, spec.output.repo, kind="output")
            digest = blake3(spec.canonical()).hexdigest()
            pipeline = store.save_pipeline(conn, spec, digest, self._clock.now_ms())
            set_id = self._repos.new_set(conn)
            job = self._trigger.start(
                conn, self._repos, pipeline, set_id=set_id, cause="request", priority=priority
            )
            if job is None:
                names = ", ".join(f"{item.repo}@{item.branch}" for item in spec.inputs())
                raise InvalidSpec(
                    f"There is nothing to read yet at {names}.",
                    hint="Commit some data first: `headwater put …`.",
                )
            row = store.job_by_id(conn, job)
            assert row is not None, "the job was added in this transaction"
            return _document(row, pipeline.name)

    def abandon(self, conn: Connection, task: Task, error: str) -> None:
        """Ends the job in hand of a pipeline whose coordinators died too often, in the caller's transaction."""
        pipeline_id = int(task.payload)
        told = {"kind": "job-abandoned", "message": f"The job was given up: {error}", "details": []}
        told["hint"] = (
            "The worker's log says how its processes ended; send the request again when that is mended."
        )
        for row in store.jobs_in(conn, pipeline_id, store.TAKEN):
            now = self._clock.now_ms()
            store.change_job(conn, row.id, state="failed", error=msgspec.json.encode(told), finished_ms=now)
            store.drop_parts(conn, row.id)
            self._repos.complete(conn, CommitId(row.commit_id or ""), state="failed")
        if store.jobs_in(conn, pipeline_id, ("queued",)):
            self._trigger.wake(conn, pipeline_id)


class Jobs:
    """The jobs of a workspace, of all pipelines or of one kind."""

    def __init__(self, catalog: Catalog, repos: Repos, clock: Clock, *, kind: str | None = None) -> None:
        """Keeps the parts; with `kind`, lists only jobs of such pipelines."""
        self._catalog, self._repos, self._clock, self._kind = catalog, repos, clock, kind

    def get(self, job: str) -> JobInfo:
        """Returns a job.

        Raises:
            JobNotFound: There is none with this id.
        """
        with self._catalog.read() as conn:
            return _document(*self._row(conn, job))

    def list(self, *, cursor: str | None = None, limit: int = _PAGE) -> Listing[JobInfo]:
        """Returns a page of jobs, newest first.

        Raises:
            InvalidInput: The cursor is not one that a page gave.
        """
        if cursor is not None and not cursor.isdigit():
            raise InvalidInput(f"{cursor!r} is not a cursor.", hint="Use the `next` of the page before.")
        before = int(cursor) if cursor else None
        with self._catalog.read() as conn:
            rows = list(store.list_jobs(conn, kind=self._kind, before=before, limit=limit + 1))
        following = str(rows[limit - 1][0].number) if len(rows) > limit else None
        return Listing([_document(row, name) for row, name in rows[:limit]], following)

    def cancel(self, job: str) -> JobInfo:
        """Ends a job that has not ended; what it has produced so far is dropped.

        Raises:
            JobNotFound: There is none with this id.
        """
        with self._catalog.write() as conn:
            row, _ = self._row(conn, job)
            if row.state not in _ENDED:
                now = self._clock.now_ms()
                store.change_job(conn, job, state="cancelled", finished_ms=now)
                store.drop_parts(conn, job)
                self._repos.complete(conn, CommitId(row.commit_id or ""), state="failed")
            return _document(*self._row(conn, job))

    def watch(self, job: str, *, meanwhile: Callable[[], object] | None = None) -> Iterator[JobInfo]:
        """Yields the job each time it has changed, until it has ended; follows a job that covers it.

        `meanwhile` is called before each pause, to see to it that somebody works.
        """
        last = None
        while True:
            with self._catalog.read() as conn:
                row, name = self._row(conn, job)
            if row.covered_by is not None:
                job = row.covered_by
                continue
            shown = _document(row, name)
            if shown != last:
                yield shown
                last = shown
            if row.state in _ENDED:
                return
            if meanwhile is not None:
                meanwhile()
            self._clock.sleep(_POLL_S)

    def wait(self, job: str) -> JobInfo:
        """Waits until the job, or the one that covers it, has ended.

        Raises:
            JobFailed: It ended without a result.
            JobNotFound: There is none with this id.
        """
        *_, shown = self.watch(job)
        if shown.state in ("failed", "cancelled"):
            raise self._failure(shown)
        return shown

    def of_set(self, set_id: str) -> Sequence[JobInfo]:
        """Returns the jobs that one commit set caused."""
        with self._catalog.read() as conn:
            return [_document(row, name) for row, name in store.jobs_of_set(conn, set_id)]

    def _failure(self, shown: JobInfo) -> JobFailed:
        with self._catalog.read() as conn:
            row, _ = self._row(conn, shown.id)
        if row.error is None:
            return JobFailed(shown.id, f"Job {shown.id} was cancelled.")
        told = msgspec.json.decode(row.error, type=dict)
        return JobFailed(shown.id, told["message"], hint=told["hint"], details=told["details"])

    def _row(self, conn: Connection, job: str) -> tuple[store.JobRow, str]:
        row = store.job_by_id(conn, job)
        if row is None:
            raise JobNotFound(job)
        pipeline = store.pipeline_by_id(conn, row.pipeline_id)
        assert pipeline is not None, "a job's pipeline is a foreign key"
        return row, pipeline.name


def _document(row: store.JobRow, pipeline: str) -> JobInfo:
    error = None if row.error is None else msgspec.json.decode(row.error, type=dict)["message"]
    return JobInfo(
        id=row.id,
        pipeline=pipeline,
        commit=row.commit_id,
        state=row.state,  # type: ignore[arg-type]  # the column holds what JobState allows
        datums=DatumCounts(run=row.run, kept=row.kept, dropped=row.dropped, failed=row.failed),
        created=rfc3339(row.created_ms),
        started=None if row.started_ms is None else rfc3339(row.started_ms),
        finished=None if row.finished_ms is None else rfc3339(row.finished_ms),
        error=error,
        note=row.note,
    )
