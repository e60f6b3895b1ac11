"""Runs the jobs of one pipeline, one after the other: the handler of "advance this pipeline".

The task that brought the coordinator here is its lease: each transaction
checks it, so a coordinator that was given up for dead can finish nothing.
Which job comes next, and which it does for, is `dag`'s; what one job does is
the engine's.

While workers are upgraded one after the other, an older one may meet a
pipeline that it does not know how to run. It leaves that to the others.
"""

from collections.abc import Mapping

from headwater.db import LeaseLost
from headwater.execution import Beat, Claim, Stopping
from headwater.pipelines import store
from headwater.pipelines.dag import advance, gathers, is_ready, take
from headwater.pipelines.engine import Hold, Parts, PutOff, run_job
from headwater.pipelines.errors import SpecTooNew
from headwater.pipelines.kind import Kind
from headwater.telemetry import logger

_GATHER_S = 0.1
# How long nobody takes what an older worker left; then any of them may, and the newer ones go on.
_LEFT_S = 1.0


class Coordinator:
    """Advances pipelines; one instance serves a worker."""

    def __init__(self, parts: Parts, kinds: Mapping[str, Kind]) -> None:
        """Takes what jobs run with, and the kinds of pipelines there are by name."""
        self._parts, self._kinds = parts, kinds
        self._log = logger("headwater.pipelines")

    def handle(self, claim: Claim, beat: Beat) -> None:
        """Runs jobs of the claimed pipeline until none may run, or one is for a newer worker.

        Raises:
            LeaseLost: The lease is gone; the task stays open for whoever takes it.
            Stopping: The worker was asked to stop; another one goes on.
        """
        try:
            self._advance(claim, beat)
        except SpecTooNew as error:
            self._log.warning(
                "left to a newer worker", task=claim.task_id, why=error.message, hint=error.hint
            )
            self._parts.queue.release(claim, delay_s=_LEFT_S)
        except PutOff as pause:
            why = pause.why.message
            self._log.warning("put off", task=claim.task_id, why=why, again_in_s=pause.delay_s)
            self._parts.queue.release(claim, delay_s=pause.delay_s)

    def _advance(self, claim: Claim, beat: Beat) -> None:
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
            hold = Hold(self._parts.catalog, self._parts.queue, job.id, claim, beat)
            begun_s = self._parts.clock.monotonic_s()
            run_job(self._parts, self._kinds, job, hold)
            has_run = True
            self._gather(pipeline_id, self._parts.clock.monotonic_s() - begun_s)

    def _gather(self, pipeline_id: int, taken_s: float) -> None:
        """Waits a moment where the next job was there before this one had ended.

        Commits then come faster than jobs run: with as long a pause as the job
        took, more of them are taken together, and those who commit have half
        of the machine to themselves.
        """
        with self._parts.catalog.read() as conn:
            pipeline = store.pipeline_by_id(conn, pipeline_id)
            waits = pipeline is not None and gathers(conn, pipeline)
        if waits:
            self._parts.clock.sleep(min(taken_s, _GATHER_S))

    def _next(self, claim: Claim, pipeline_id: int, *, hand_over: bool) -> store.JobRow | None:
        """Takes the next job; none, with the task finished, when none may run.

        With `hand_over` further jobs are left to a new task, so that the
        attempts which one job has used up are not counted against the next.
        """
        parts = self._parts
        with parts.catalog.write() as conn:
            parts.queue.check(conn, claim)
            interrupted = store.jobs_in(conn, pipeline_id, store.TAKEN)
            if interrupted:
                return interrupted[0]
            pipeline = store.pipeline_by_id(conn, pipeline_id)
            if pipeline is not None and hand_over and is_ready(conn, pipeline):
                advance(parts.queue, conn, pipeline_id)
            elif pipeline is not None:
                job = take(conn, parts.repos, pipeline, parts.trigger, parts.clock)
                if job is not None:
                    return job
            parts.queue.finish(conn, claim)
            return None
