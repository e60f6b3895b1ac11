"""Runs the jobs of one pipeline, one after the other: the handler of "advance this pipeline".

The task that brought the coordinator here is its lease: each transaction
checks it, so a coordinator that was given up for dead can finish nothing.
Jobs that came while another ran are taken together: the newest runs, with the
difference from the last finished one, and covers those between.
"""

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import Connection

from headwater.db import LeaseLost
from headwater.errors import Conflict, Error, Unavailable
from headwater.execution import Beat, Claim, Stopping
from headwater.ids import CommitId, JobId, SetId
from headwater.pipelines import store
from headwater.pipelines.errors import Lost, UnknownKind
from headwater.pipelines.hold import Hold
from headwater.pipelines.kind import JobView, Kind
from headwater.pipelines.parts import Parts
from headwater.pipelines.run import JobRun, end_failed
from headwater.pipelines.trigger import advance
from headwater.storage import SegmentsGone

_ATTEMPTED = ("succeeded", "failed")


class Coordinator:
    """Advances pipelines; one instance serves a worker."""

    def __init__(self, parts: Parts, kinds: Mapping[str, Kind]) -> None:
        """Takes what jobs run with, and the kinds of pipelines there are by name."""
        self._parts, self._kinds = parts, kinds

    def handle(self, claim: Claim, beat: Beat) -> None:
        """Runs queued jobs of the claimed pipeline until none is left.

        Raises:
            LeaseLost: The lease is gone; the task stays open for whoever takes it.
            Stopping: The worker was asked to stop; another one goes on.
        """
        pipeline_id = int(claim.task.payload)
        has_run = False
        while True:
            if beat.lost:
                raise LeaseLost(f"task {claim.task_id} ({claim.task.kind})", holder=claim.worker)
            if beat.stopping:
                raise Stopping
            job = self._next(claim, pipeline_id, hand_over=has_run and claim.attempt > 1)
            if job is None:
                return
            self._run(claim, beat, job)
            has_run = True

    def _next(self, claim: Claim, pipeline_id: int, *, hand_over: bool) -> store.JobRow | None:
        """Takes the next job; none, with the task finished, when there is no more.

        With `hand_over` further jobs are left to a new task, so that the
        attempts which one job has used up are not counted against the next.
        """
        with self._parts.catalog.write() as conn:
            self._parts.queue.check(conn, claim)
            interrupted = store.jobs_in(conn, pipeline_id, store.TAKEN)
            if interrupted:
                return interrupted[0]
            queued = store.jobs_in(conn, pipeline_id, ("queued",))
            if not queued or hand_over:
                if queued:
                    advance(self._parts.queue, conn, pipeline_id)
                self._parts.queue.finish(conn, claim)
                return None
            *older, job = _taken_together(queued)
            for covered in older:
                self._cover(conn, covered, job)
            now = self._parts.clock.now_ms()
            asked = any(one.cause == "request" for one in older)
            job = msgspec.structs.replace(
                job, state="starting", started_ms=now, cause="request" if asked else job.cause
            )
            store.change_job(conn, job.id, state="starting", started_ms=now, cause=job.cause)
            return job

    def _cover(self, conn: Connection, covered: store.JobRow, by: store.JobRow) -> None:
        note = f"Taken together with the newer job {by.id}."
        now = self._parts.clock.now_ms()
        store.change_job(conn, covered.id, state="skipped", covered_by=by.id, note=note, finished_ms=now)
        self._parts.repos.complete(conn, CommitId(covered.commit_id or ""), state="covered")

    def _run(self, claim: Claim, beat: Beat, job: store.JobRow) -> None:
        hold = Hold(self._parts.catalog, self._parts.queue, job.id, claim, beat)
        try:
            try:
                kind, pipeline, view = self._view(job)
            except (Conflict, Unavailable):
                raise
            except Error as error:
                with hold.write() as conn:
                    end_failed(conn, self._parts, job, error)
                return
            self._carry_out(JobRun(self._parts, kind, pipeline, job, view, hold))
        except Lost:
            return

    def _carry_out(self, run: JobRun) -> None:
        try:
            run.run()
        except SegmentsGone:
            run.start_over()
            raise
        except (Conflict, Unavailable):
            raise  # the worker tries the task again after a pause
        except Error as error:
            run.fail(error)
        finally:
            run.let_go()

    def _view(self, job: store.JobRow) -> tuple[Kind, store.PipelineRow, JobView]:
        repos = self._parts.repos
        with self._parts.catalog.read() as conn:
            pipeline = store.pipeline_by_id(conn, job.pipeline_id)
            assert pipeline is not None, "a job's pipeline is a foreign key"
            spec = store.spec_of(conn, job.pipeline_id, job.version)
            inputs = store.inputs_of(conn, job.id)
            attempted = store.last_job_before(conn, job, _ATTEMPTED)
            before = [] if attempted is None else store.inputs_of(conn, attempted.id)
            # Of the job's own spec: the pipeline's may write elsewhere by now.
            head = repos.head(conn, spec.output.repo, spec.output.branch)
        if spec.kind not in self._kinds:
            raise UnknownKind(spec.kind, pipeline=pipeline.name, known=self._kinds)
        commits = {item.name: repos.commit_by_id(item.commit_id) for item in inputs}
        view = JobView(
            id=JobId(job.id),
            pipeline=pipeline.name,
            spec=spec,
            set_id=SetId(job.set_id),
            cause=job.cause,  # type: ignore[arg-type]  # the column holds what Cause allows
            inputs=commits,
            views={name: repos.view(commit) for name, commit in commits.items()},
            previous=None if head is None else repos.commit_by_id(head),
            memory=msgspec.json.decode(job.memory, type=dict),
            attempted={} if attempted is None else msgspec.json.decode(attempted.memory, type=dict),
            attempted_state=None if attempted is None else attempted.state,
            attempted_inputs={item.name: repos.commit_by_id(item.commit_id) for item in before},
        )
        return self._kinds[spec.kind], pipeline, view


def _taken_together(queued: Sequence[store.JobRow]) -> list[store.JobRow]:
    """Returns the jobs, oldest first, that one run does for: the newest of them runs.

    What somebody asked for is not covered by a job under another version of
    the spec, which would make something else of it.
    """
    group: list[store.JobRow] = []
    asked = False
    for job in queued:
        if asked and job.version != group[-1].version:
            break
        group.append(job)
        asked = asked or job.cause == "request"
    return group
