"""Whatever workers do, in whatever order: no task is lost, and none is finished twice."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    rule,
    run_state_machine_as_test,
)

from headwater.db import Catalog, LeaseLost
from headwater.execution import Claim, Queue, Task
from headwater.execution.tables import tasks
from tests.clocks import HandClock

TTL_MS = 10_000


class QueueMachine(RuleBasedStateMachine):
    """Workers claim, renew, finish, give back and fall silent; the model counts."""

    claims: "Bundle[Claim]" = Bundle("claims")

    def __init__(self, catalog: Catalog, clock: HandClock) -> None:
        super().__init__()
        self.catalog, self.clock = catalog, clock
        with catalog.write() as conn:
            conn.execute(tasks.delete())
        self.queue = Queue(catalog)
        self.enqueued = 0
        self.finished: list[str] = []
        self.newest: dict[str, int] = {}
        self.over_ms: dict[str, int] = {}

    @rule(priority=st.integers(-2, 2), delay_s=st.sampled_from([0, 0, 7]))
    def enqueue(self, priority: int, delay_s: int) -> None:
        with self.catalog.write() as conn:
            self.queue.enqueue(
                conn,
                Task("job", b""),
                priority=priority,
                not_before_ms=self.clock.ms + delay_s * 1000,
                attempts=1000,
            )
        self.enqueued += 1

    @rule(target=claims, worker=st.sampled_from("abc"))
    def claim(self, worker: str) -> Claim:
        claim = self.queue.claim(worker, ["job"], ttl_s=10)
        if claim is None:
            return Claim("0", Task("job", b""), worker, 0, 0, 0.0)  # type: ignore[arg-type]
        assert claim.token > max(self.newest.values(), default=0)
        self.newest[claim.task_id] = claim.token
        self.over_ms[claim.task_id] = self.clock.ms + TTL_MS
        return claim

    @rule(claim=consumes(claims))
    def finish(self, claim: Claim) -> None:
        try:
            with self.catalog.write() as conn:
                self.queue.finish(conn, claim)
        except LeaseLost:
            assert not self.must_hold(claim)
        else:
            assert self.is_newest(claim)
            self.finished.append(claim.task_id)
            del self.newest[claim.task_id]

    @rule(claim=consumes(claims), delay_s=st.sampled_from([0, 3]), error=st.sampled_from(["", "no"]))
    def release(self, claim: Claim, delay_s: int, error: str) -> None:
        try:
            self.queue.release(claim, delay_s=delay_s, error=error)
        except LeaseLost:
            assert not self.must_hold(claim)
        else:
            del self.newest[claim.task_id]

    @rule(claim=claims)
    def renew(self, claim: Claim) -> None:
        try:
            self.queue.renew(claim)
        except LeaseLost:
            assert not self.must_hold(claim)
        else:
            assert self.is_newest(claim)
            self.over_ms[claim.task_id] = self.clock.ms + TTL_MS

    @rule(seconds=st.integers(1, 12))
    def pass_time(self, seconds: int) -> None:
        self.clock.sleep(seconds)

    def is_newest(self, claim: Claim) -> bool:
        return self.newest.get(claim.task_id) == claim.token

    def must_hold(self, claim: Claim) -> bool:
        """A lease that ran out may be taken at any time, also before somebody has the task again."""
        return self.is_newest(claim) and self.clock.ms < self.over_ms[claim.task_id]

    @invariant()
    def nothing_is_lost_or_done_twice(self) -> None:
        counts = self.queue.counts()
        assert sum(counts.values()) == self.enqueued
        assert counts["failed"] == 0
        assert counts["done"] == len(self.finished) == len(set(self.finished))


def test_no_task_is_lost_and_none_is_done_twice(catalog: Catalog, clock: HandClock) -> None:
    run_state_machine_as_test(
        lambda: QueueMachine(catalog, clock),  # type: ignore[arg-type]  # it only calls it
        settings=settings(max_examples=15, stateful_step_count=30, deadline=None),
    )
