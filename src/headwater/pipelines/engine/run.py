"""One run of one job: from its inputs to a commit, or to an error that changes nothing.

The steps are those of every kind: ask whether the job is due, plan, compute
what is not known, let the closing datum see all outputs, build the trees,
finish in one transaction. Planning and computing go hand in hand, so that
the steps of a job are never all held. Any of them may be interrupted by a
kill; the next coordinator starts again from the plan and finds accepted
results in place.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from headwater.errors import Conflict, Error, Unavailable
from headwater.execution import Executor, Needs
from headwater.pipelines import store
from headwater.pipelines.engine.ahead import Ahead, look_ahead
from headwater.pipelines.engine.compute import Compute, Running
from headwater.pipelines.engine.ending import Ending, end_failed
from headwater.pipelines.engine.failures import Failures
from headwater.pipelines.engine.hold import Hold
from headwater.pipelines.engine.live import clear
from headwater.pipelines.engine.load import Loaded, Start, find_start, load
from headwater.pipelines.engine.memo import Memo, open_memo
from headwater.pipelines.engine.outcome import Outcome
from headwater.pipelines.engine.pace import Pace
from headwater.pipelines.engine.parts import Parts
from headwater.pipelines.engine.payload import Pieces
from headwater.pipelines.engine.plan import Drop, Plan, Step
from headwater.pipelines.engine.records import Known, known_of
from headwater.pipelines.engine.remaining import Remaining
from headwater.pipelines.engine.reserve import Reserve
from headwater.pipelines.engine.totals import Totals
from headwater.pipelines.engine.tries import Taken
from headwater.pipelines.errors import Lost
from headwater.pipelines.keys import datum_key
from headwater.pipelines.kind import Datum, Kind, Planner
from headwater.storage import WrittenSegment

_LOOK_EVERY = 500


def run_job(parts: Parts, kinds: Mapping[str, Kind], job: store.JobRow, hold: Hold) -> None:
    """Brings a job that the coordinator has taken to its end, whatever that is.

    Raises:
        Conflict, Unavailable: Not now; the job stays as it is, and is taken up again.
        LeaseLost, Stopping: The coordinator may not go on; another one does.
    """
    try:
        try:
            loaded = load(parts, kinds, job)
        except (Conflict, Unavailable):
            raise
        except Error as error:
            with hold.write() as conn:
                end_failed(conn, parts, job, error)
            return
        JobRun(parts, loaded, hold).carry_out()
    except Lost:
        return
    finally:
        clear(parts.storage.objects, job.id, (parts.clock.now_ms() - (job.started_ms or 0)) / 1000)


class JobRun:
    """A job between being claimed and being ended."""

    def __init__(self, parts: Parts, loaded: Loaded, hold: Hold) -> None:
        """Takes what was loaded of the job."""
        self._parts, self._loaded, self._hold = parts, loaded, hold
        self._kind, self._pipeline = loaded.kind, loaded.pipeline
        self._job, self._view = loaded.job, loaded.view
        self._reserve = Reserve(parts.catalog, parts.storage, parts.clock, parts.stash)
        self._remembers = self._view.spec.reprocess != "every_job"
        self._forced = self._job.forced or not self._remembers
        self._failures = Failures()
        self._ending = Ending(parts, loaded, hold)
        self._remaining = Remaining(parts.catalog, parts.storage) if hold.claim.attempt > 1 else None
        self._outcome: Outcome | None = None  # what no transaction has taken yet

    def carry_out(self) -> None:
        """Runs the job, and ends it as failed where it cannot be done."""
        try:
            if self._ending.is_committed:
                self._ending.send()  # all that a coordinator before this one has left
            else:
                self._run()
        except (Conflict, Unavailable):
            raise  # the worker tries the task again after a pause, and only what is gone is computed again
        except Error as error:
            self._ending.fail(error, self._outcome)
        finally:
            if self._outcome is not None:
                self._outcome.give_up()
            self._let_go()

    def _run(self) -> None:
        due = self._kind.due(self._view)
        self._view.memory.update(due.memory)
        if not due.run:
            self._ending.skip(due.note)
            return
        start = find_start(self._parts, self._loaded, forced=self._forced)
        writer = self._reserve.writer = self._parts.storage.writer()
        outcome = self._outcome = Outcome(
            self._parts.storage, writer, start.base, self._job.id, self._remaining
        )
        planner = self._kind.planner(self._view, start.plan, writer)
        closing = self._kind.closing(self._view)
        plan = self._plan(planner, start, closing)
        if self._view.memory:
            self._ending.state("running")  # else it is said once something is accepted, or it takes a while
        totals = Totals(plan)
        compute = self._compute(totals, plan)
        steps = totals.heard(plan.steps())
        compute.run(self._running_steps(steps, outcome, compute), self._sink(outcome))
        if self._failures.count:
            self._ending.finish_failed(plan, start, outcome, self._failures.error())
            return
        if closing is not None and not self._close(closing, plan, totals, start, outcome):
            return
        self._ending.finish(plan, start, outcome)
        outcome.give_up()
        self._outcome = None
        self._ending.send()

    # --- planning and computing ---

    def _plan(self, planner: Planner, start: Start, closing: Datum | None) -> Plan:
        if self._remembers:
            self._ending.memo = open_memo(self._parts.catalog, self._parts.storage, self._pipeline)
        memo = self._ending.memo
        recall = _nothing_known if memo is None else partial(_recall, memo, self._remaining)
        return Plan(
            planner=planner,
            keys=self._loaded.keys,
            meta=start.base.meta,
            unfinished=start.base.unfinished,
            recall=recall,
            whole=start.plan is None,
            forced=self._forced,
            apart=None if closing is None else datum_key(closing),
        )

    def _memo_key(self, datum: Datum) -> bytes:
        return self._loaded.keys(datum)[1]

    def _compute(self, totals: Totals, plan: Plan | None = None) -> Compute:
        spec = self._view.spec
        at_once = spec.parallelism or 2 * self._parts.places()
        batch = 1 if spec.transform is None else spec.transform.batch
        needs = None
        if spec.resources is not None:
            asked = spec.resources
            needs = Needs(asked.cpu or 1.0, asked.memory, asked.gpu)
        deadline_ms = None
        if spec.job_timeout_s is not None and self._job.started_ms is not None:
            deadline_ms = self._job.started_ms + round(spec.job_timeout_s * 1000)
        total = None
        if spec.datum_set is not None and spec.datum_set.per_worker:
            total = sum(leaf.files for leaf in self._view.leaves)
        how = Running(
            recipe=lambda: self._kind.recipe(self._view),
            pieces=Pieces(self._parts.storage, self._view.leaves, spec.inputs()),
            pace=Pace(spec.datum_set, batch, total, at_once),
            totals=totals,
            tries=spec.datum_tries,
            tries_again=self._kind.tries_again,
            at_once=at_once,
            needs=needs,
            deadline_ms=deadline_ms,
            ends=plan is None or plan.apart is None,
            ahead=None if plan is None or self._forced else partial(self._look_ahead, plan, needs),
        )
        return Compute(self._parts, self._hold, self._reserve, how)

    def _look_ahead(self, plan: Plan, needs: Needs | None, executor: Executor) -> Ahead | None:
        def start(following: Loaded, steps: Iterator[Step]) -> Ahead:
            return Ahead(self._parts, self._hold, self._reserve, executor, following, steps, needs)

        return look_ahead(self._parts, self._loaded, plan, start)

    def _running_steps(
        self, steps: Iterator[Step | Drop], outcome: Outcome, compute: Compute
    ) -> Iterator[Step]:
        """Yields what has to run, and sees to the rest on the way."""
        for number, step in enumerate(steps):
            if number % _LOOK_EVERY == _LOOK_EVERY - 1:
                compute.look()
            if isinstance(step, Drop):
                outcome.drop(step)
            elif step.runs:
                yield step
            else:
                outcome.keep(step)

    def _sink(self, outcome: Outcome) -> Any:
        def sink(taken: Taken, segments: Sequence[WrittenSegment]) -> None:
            outcome.add(taken, segments)
            for step, result in taken:
                if result.state == "failed":
                    self._failures.add(step, result)

        return sink

    def _close(self, closing: Datum, plan: Plan, totals: Totals, start: Start, outcome: Outcome) -> bool:
        """Runs the closing datum; false when the job ended as skipped, for nothing has changed."""
        key = datum_key(closing)
        inputs = (*closing.inputs, *outcome.as_inputs(key))
        memo = self._memo_key(replace(closing, inputs=inputs))
        entry = start.base.meta.entry(key)
        was = None if entry is None else known_of(entry)
        head = self._view.previous
        is_there = start.commit is not None and head is not None and head.id == start.commit.id
        if (
            plan.changes_nothing
            and is_there
            and was is not None
            and was.record.memo == memo
            and not self._forced
        ):
            kept = start.base.meta.count - 1  # the closing datum is no part of the plan
            self._ending.skip(self._kind.unchanged(self._view), kept=kept)
            return False
        with self._hold.write() as conn:
            self._view.memory.update(self._kind.claimed(conn, self._view))
            store.change_job(conn, self._job.id, memory=self._ending.memory)
        renewed = self._kind.closing(self._view)
        assert renewed is not None, "a kind that has a closing datum always has one"
        datum = replace(renewed, inputs=inputs)
        step = Step(datum, key, memo, "new" if was is None else "input-changed", None, was)

        def sink(taken: Taken, segments: Sequence[WrittenSegment]) -> None:
            for ended, result in taken:
                if result.state == "failed":
                    self._failures.add(ended, result)
                else:
                    outcome.close(ended, result, segments, seal=self._kind.seal)

        self._compute(totals).run(iter([step]), sink)
        if self._failures.count:
            raise self._failures.error()
        return True

    def _let_go(self) -> None:
        """Releases what is reserved and was not written; where that cannot be, its lease runs out."""
        left = self._reserve.hand_over()
        if left is not None:
            with suppress(Unavailable), self._parts.catalog.write() as conn:
                self._parts.storage.release(conn, left)


def _recall(memo: Memo, remaining: Remaining | None, key: bytes) -> Known | None:
    known = memo.recall(key)
    return known if known is None or remaining is None or remaining.has(known) else None


def _nothing_known(_: bytes) -> Known | None:
    return None
