"""One run of one job: from its inputs to a commit, or to an error that changes nothing.

The steps are those of every kind: ask whether the job is due, plan, compute
what is not known, let the closing datum see all outputs, build the trees,
finish in one transaction. Any of them may be interrupted by a kill; the next
coordinator starts again from the plan and finds accepted results in place.
"""

from contextlib import suppress
from dataclasses import replace
from typing import Any

import msgspec
from sqlalchemy import Connection

from headwater.api.documents import Provenance
from headwater.errors import Conflict, Error, Unavailable
from headwater.ids import CommitId
from headwater.pipelines import store
from headwater.pipelines.compute import Compute, Fresh
from headwater.pipelines.errors import DatumFailed, DatumsFailed, DatumTwice
from headwater.pipelines.hold import Hold
from headwater.pipelines.keys import datum_key, memo_key
from headwater.pipelines.kind import Datum, JobView, Kind
from headwater.pipelines.outcome import Base, Memo, Outcome, Result, load_base, open_memo
from headwater.pipelines.parts import Parts
from headwater.pipelines.plan import Plan, Step, decide
from headwater.pipelines.reserve import Reserve
from headwater.repos import Trees
from headwater.telemetry import logger


class JobRun:
    """A job between being claimed and being ended."""

    def __init__(
        self,
        parts: Parts,
        kind: Kind,
        pipeline: store.PipelineRow,
        job: store.JobRow,
        view: JobView,
        hold: Hold,
    ) -> None:
        """Takes what the coordinator has loaded."""
        self._parts, self._kind, self._pipeline = parts, kind, pipeline
        self._job, self._view, self._hold = job, view, hold
        self._reserve = Reserve(parts.storage, parts.clock)
        self._remembers = view.spec.reprocess != "every_job"
        self._results: list[Result] = []
        self._recalled: Memo | None = None

    def run(self) -> None:
        """Brings the job to its end.

        Raises:
            Lost: The job was ended by somebody else.
            Error: The job cannot be done; `fail` records it.
        """
        due = self._kind.due(self._view)
        self._view.memory.update(due.memory)
        if not due.run:
            self._skip(due.note)
            return
        base = load_base(self._parts.storage, self._view.previous)
        closing = self._kind.closing(self._view)
        plan = self._plan(base, closing)
        self._state("running", kept=sum(not step.runs for step in plan.steps), dropped=len(plan.dropped))
        self._compute(plan)
        if closing is not None and not self._close(closing, plan, base):
            return
        self._finish(base, plan)

    def fail(self, error: Error) -> None:
        """Ends the job with an error; what succeeded stays in the memo, nothing else changes."""
        outcome = self._successes()
        with self._hold.write() as conn:
            if outcome is not None:
                outcome.publish_memo(conn)
            run = sum(result.fresh is not None for result in self._results)
            end_failed(conn, self._parts, self._job, error, run=run)

    def start_over(self) -> None:
        """Forgets accepted results and the memo: what they point to was given up."""
        with self._hold.write() as conn:
            store.drop_parts(conn, self._job.id)
            store.set_memo_root(conn, self._pipeline, None)

    def let_go(self) -> None:
        """Releases what is reserved and was not written; where that cannot be, its lease runs out."""
        left = self._reserve.all_free
        if left is not None:
            with suppress(Unavailable), self._parts.catalog.write() as conn:
                self._parts.storage.release(conn, left)
                self._reserve.forget()

    @property
    def _commit_id(self) -> CommitId:
        return CommitId(self._job.commit_id or "")

    def _plan(self, base: Base, closing: Datum | None) -> Plan:
        keyed: dict[bytes, tuple[Datum, bytes, bytes]] = {}
        for datum in self._kind.datums(self._view):
            key = datum_key(datum)
            if key in keyed:
                raise DatumTwice(keyed[key][0].label, datum.label)
            keyed[key] = (datum, key, self._memo_key(datum))
        apart = {datum_key(closing)} if closing is not None else set()
        earlier = {key: known for key, known in base.known.items() if key not in apart}
        memo = self._recalled = self._memo()
        recall = memo.recall if memo is not None else _nothing_known
        return decide(keyed.values(), earlier, recall, forced=not self._remembers)

    def _memo(self) -> Memo | None:
        if not self._remembers:
            return None
        return open_memo(self._parts.catalog, self._parts.storage, self._pipeline)

    def _memo_key(self, datum: Datum) -> bytes:
        with_code = self._view.spec.reprocess == "on_code_change"
        return memo_key(datum, self._pipeline.salt, with_code=with_code)

    def _state(self, state: str, **values: Any) -> None:
        with self._hold.write() as conn:
            store.change_job(conn, self._job.id, state=state, memory=self._memory(), **values)

    def _memory(self) -> bytes:
        return msgspec.json.encode(self._view.memory, order="sorted")

    def _skip(self, note: str) -> None:
        with self._hold.write() as conn:
            self._parts.repos.complete(conn, self._commit_id, state="covered")
            store.drop_parts(conn, self._job.id)
            store.change_job(
                conn,
                self._job.id,
                state="skipped",
                note=note,
                memory=self._memory(),
                finished_ms=self._parts.clock.now_ms(),
            )

    def _compute(self, plan: Plan) -> None:
        fresh, failed = self._run_steps([step for step in plan.steps if step.runs])
        self._results = [
            Result(step, fresh.get(step.key), step.known)
            for step in plan.steps
            if step.key in fresh or step.known is not None
        ]
        if failed:
            raise _all_failures(failed)

    def _run_steps(self, steps: list[Step]) -> tuple[dict[bytes, Fresh], list[DatumFailed]]:
        if not steps:
            return {}, []
        spec = self._view.spec
        compute = Compute(
            self._parts, self._hold, self._reserve, tries=spec.datum_tries, parallelism=spec.parallelism
        )
        return compute.run(steps)

    def _close(self, closing: Datum, plan: Plan, base: Base) -> bool:
        """Runs the closing datum; false when the job ended as skipped, for nothing has changed."""
        key = datum_key(closing)
        inputs = (*closing.inputs, *Outcome(self._parts.storage, self._pipeline, self._results).as_inputs())
        memo = self._memo_key(replace(closing, inputs=inputs))
        was = base.known.get(key)
        unchanged = plan.changes_nothing and was is not None and was.record.memo == memo
        if unchanged and self._remembers:
            self._skip(self._kind.unchanged(self._view))
            return False
        with self._hold.write() as conn:
            self._view.memory.update(self._kind.claimed(conn, self._view))
            store.change_job(conn, self._job.id, memory=self._memory())
        renewed = self._kind.closing(self._view)
        assert renewed is not None, "a kind that has a closing datum always has one"
        step = Step(
            replace(renewed, inputs=inputs), key, memo, "new" if was is None else "input-changed", None, was
        )
        fresh, failed = self._run_steps([step])
        if failed:
            raise _all_failures(failed)
        self._results.append(Result(step, fresh[key], None, is_closing=True))
        return True

    def _finish(self, base: Base, plan: Plan) -> None:
        self._state("finishing")
        outcome, trees = self._build(base, plan)
        with self._hold.write() as conn:
            if self._recalled is not None:
                self._recalled.check(conn, self._pipeline)
            outcome.publish_memo(conn)
            self._parts.repos.complete(
                conn,
                self._commit_id,
                state="finished",
                trees=trees,
                expect=None if self._view.previous is None else self._view.previous.id,
                provenance=self._provenance(),
                message=self._kind.message(self._view),
            )
            note = self._kind.finished(conn, self._view, self._commit_id)
            store.drop_parts(conn, self._job.id)
            store.change_job(
                conn,
                self._job.id,
                state="succeeded",
                note=note,
                run=sum(result.fresh is not None for result in self._results),
                finished_ms=self._parts.clock.now_ms(),
            )

    def _build(self, base: Base, plan: Plan) -> tuple[Outcome, Trees]:
        outcome = Outcome(self._parts.storage, self._pipeline, self._results)
        try:
            trees = outcome.build(base, plan.dropped, seal=self._kind.seal)
            outcome.prepare_memo(self._memo())
        except BaseException:
            outcome.give_up()
            raise
        return outcome, trees

    def _successes(self) -> Outcome | None:
        """Returns what succeeded in a job that fails; none where not even that can be kept."""
        outcome = Outcome(self._parts.storage, self._pipeline, self._results)
        try:
            outcome.prepare_memo(self._memo())
        except (Conflict, Unavailable):
            outcome.give_up()
            raise
        except Error as error:
            outcome.give_up()
            logger("headwater.pipelines").warning("successes not kept", job=self._job.id, error=error.message)
            return None
        return outcome

    def _provenance(self) -> list[Provenance]:
        inputs = [
            Provenance(kind="commit", repo=commit.repo, id=commit.id, role=name)
            for name, commit in self._view.inputs.items()
        ]
        return [*inputs, *self._kind.provenance(self._view)]


def end_failed(conn: Connection, parts: Parts, job: store.JobRow, error: Error, *, run: int = 0) -> None:
    """Ends a job and its commit as failed, in the caller's transaction."""
    parts.repos.complete(conn, CommitId(job.commit_id or ""), state="failed")
    store.drop_parts(conn, job.id)
    told = {"kind": error.kind, "message": error.message, "hint": error.hint, "details": error.details}
    store.change_job(
        conn,
        job.id,
        state="failed",
        failed=sum("datum" in one for one in error.details),
        run=run,
        error=msgspec.json.encode(told),
        finished_ms=parts.clock.now_ms(),
    )


def _nothing_known(_: bytes) -> None:
    return None


def _all_failures(failed: list[DatumFailed]) -> Error:
    if len(failed) == 1:
        return failed[0]
    message = "\n".join(one.message for one in failed)
    hint = "\n".join(dict.fromkeys(one.hint for one in failed))
    return DatumsFailed(message, hint=hint, details=[detail for one in failed for detail in one.details])
