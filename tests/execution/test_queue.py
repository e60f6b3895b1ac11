"""The durable queue: order, leases, retries, keys."""

from typing import Protocol

import pytest
import sqlalchemy as sa

from headwater.db import Catalog, LeaseLost
from headwater.execution import Claim, Queue, Task, TaskNotFound
from headwater.execution.task import TaskInfo
from headwater.ids import TaskId


class Movable(Protocol):
    def sleep(self, seconds: float) -> None: ...

    def now_ms(self) -> int: ...


def put(queue: Queue, payload: str = "", kind: str = "job", **options: object) -> TaskId:
    with queue.catalog.write() as conn:
        return queue.enqueue(conn, Task(kind, payload.encode()), **options)  # type: ignore[arg-type]


def take(queue: Queue, worker: str = "w", *kinds: str, ttl_s: float = 10) -> Claim:
    claim = queue.claim(worker, kinds or ("job",), ttl_s)
    assert claim is not None
    return claim


def end(queue: Queue, claim: Claim) -> TaskInfo:
    with queue.catalog.write() as conn:
        queue.finish(conn, claim)
    return queue.get(claim.task_id)


def test_a_task_of_a_transaction_that_failed_was_never_enqueued(queue: Queue) -> None:
    def fail() -> None:
        with queue.catalog.write() as conn:
            queue.enqueue(conn, Task("job", b""))
            raise KeyError

    with pytest.raises(KeyError):
        fail()

    assert queue.claim("w", ["job"]) is None


def test_a_task_is_claimed_once_and_finished_with_its_result(queue: Queue) -> None:
    task_id = put(queue, "a")

    claim = take(queue)

    assert claim.task == Task("job", b"a")
    assert claim.attempt == 1
    assert queue.claim("other", ["job"]) is None
    assert end(queue, claim).state == "done"
    assert queue.claim("other", ["job"]) is None
    assert queue.get(task_id).finished_ms is not None


def test_higher_priority_comes_first_and_among_equals_the_older(queue: Queue) -> None:
    for payload, priority in [("a", 0), ("b", 5), ("c", 0), ("d", 5), ("e", -1)]:
        put(queue, payload, priority=priority)

    order = [take(queue).task.payload.decode() for _ in range(5)]

    assert order == ["b", "d", "a", "c", "e"]


def test_priority_counts_across_the_kinds_a_worker_serves(queue: Queue) -> None:
    put(queue, "a", kind="job")
    put(queue, "b", kind="promotion", priority=1)
    put(queue, "c", kind="other", priority=2)

    assert take(queue, "w", "job", "promotion").task.payload == b"b"
    assert take(queue, "w", "job", "promotion").task.payload == b"a"
    assert queue.claim("w", ["job", "promotion"]) is None


def test_a_delayed_task_waits_for_its_time(queue: Queue, clock: Movable) -> None:
    put(queue, not_before_ms=clock.now_ms() + 5000)
    assert queue.claim("w", ["job"]) is None

    clock.sleep(5)

    take(queue)


def test_a_task_whose_worker_fell_silent_goes_to_another(queue: Queue, clock: Movable) -> None:
    put(queue)
    silent = take(queue, "silent")
    clock.sleep(10)

    other = take(queue, "other")

    assert other.task_id == silent.task_id
    assert other.attempt == 2
    assert other.token > silent.token


def test_a_worker_that_lost_its_lease_cannot_change_its_task(queue: Queue, clock: Movable) -> None:
    put(queue)
    silent = take(queue, "silent")
    clock.sleep(10)
    other = take(queue, "other")

    with pytest.raises(LeaseLost):
        end(queue, silent)
    with pytest.raises(LeaseLost):
        queue.renew(silent)
    with pytest.raises(LeaseLost):
        queue.release(silent)
    with pytest.raises(LeaseLost):
        queue.abandon(silent, "no")
    with queue.catalog.write() as conn, pytest.raises(LeaseLost):
        queue.fail(conn, silent, "no")
    with queue.catalog.write() as conn, pytest.raises(LeaseLost) as caught:
        queue.check(conn, silent)

    assert silent.task_id in caught.value.message
    assert end(queue, other).state == "done"
    with pytest.raises(LeaseLost):
        end(queue, other)


def test_what_a_worker_did_beside_a_lost_lease_is_undone_with_it(
    queue: Queue, catalog: Catalog, clock: Movable
) -> None:
    put(queue)
    silent = take(queue)
    clock.sleep(10)
    take(queue)

    def finish_late() -> None:
        with catalog.write() as conn:
            queue.enqueue(conn, Task("result", b""))
            queue.finish(conn, silent)

    with pytest.raises(LeaseLost):
        finish_late()

    assert queue.claim("w", ["result"]) is None


def test_a_lease_that_ran_out_holds_until_somebody_takes_the_task(queue: Queue, clock: Movable) -> None:
    put(queue)
    claim = take(queue)

    clock.sleep(100)

    assert end(queue, claim).state == "done"


def test_a_renewed_lease_keeps_the_task(queue: Queue, clock: Movable) -> None:
    put(queue)
    claim = take(queue)

    for _ in range(3):
        clock.sleep(9)
        queue.renew(claim)

    assert queue.claim("other", ["job"]) is None


def test_a_failed_attempt_is_repeated_after_a_pause(queue: Queue, clock: Movable) -> None:
    put(queue)

    queue.release(take(queue), delay_s=4, error="no route")

    assert queue.claim("w", ["job"]) is None
    clock.sleep(4)
    again = take(queue)
    assert again.attempt == 2
    assert queue.get(again.task_id).error == "no route"


def test_the_last_failed_attempt_ends_the_task_and_keeps_its_error(catalog: Catalog) -> None:
    heard: list[tuple[bytes, str]] = []
    queue = Queue(catalog, on_failure={"job": lambda _, task, error: heard.append((task.payload, error))})
    task_id = put(queue, "a", attempts=2)

    queue.release(take(queue), error="first")
    queue.release(take(queue), error="second")

    assert queue.claim("w", ["job"]) is None
    assert (queue.get(task_id).state, queue.get(task_id).error) == ("failed", "second")
    assert heard == [(b"a", "second")]


def test_a_task_that_kills_every_worker_ends_as_failed(catalog: Catalog, clock: Movable) -> None:
    failed: list[bytes] = []

    def on_failure(conn: sa.Connection, task: Task, error: str) -> None:
        assert "3 attempts" in error
        queue.enqueue(conn, Task("told", task.payload))  # the hook writes in the same transaction
        failed.append(task.payload)

    queue = Queue(catalog, on_failure={"job": on_failure})
    task_id = put(queue, "poison", attempts=3)
    for _ in range(3):
        take(queue, "victim")
        clock.sleep(10)

    assert queue.claim("w", ["job"]) is None

    info = queue.get(task_id)
    assert info.state == "failed"
    assert "victim" in (info.error or "")
    assert failed == [b"poison"]
    assert take(queue, "w", "told").task.payload == b"poison"


def test_giving_a_task_back_without_an_error_costs_no_attempt(queue: Queue) -> None:
    put(queue, attempts=1)

    for _ in range(3):
        queue.release(take(queue))

    assert take(queue).attempt == 1


def test_a_handler_that_fails_its_task_says_why(queue: Queue, catalog: Catalog) -> None:
    put(queue)
    claim = take(queue)

    with catalog.write() as conn:
        queue.fail(conn, claim, "bad input")

    assert (queue.get(claim.task_id).state, queue.get(claim.task_id).error) == ("failed", "bad input")


def test_a_key_has_one_waiting_task_with_the_best_of_both(queue: Queue, clock: Movable) -> None:
    first = put(queue, "old", key="k", not_before_ms=clock.now_ms() + 9000)
    put(queue, "between")

    second = put(queue, "new", key="k", priority=3)

    assert second == first
    assert [take(queue).task.payload for _ in range(2)] == [b"new", b"between"]
    assert queue.claim("w", ["job"]) is None


def test_a_key_enqueued_while_its_task_runs_is_done_once_more(queue: Queue) -> None:
    put(queue, "one", key="k")
    claim = take(queue)
    put(queue, "two", key="k")
    put(queue, "three", key="k")
    assert queue.claim("w", ["job"]) is None

    assert end(queue, claim).state == "ready"

    again = take(queue)
    assert (again.task.payload, again.attempt) == (b"three", 1)
    assert end(queue, again).state == "done"
    assert queue.claim("w", ["job"]) is None


def test_a_key_asked_for_again_is_served_although_its_task_failed(queue: Queue, catalog: Catalog) -> None:
    put(queue, "one", key="k", attempts=1)
    claim = take(queue)
    put(queue, "two", key="k")
    queue.release(claim, error="used up")
    second = take(queue)
    put(queue, "three", key="k")
    with catalog.write() as conn:
        queue.fail(conn, second, "bad")

    assert take(queue).task.payload == b"three"


def test_a_key_asked_for_again_survives_its_workers_death(queue: Queue, clock: Movable) -> None:
    put(queue, "one", key="k")
    take(queue)
    put(queue, "two", key="k")
    clock.sleep(10)

    again = take(queue)

    assert again.task.payload == b"two"
    assert end(queue, again).state == "done"


def test_a_key_is_free_when_its_task_is_finished(queue: Queue) -> None:
    first = put(queue, key="k")
    end(queue, take(queue))

    assert put(queue, key="k") != first


def test_tasks_are_counted_by_state(queue: Queue, clock: Movable) -> None:
    for _ in range(3):
        put(queue)
    put(queue, not_before_ms=clock.now_ms() + 1)
    end(queue, take(queue))
    take(queue)

    assert queue.counts() == {"ready": 1, "delayed": 1, "running": 1, "done": 1, "failed": 0}


def test_what_ended_more_than_a_day_ago_is_removed_in_pieces(queue: Queue, clock: Movable) -> None:
    old = [put(queue, str(number)) for number in range(4)]
    for _ in range(3):
        end(queue, take(queue))
    clock.sleep(86_401)
    young = put(queue)
    take(queue)  # the old one that waited

    after = queue.remove_old(count=2)
    assert after == int(old[1])
    assert queue.counts()["done"] == 1
    after = queue.remove_old(after, count=2)

    assert after == int(old[3])
    assert queue.remove_old(after, count=2) is None
    assert queue.counts() == {"ready": 1, "delayed": 0, "running": 1, "done": 0, "failed": 0}
    assert queue.get(young).state == "ready"


@pytest.mark.parametrize("task_id", ["12345", "no number"])
def test_an_unknown_task_is_named(queue: Queue, task_id: str) -> None:
    with pytest.raises(TaskNotFound, match=task_id):
        queue.get(TaskId(task_id))


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
def test_no_statement_of_a_claim_looks_at_finished_tasks(
    queue: Queue, catalog: Catalog, clock: Movable
) -> None:
    for _ in range(3):
        put(queue)
    end(queue, take(queue))
    put(queue, not_before_ms=clock.now_ms() + 1000)
    clock.sleep(2)  # a claim makes it ready first
    seen: list[tuple[str, object]] = []

    def note(_c: object, _k: object, statement: str, parameters: object, *_: object) -> None:
        seen.append((statement, parameters))

    sa.event.listen(catalog.engine, "before_cursor_execute", note)
    take(queue)
    sa.event.remove(catalog.engine, "before_cursor_execute", note)

    about_tasks = [(text, values) for text, values in seen if "tasks" in text]
    with catalog.read() as conn:
        plans = [
            step[3]
            for text, values in about_tasks
            for step in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values)  # type: ignore[arg-type]
            if " tasks" in step[3]
        ]
    assert len(about_tasks) >= 5
    assert all(step.startswith("SEARCH tasks USING") for step in plans), plans
