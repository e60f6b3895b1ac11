"""Clocks as inputs: each tick is a commit of a file named by its time, to a repo of the pipeline's own.

A tick, and the task that waits for the next one, are one transaction: there
is always exactly one that waits. After a time in which nobody worked, one
tick stands for all that were missed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection

from headwater.clock import Clock
from headwater.db import Catalog
from headwater.execution import Beat, Claim, Handler, Queue, Task
from headwater.ids import SetId
from headwater.pipelines import store as rows
from headwater.pipelines.dag.branch_triggers import FOLLOW, Triggers
from headwater.pipelines.dag.schedule import Schedule, moment_ms, moment_name, schedule_of
from headwater.pipelines.dag.trigger import FOR_EVER, SPREAD, Trigger
from headwater.pipelines.spec import CronInput, FilesInput, Input, PipelineSpec
from headwater.repos import PendingCommit, Repos, Trees
from headwater.storage import Put, Storage

TICK = "cron"


class _Tick(msgspec.Struct, frozen=True):
    pipeline_id: int
    version: int
    leaf: int
    at_ms: int


@dataclass(frozen=True)
class Ticker:
    """Carries out what waits for a moment, or for a transaction of its own: the handlers of three kinds of tasks."""

    catalog: Catalog
    storage: Storage
    repos: Repos
    trigger: Trigger
    queue: Queue
    clock: Clock

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """What a worker does with ticks, with branches that follow by a schedule, and with sets that are wide."""
        triggers = Triggers(self.catalog, self.repos, self.trigger, self.queue, self.clock)
        return {TICK: self.handle, FOLLOW: triggers.handle, SPREAD: self.spread}

    def arm(self, conn: Connection, pipeline: rows.PipelineRow, spec: PipelineSpec) -> None:
        """Lets the clocks of a pipeline's current version go, from now on; those of an earlier one stop."""
        for leaf, cron in crons_of(spec):
            self._wait(conn, pipeline, leaf, cron, after_ms=self.catalog.now_ms(conn))

    def tick(self, spec: PipelineSpec) -> SetId:
        """Lets all clocks of a pipeline tick now; returns the set of what that causes."""
        now = moment_name(self.clock.now_ms())
        with self.catalog.writer_turn():
            pending = [self._pending(cron, now) for _, cron in crons_of(spec)]
            with self.catalog.write() as conn:
                return self.repos.publish_all(conn, pending)[0].set_id

    def handle(self, claim: Claim, beat: Beat) -> None:  # noqa: ARG002 - what handlers are given
        """Carries out a tick, and waits for the next."""
        told = msgspec.json.decode(claim.task.payload, type=_Tick)
        with self.catalog.writer_turn():  # so that no head moves between its reading and the commit
            with self.catalog.read() as conn:
                pipeline = rows.pipeline_by_id(conn, told.pipeline_id)
                cron = None if pipeline is None else _cron_at(conn, pipeline, told)
                now_ms = self.catalog.now_ms(conn)  # by which the task was due; this machine's may be behind
            pending = []
            if cron is not None and told.at_ms <= now_ms:
                at_ms = _schedule(cron).last_until(now_ms, since=told.at_ms)
                pending = [self._pending(cron, moment_name(at_ms))]
            with self.catalog.write() as conn:
                self.queue.check(conn, claim)
                if pending:
                    self.repos.publish_all(conn, pending)
                self.queue.finish(conn, claim)
                if cron is not None and pipeline is not None:
                    self._wait(conn, pipeline, told.leaf, cron, after_ms=now_ms)

    def spread(self, claim: Claim, beat: Beat) -> None:  # noqa: ARG002 - what handlers are given
        """Inserts more of a set that was too wide for one transaction."""
        with self.catalog.write() as conn:
            self.queue.check(conn, claim)
            self.queue.finish(conn, claim)
            self.trigger.go_on(conn, self.repos, claim.task.payload)

    def _wait(
        self, conn: Connection, pipeline: rows.PipelineRow, leaf: int, cron: CronInput, *, after_ms: int
    ) -> None:
        at_ms = _schedule(cron).next_after(after_ms)
        if at_ms is None:
            return
        told = msgspec.json.encode(_Tick(pipeline.id, pipeline.version, leaf, at_ms))
        key = f"{TICK}:{pipeline.id}:{leaf}"
        self.queue.enqueue(conn, Task(TICK, told), key=key, not_before_ms=at_ms, attempts=FOR_EVER)

    def _pending(self, cron: CronInput, name: str) -> PendingCommit:
        head, tree = self.repos.branch_files(cron.repo, "main")
        writer = self.storage.writer()
        content = writer.add(name.encode())
        built = writer.edit(writer.empty() if cron.overwrite else tree, [Put(name, content)])
        writer.seal()
        return PendingCommit(cron.repo, "main", Trees(built), head, writer=writer, message=f"tick of {name}")


def crons_of(spec: PipelineSpec) -> list[tuple[int, CronInput]]:
    """Returns the clocks among a spec's inputs, each with its place."""
    found = [] if spec.input is None else _leaves(spec.input)
    return [(leaf, one) for leaf, one in enumerate(found) if isinstance(one, CronInput)]


def _leaves(node: Input) -> Sequence[FilesInput | CronInput]:
    if isinstance(node, FilesInput | CronInput):
        return [node]
    return [leaf for child in node.of for leaf in _leaves(child)]


def _cron_at(conn: Connection, pipeline: rows.PipelineRow, told: _Tick) -> CronInput | None:
    """Returns the clock that a task is about; none where it has stopped since."""
    if pipeline.state != "running" or pipeline.version != told.version:
        return None
    return dict(crons_of(rows.spec_of(conn, pipeline.id, pipeline.version))).get(told.leaf)


def _schedule(cron: CronInput) -> Schedule:
    return schedule_of(cron.schedule, start_ms=moment_ms(cron.start) if cron.start else 0)
