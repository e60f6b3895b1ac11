"""Ends a job: its trees, its memo and its row, in one transaction.

A job ends as succeeded, as failed with the trees of what succeeded, as failed
with nothing but its memo, or as skipped. Whoever waits for its commit hears
of it in the same transaction. What is to be copied out goes after that: the
job is ended then, its commit before.
"""

from typing import Any, NoReturn

import msgspec
from sqlalchemy import Connection

from headwater.api.documents import Provenance
from headwater.db import CatalogUnavailable
from headwater.errors import Conflict, Error, Unavailable
from headwater.ids import CommitId
from headwater.pipelines import store
from headwater.pipelines.engine import store as rows
from headwater.pipelines.engine.failures import told
from headwater.pipelines.engine.hold import Hold, PutOff
from headwater.pipelines.engine.load import Loaded, Start, base_of
from headwater.pipelines.engine.memo import Memo
from headwater.pipelines.engine.outcome import Outcome
from headwater.pipelines.engine.parts import Parts
from headwater.pipelines.engine.plan import Plan
from headwater.repos import Commit, Trees
from headwater.storage import SegmentsGone
from headwater.telemetry import logger

SEND_AGAIN_S = 15.0  # how long an egress waits that could not be just now


class Ending:
    """How one job can end."""

    def __init__(self, parts: Parts, loaded: Loaded, hold: Hold) -> None:
        """Takes the job; `memo` is what it recalls from, none where nothing is remembered."""
        self._parts, self._loaded, self._hold = parts, loaded, hold
        self.memo: Memo | None = None
        self._kind, self._pipeline = loaded.kind, loaded.pipeline
        self._job, self._view = loaded.job, loaded.view

    def finish(self, plan: Plan, start: Start, outcome: Outcome) -> None:
        """Ends the job as succeeded, or leaves that to `send` where something is to be copied out."""
        if self._sends or outcome.is_large:
            self.state("finishing")
        trees = self._build(plan, start, outcome)
        view = self._view
        with self._hold.write() as conn:
            self._check(conn, start)
            self._parts.repos.complete(
                conn,
                CommitId(view.commit),
                state="finished",
                trees=trees,
                writer=outcome.writer,
                expect=None if view.previous is None else view.previous.id,
                provenance=self._provenance(),
                message=self._kind.message(view),
            )
            note = self._kind.finished(conn, view, CommitId(view.commit))
            rows.drop_parts(conn, self._job.id)
            ends = {"state": "finishing"} if self._sends else self._ended("succeeded")
            self._change(conn, outcome, trees, start, note=note, **ends)
            self._parts.trigger.ended(conn, self._parts.repos, self._job, "succeeded")

    def finish_failed(self, plan: Plan, start: Start, outcome: Outcome, error: Error) -> None:
        """Ends the job as failed with the trees of what succeeded, hidden, so that the next one starts from there."""
        trees = self._build(plan, start, outcome)
        with self._hold.write() as conn:
            self._check(conn, start)
            self._parts.repos.complete(
                conn,
                CommitId(self._view.commit),
                state="failed",
                trees=trees,
                writer=outcome.writer,
                provenance=self._provenance(),
            )
            rows.drop_parts(conn, self._job.id)
            ends = self._ended("failed", error=msgspec.json.encode(told(error)))
            self._change(conn, outcome, trees, start, **ends)
            self._parts.trigger.ended(conn, self._parts.repos, self._job, "failed")

    def _build(self, plan: Plan, start: Start, outcome: Outcome) -> Trees:
        trees = outcome.trees(plan.planner.index(), whole=start.plan is None)
        if start.replaced is not None:
            outcome.counts["dropped"] = self._gone(start.replaced, trees, plan.apart)
        self._remember(outcome)
        return trees

    def _gone(self, replaced: Commit, trees: Trees, apart: bytes | None) -> int:
        """Returns how many datums an earlier job had that are no more, where the plan did not start from it."""
        old, new = base_of(self._parts.storage, replaced).meta, trees.meta
        assert new is not None, "an outcome builds all trees"
        try:
            return sum(
                before is not None and after is None and before.key != apart
                for before, after in old.diff(new)
            )
        except Unavailable:
            raise
        except Error as error:  # all is computed anew also where what was there cannot be read
            about = {"job": self._job.id, "error": error.message}
            logger("headwater.pipelines").warning("dropped not counted", **about)
            return 0

    def _remember(self, outcome: Outcome) -> None:
        if self.memo is not None:
            outcome.remember(self.memo, self._parts.clock.now_ms())
        outcome.writer.seal()

    def _check(self, conn: Connection, start: Start) -> None:
        if start.commit is not None:
            now = self._parts.repos.commit_by_id(start.commit.id, conn=conn)
            if now.purge is not None:  # what the trees share with it may be gone
                raise SegmentsGone([])
        if self.memo is not None:
            self.memo.publish(conn, self._pipeline)

    def _change(self, conn: Connection, outcome: Outcome, trees: Trees, start: Start, **values: Any) -> None:
        assert trees.meta is not None, "an outcome builds all trees"
        counts, total = outcome.counts, trees.meta.count
        ran = counts["run"] + counts["failed"] + counts["recovered"]
        store.change_job(
            conn,
            self._job.id,
            run=counts["run"],
            kept=total - ran,
            dropped=counts["dropped"],
            failed=counts["failed"],
            recovered=counts["recovered"],
            total=total,
            stats=msgspec.msgpack.encode(dict(outcome.stats)),
            based=True,
            recipe=start.recipe if outcome.can_be_found_again else None,
            **values,
        )

    def _ended(self, state: str, **values: Any) -> dict[str, Any]:
        return {"state": state, "finished_ms": self._parts.clock.now_ms(), **values}

    @property
    def is_committed(self) -> bool:
        """Whether a coordinator before this one has finished the commit."""
        output = self._loaded.output
        return output is not None and output.state == "finished"

    @property
    def _sends(self) -> bool:
        """Whether the output is to be copied out: not that of a job which somebody ran aside, to another branch."""
        spec = self._view.spec
        is_own = (self._job.repo, self._job.branch) == (spec.output.repo, spec.output.branch)
        return is_own and self._parts.egress is not None and spec.egress is not None

    def send(self) -> None:
        """Copies a finished output out, where the spec says so; the job is ended only then."""
        if self._parts.egress is None or not self._sends:
            if self.is_committed:
                with self._hold.write() as conn:
                    store.change_job(conn, self._job.id, **self._ended("succeeded"))
            return
        commit = self._parts.repos.commit_by_id(self._view.commit)
        try:
            self._parts.egress.send(self._pipeline.id, self._view.spec, commit, look=self._hold.look)
        except CatalogUnavailable:
            raise
        except Unavailable as error:
            self._send_later(error)
        with self._hold.write() as conn:
            store.change_job(conn, self._job.id, **self._ended("succeeded", error=None))

    def _send_later(self, error: Unavailable) -> NoReturn:
        """Puts the job off until the place may take the output: for as long as that lasts."""
        with self._hold.write() as conn:
            store.change_job(conn, self._job.id, error=msgspec.json.encode(told(error)))
        raise PutOff(error, SEND_AGAIN_S)

    def skip(self, note: str, *, kept: int = 0) -> None:
        """Ends the job as skipped, with a note on why, and how many datums were looked at and kept."""
        with self._hold.write() as conn:
            self._parts.repos.complete(conn, CommitId(self._view.commit), state="covered")
            rows.drop_parts(conn, self._job.id)
            ends = self._ended("skipped", note=note, memory=self.memory, kept=kept)
            store.change_job(conn, self._job.id, **ends)
            self._parts.trigger.ended(conn, self._parts.repos, self._job, "skipped")

    def fail(self, error: Error, outcome: Outcome | None) -> None:
        """Ends the job with an error; what succeeded stays in the memo, nothing else changes."""
        is_kept = outcome is not None and self._keep_successes(outcome)
        with self._hold.write() as conn:
            if outcome is not None and is_kept:
                if self.memo is not None:
                    self.memo.publish(conn, self._pipeline)
                outcome.writer.publish(conn)
            run = 0 if outcome is None else outcome.counts["run"]
            end_failed(conn, self._parts, self._job, error, run=run)

    def _keep_successes(self, outcome: Outcome) -> bool:
        try:
            self._remember(outcome)
        except (Conflict, Unavailable):
            raise
        except Error as error:
            logger("headwater.pipelines").warning("successes not kept", job=self._job.id, error=error.message)
            return False
        return True

    def state(self, state: str) -> None:
        """Says how far the job is."""
        with self._hold.write() as conn:
            store.change_job(conn, self._job.id, state=state, memory=self.memory)

    @property
    def memory(self) -> bytes:
        """What the kind keeps with the job."""
        return msgspec.json.encode(self._view.memory, order="sorted")

    def _provenance(self) -> list[Provenance]:
        inputs = [
            Provenance(kind="commit", repo=leaf.commit.repo, id=leaf.commit.id, role=item.name)
            for item, leaf in zip(self._loaded.reads, self._view.leaves, strict=True)
        ]
        return [*dict.fromkeys(inputs), *self._kind.provenance(self._view)]


def end_failed(conn: Connection, parts: Parts, job: store.JobRow, error: Error, *, run: int = 0) -> None:
    """Ends a job and its commit as failed, in the caller's transaction; where the commit is finished, that stays."""
    commit = parts.repos.commit_by_id(job.commit_id or "", conn=conn)
    if commit.state == "waiting":
        parts.repos.complete(conn, commit.id, state="failed")
    rows.drop_parts(conn, job.id)
    # What was to be kept is not, but in what a finished commit has.
    values: dict[str, Any] = {} if commit.state == "finished" else {"run": run, "kept": 0, "dropped": 0}
    store.change_job(
        conn,
        job.id,
        state="failed",
        failed=sum("datum" in one for one in error.details),
        error=msgspec.json.encode(told(error)),
        finished_ms=parts.clock.now_ms(),
        **values,
    )
    if commit.state == "waiting":
        parts.trigger.ended(conn, parts.repos, job, "failed")
