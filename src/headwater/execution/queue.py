"""The durable queue: what must be done, by whoever comes, exactly as often as needed.

A task is enqueued in the transaction of whatever caused it and finished in the
transaction of what it brought about, so neither exists without the other.
Between the two a worker holds a claim, a lease by the catalog's clock with a
fencing token: a worker that dies loses it by silence, one that was only slow
finds out when it tries to finish. A lease that ran out ends at the latest when
the next worker looks for a task.

Knows nothing of what tasks mean: kinds and payloads belong to the floors above.
"""

from collections.abc import Callable, Collection, Mapping

import sqlalchemy as sa

from headwater.db import Catalog, Counters, LeaseLost
from headwater.execution import store
from headwater.execution.errors import TaskNotFound
from headwater.execution.task import Claim, State, Task, TaskInfo
from headwater.ids import TaskId

FailureHook = Callable[[sa.Connection, Task, str], None]

ATTEMPTS = 5
LEASE_S = 15.0
_TOKENS = "task-token"
_KEPT_MS = 86_400_000  # of a task that has ended: long enough to ask what became of it
_PIECE = 500


class Queue:
    """The tasks of one catalog; safe to use from many threads."""

    def __init__(self, catalog: Catalog, *, on_failure: Mapping[str, FailureHook] | None = None) -> None:
        """Serves the catalog's table.

        Args:
            catalog: Where the tasks are.
            on_failure: By kind, what to do in the transaction in which a task
                ends as failed without its handler having said so: its workers
                died too often, or its handler raised.
        """
        self.catalog = catalog
        self._on_failure = dict(on_failure or {})

    def enqueue(
        self,
        conn: sa.Connection,
        task: Task,
        *,
        key: str | None = None,
        priority: int = 0,
        not_before_ms: int = 0,
        attempts: int = ATTEMPTS,
    ) -> TaskId:
        """Adds a task in the caller's transaction.

        Args:
            conn: A connection of `Catalog.write`.
            task: What is to be done.
            key: At most one unfinished task has this key. One that waits takes
                the new payload, the higher priority and the earlier time; one
                that runs is done once more afterwards.
            priority: Higher ones come first; among equals the older.
            not_before_ms: By the catalog's clock.
            attempts: How often it may be begun before it counts as failed.
        """
        now_ms = self.catalog.now_ms(conn)
        values = {
            "key": key,
            "rank": -priority,
            "due_ms": max(not_before_ms, now_ms),
            "state": "delayed" if not_before_ms > now_ms else "ready",
            "attempts_allowed": attempts,
            "created_ms": now_ms,
        }
        while True:  # a task with this key may end between the two looks
            waiting = store.info(conn, store.by_key(key), lock=True) if key is not None else None
            if waiting is not None:
                self._merge(conn, waiting, task, priority, not_before_ms)
                return waiting.id
            added = store.insert(conn, task, values)
            if added is not None:
                self.catalog.announce(conn)
                return added

    def claim(self, worker: str, kinds: Collection[str], ttl_s: float = LEASE_S) -> Claim | None:
        """Takes the first task of these kinds; none when nothing is to be done.

        Looks before it writes, so an idle worker asking often disturbs
        nobody; of several who claim at once each takes another task.
        """
        with self.catalog.read() as conn:
            seen = store.outlook(conn, kinds, self.catalog.now_ms(conn))
        if seen.ready is None and not seen.is_due:
            return None
        if seen.is_exhausted:
            self._bury_exhausted(kinds)
        with self.catalog.write(shared=True) as conn:
            if seen.is_due:
                store.wake(conn, kinds, self.catalog.now_ms(conn))
            first = [seen.ready] if seen.ready is not None and not seen.is_due else kinds
            number = store.first_ready(conn, first, lock=True)
            if number is None and first is not kinds:  # somebody else was faster; there may be other kinds
                number = store.first_ready(conn, kinds, lock=True)
            if number is None:
                return None
            token = Counters.next(conn, _TOKENS)
            return self._start(conn, number, worker, token, ttl_s)

    def renew(self, claim: Claim, conn: sa.Connection | None = None) -> None:
        """Lets the lease run for its full time again, in the given transaction or one of its own.

        Raises:
            LeaseLost: Another worker has the task, or it is finished.
        """
        if conn is None:
            with self.catalog.write(shared=True) as own:
                self.renew(claim, own)
            return
        self._change_held(conn, claim, due_ms=self._expiry(conn, claim.ttl_s))

    def check(self, conn: sa.Connection, claim: Claim) -> None:
        """Makes sure, inside the transaction that acts for the task, that the claim still holds it.

        Raises:
            LeaseLost: Another worker has the task, or it is finished.
        """
        self._held(conn, claim)

    def holds(self, conn: sa.Connection, claim: Claim) -> bool:
        """Tells whether the claim still holds its task."""
        return store.info(conn, store.held(claim)) is not None

    def finish(self, conn: sa.Connection, claim: Claim) -> None:
        """Ends the task as done, in the transaction that makes its result visible.

        Raises:
            LeaseLost: Another worker has the task, or it is finished.
        """
        self._end(conn, claim, state="done", error=None)

    def release(self, claim: Claim, delay_s: float = 0.0, error: str = "") -> None:
        """Gives the task back to be tried again.

        Args:
            claim: What is given back.
            delay_s: How long nobody shall take it.
            error: Why this attempt failed; after the last allowed attempt the
                task ends as failed with it. Empty: nothing failed, and the
                attempt does not count.

        Raises:
            LeaseLost: Another worker has the task, or it is finished.
        """
        with self.catalog.write() as conn:
            held = self._held(conn, claim)
            if error and held.attempt >= held.attempts_allowed:
                self._bury(conn, held, error)
                return
            values: dict[str, object] = {"error": error} if error else {"attempt": held.attempt - 1}
            state = "delayed" if delay_s > 0 else "ready"
            self._change_held(
                conn, claim, state=state, worker=None, due_ms=self._expiry(conn, delay_s), **values
            )

    def fail(self, conn: sa.Connection, claim: Claim, error: str) -> None:
        """Ends the task as failed, in the caller's transaction; the failure hook is not called.

        Raises:
            LeaseLost: Another worker has the task, or it is finished.
        """
        self._end(conn, claim, state="failed", error=error)

    def abandon(self, claim: Claim, error: str) -> None:
        """Ends the task as failed although attempts are left, and calls the failure hook.

        Raises:
            LeaseLost: Another worker has the task, or it is finished.
        """
        with self.catalog.write() as conn:
            self._bury(conn, self._held(conn, claim), error)

    def remove_old(self, after: int = 0, *, count: int = _PIECE) -> int | None:
        """Removes, of the `count` oldest tasks after a number, those that ended more than a day ago.

        Tasks are numbered as they come, so the search begins with the oldest
        and is over at the first one of the last day: it never looks at those.

        Returns:
            The number to go on after; none when there is nothing older than a day behind it.
        """
        with self.catalog.read() as conn:
            before_ms = self.catalog.now_ms(conn) - _KEPT_MS
            last = store.nth_after(conn, after, count, before_ms)
        if last is None:
            return None
        with self.catalog.write(shared=True) as conn:
            store.remove_ended(conn, after, last, before_ms)
        return last

    def get(self, task_id: TaskId) -> TaskInfo:
        """Returns a task.

        Raises:
            TaskNotFound: There is none with this id.
        """
        with self.catalog.read() as conn:
            found = store.info(conn, store.by_id(task_id))
        if found is None:
            raise TaskNotFound(task_id)
        return found

    def is_unfinished(self, key: str) -> bool:
        """Tells whether a task with this key waits or runs."""
        with self.catalog.read() as conn:
            return store.info(conn, store.by_key(key)) is not None

    def unheld(self, conn: sa.Connection, keys: Collection[str]) -> dict[str, TaskInfo]:
        """Returns, of the unfinished tasks with these keys, those that no worker holds: nobody took them yet, or his lease is over."""
        now_ms = self.catalog.now_ms(conn)
        found = {one.key or "": one for one in store.by_keys(conn, keys)}
        return {key: one for key, one in found.items() if one.state != "running" or one.due_ms <= now_ms}

    def counts(self) -> dict[str, int]:
        """Returns the number of tasks in each state: ready, delayed, running, done, failed."""
        with self.catalog.read() as conn:
            return {"ready": 0, "delayed": 0, "running": 0, "done": 0, "failed": 0} | store.counts(conn)

    def has_work(self, conn: sa.Connection, kinds: Collection[str], *, within_s: float = 0.0) -> bool:
        """Tells whether a task of these kinds can be claimed now, or a delay or lease ends within that time."""
        seen = store.outlook(conn, kinds, self._expiry(conn, within_s))
        return seen.ready is not None or seen.is_due

    def _merge(
        self, conn: sa.Connection, waiting: TaskInfo, task: Task, priority: int, not_before_ms: int
    ) -> None:
        now_ms = self.catalog.now_ms(conn)
        values: dict[str, object] = {
            "kind": task.kind,
            "payload": task.payload,
            "rank": -max(priority, waiting.priority),
        }
        if waiting.state == "running":
            values["again"] = True
        elif waiting.state == "delayed":
            self.catalog.announce(conn)
            due_ms = min(waiting.due_ms, max(not_before_ms, now_ms))
            values |= {"due_ms": due_ms, "state": "delayed" if due_ms > now_ms else "ready"}
        store.change(conn, store.by_id(waiting.id), **values)

    def _bury_exhausted(self, kinds: Collection[str]) -> None:
        """Ends, with nobody else writing, what a worker left behind too often."""
        with self.catalog.write() as conn:
            for dead in store.exhausted(conn, kinds, self.catalog.now_ms(conn)):
                self._bury(conn, dead, _died(dead))

    def _start(self, conn: sa.Connection, number: int, worker: str, token: int, ttl_s: float) -> Claim:
        values = {"state": "running", "again": False, "worker": worker, "token": token}
        row = store.begin(conn, number, due_ms=self._expiry(conn, ttl_s), **values)
        return Claim(TaskId(str(number)), Task(row.kind, row.payload), worker, token, row.attempt, ttl_s)

    def _bury(self, conn: sa.Connection, task: TaskInfo, error: str) -> None:
        self._close(conn, store.by_id(task.id), state="failed", error=error)
        hook = self._on_failure.get(task.task.kind)
        if hook is not None:
            hook(conn, task.task, error)

    def _end(self, conn: sa.Connection, claim: Claim, *, state: State, error: str | None) -> None:
        if not self._close(conn, store.held(claim), state=state, error=error):
            self._held(conn, claim)

    def _close(
        self, conn: sa.Connection, where: sa.ColumnElement[bool], *, state: State, error: str | None
    ) -> int:
        """Ends a task; one that was enqueued again meanwhile becomes ready instead."""
        now_ms = self.catalog.now_ms(conn)
        once_more = sa.and_(where, store.asked_again())
        fresh = {"state": "ready", "again": False, "attempt": 0, "due_ms": now_ms}
        return store.change(conn, once_more, error=error, **fresh) or store.change(
            conn, where, state=state, key=None, error=error, finished_ms=now_ms
        )

    def _held(self, conn: sa.Connection, claim: Claim) -> TaskInfo:
        found = store.info(conn, store.held(claim))
        if found is None:
            raise LeaseLost(f"task {claim.task_id} ({claim.task.kind})", holder=claim.worker)
        return found

    def _change_held(self, conn: sa.Connection, claim: Claim, **values: object) -> None:
        if not store.change(conn, store.held(claim), **values):
            self._held(conn, claim)

    def _expiry(self, conn: sa.Connection, seconds: float) -> int:
        return self.catalog.now_ms(conn) + round(seconds * 1000)


def _died(task: TaskInfo) -> str:
    return (
        f"Its worker died or fell silent in each of {task.attempt} attempts, the last one {task.worker}."
        + (f"\nBefore that: {task.error}" if task.error else "")
    )
