"""The worker loop and the roster, in this process."""

import os
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Protocol

import pytest
import sqlalchemy as sa

from headwater.clock import SystemClock
from headwater.db import Catalog
from headwater.errors import InvalidInput, Unavailable
from headwater.execution import Beat, Claim, Queue, Roster, Stopping, Task, Worker
from headwater.execution import worker as worker_module
from headwater.execution.tables import tasks, workers
from headwater.execution.worker import back_off_s
from headwater.ids import TaskId
from tests.servers.postgres import fresh_catalog


class Movable(Protocol):
    def sleep(self, seconds: float) -> None: ...


def put(queue: Queue, payload: str = "", **options: object) -> TaskId:
    with queue.catalog.write() as conn:
        return queue.enqueue(conn, Task("job", payload.encode()), **options)  # type: ignore[arg-type]


def work(queue: Queue, handler: Callable[[Claim, Beat], None], stop: threading.Event | None = None) -> None:
    Worker(queue, {"job": handler}, SystemClock()).run(idle_exit_s=0, stop=stop)


def test_a_worker_does_all_there_is_and_leaves(queue: Queue) -> None:
    done: list[bytes] = []
    for payload in "abc":
        put(queue, payload)

    work(queue, lambda claim, _: done.append(claim.task.payload))

    assert done == [b"a", b"b", b"c"]
    assert queue.counts()["done"] == 3


def test_a_handler_may_finish_its_task_with_its_result(queue: Queue, catalog: Catalog) -> None:
    def handle(claim: Claim, _: Beat) -> None:
        with catalog.write() as conn:
            queue.enqueue(conn, Task("result", claim.task.payload))
            queue.finish(conn, claim)

    put(queue, "a")

    work(queue, handle)

    result = queue.claim("w", ["result"])
    assert result is not None
    assert queue.counts()["done"] == 1


def test_an_error_that_repeating_cannot_mend_ends_the_task(catalog: Catalog) -> None:
    heard: list[str] = []
    queue = Queue(catalog, on_failure={"job": lambda _, __, error: heard.append(error)})

    def handle(_: Claim, __: Beat) -> None:
        raise InvalidInput("The file has no rows.", hint="Give one with rows.")

    task_id = put(queue)

    work(queue, handle)

    assert queue.get(task_id).state == "failed"
    assert queue.get(task_id).error == "The file has no rows.\nGive one with rows."
    assert heard == ["The file has no rows.\nGive one with rows."]


class RacingClock(SystemClock):
    """A clock on which five seconds pass whenever somebody looks."""

    def __init__(self) -> None:
        self.ms = 0

    def now_ms(self) -> int:
        self.ms += 5000
        return self.ms


@pytest.mark.parametrize("error", [Unavailable("No disk.", hint="Wait."), ZeroDivisionError("by zero")])
def test_any_other_error_is_tried_again_later(url: str, error: Exception) -> None:
    queue = Queue(fresh_catalog(url, clock=RacingClock()))
    attempts: list[int] = []

    def handle(claim: Claim, _: Beat) -> None:
        attempts.append(claim.attempt)
        if claim.attempt < 3:
            raise error

    task_id = put(queue)

    work(queue, handle)

    assert attempts == [1, 2, 3]
    assert queue.get(task_id).state == "done"


def test_pauses_grow_to_a_minute() -> None:
    assert [back_off_s(attempt) for attempt in (1, 2, 3, 7, 100)] == [1, 2, 4, 60, 60]


def test_a_handler_that_hears_of_the_stop_gives_its_task_back(queue: Queue) -> None:
    stop = threading.Event()

    def handle(_: Claim, beat: Beat) -> None:
        assert not beat.stopping
        stop.set()
        if beat.stopping:
            raise Stopping

    task_id = put(queue, attempts=1)

    work(queue, handle, stop)

    assert (queue.get(task_id).state, queue.get(task_id).attempt) == ("ready", 0)


def test_what_breaks_while_stopping_does_not_count_as_an_attempt(queue: Queue) -> None:
    stop = threading.Event()

    def handle(_: Claim, __: Beat) -> None:
        stop.set()
        raise Unavailable("The executor is closed.", hint="Try later.")

    task_id = put(queue, attempts=1)

    work(queue, handle, stop)

    assert queue.get(task_id).state == "ready"


def test_a_stop_from_the_keyboard_gives_the_task_back(queue: Queue) -> None:
    def handle(_: Claim, __: Beat) -> None:
        raise KeyboardInterrupt

    task_id = put(queue)

    with pytest.raises(KeyboardInterrupt):
        work(queue, handle)

    assert queue.get(task_id).state == "ready"


def test_a_beat_keeps_the_lease_and_one_that_comes_too_late_tells_the_handler(
    queue: Queue, clock: Movable
) -> None:
    heard: list[bool] = []
    claimed_by_other: list[Claim | None] = []

    def handle(_: Claim, beat: Beat) -> None:
        clock.sleep(14)
        worker.beat()
        clock.sleep(14)
        claimed_by_other.append(queue.claim("other", ["job"]))
        heard.append(beat.lost)
        clock.sleep(14)
        claimed_by_other.append(queue.claim("other", ["job"]))
        worker.beat()
        heard.append(beat.lost)

    worker = Worker(queue, {"job": handle})
    put(queue)

    def run() -> None:
        worker.run(stop=stop)

    stop = threading.Event()
    thread = threading.Thread(target=run)
    thread.start()
    while len(heard) < 2:
        thread.join(0.01)
    stop.set()
    thread.join()

    assert heard == [False, True]
    assert claimed_by_other[0] is None
    assert claimed_by_other[1] is not None
    assert queue.counts()["running"] == 1  # the other has it; the late one changed nothing


def test_the_heartbeat_runs_by_itself(url: str) -> None:
    queue = Queue(fresh_catalog(url))  # on the machine's clock
    put(queue)
    renewed = threading.Event()

    def handle(claim: Claim, _: Beat) -> None:
        first = queue.get(claim.task_id).due_ms
        while queue.get(claim.task_id).due_ms == first:
            renewed.wait(0.01)
        renewed.set()

    Worker(queue, {"job": handle}, ttl_s=0.3).run(idle_exit_s=0)

    assert renewed.is_set()


def test_the_roster_names_this_worker_while_it_runs(queue: Queue, catalog: Catalog) -> None:
    seen: list[int] = []

    def handle(_: Claim, __: Beat) -> None:
        with catalog.read() as conn:
            seen.extend(worker.pid for worker in Roster(catalog).live(conn))

    put(queue)

    work(queue, handle)

    assert seen == [os.getpid()]
    with catalog.read() as conn:
        assert Roster(catalog).live(conn) == []


def test_the_roster_forgets_the_silent_and_the_dead(catalog: Catalog, clock: Movable) -> None:
    roster = Roster(catalog)
    roster.enter("local")
    dead = subprocess.Popen(["true"])
    os.waitid(os.P_PID, dead.pid, os.WEXITED | os.WNOWAIT)  # it waits to be reaped
    other = roster.enter("local")
    with catalog.write() as conn:
        conn.execute(workers.update().where(workers.c.id == other).values(pid=dead.pid))
        alive = [worker.pid for worker in roster.live(conn)]
    clock.sleep(16)
    with catalog.read() as conn:
        later = roster.live(conn)
    dead.wait()

    assert alive == [os.getpid()]
    assert later == []
    clock.sleep(3600)
    roster.enter("local")
    with catalog.read() as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(workers)).scalar() == 1


def test_a_worker_that_would_leave_sees_what_came_last(queue: Queue) -> None:
    done: list[bytes] = []
    put(queue, "a")

    def handle(claim: Claim, _: Beat) -> None:
        done.append(claim.task.payload)
        if claim.task.payload == b"a":
            put(queue, "b")

    work(queue, handle)

    assert done == [b"a", b"b"]


def test_many_workers_do_each_task_once(queue: Queue) -> None:
    done: list[bytes] = []
    for number in range(60):
        put(queue, str(number))
    threads = [
        threading.Thread(target=work, args=(queue, lambda claim, _: done.append(claim.task.payload)))
        for _ in range(4)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(done, key=int) == [str(number).encode() for number in range(60)]


def run_in_thread(worker: Worker, stop: threading.Event) -> threading.Thread:
    thread = threading.Thread(target=worker.run, kwargs={"stop": stop})
    thread.start()
    return thread


def test_a_worker_with_several_slots_serves_several_tasks_at_once_under_one_name(
    queue: Queue, catalog: Catalog
) -> None:
    together = threading.Barrier(3)
    names: set[str] = set()

    def handle(claim: Claim, _: Beat) -> None:
        names.add(claim.worker)
        together.wait(30)  # broken unless three are here at once
        with catalog.read() as conn:
            assert len(Roster(catalog).live(conn)) == 1

    for _ in range(6):
        put(queue)

    Worker(queue, {"job": handle}, slots=3).run(idle_exit_s=0)

    assert queue.counts()["done"] == 6
    assert len(names) == 1


def test_one_heartbeat_keeps_the_leases_of_all_slots_and_tells_the_one_that_lost_its(
    queue: Queue, clock: Movable
) -> None:
    beats: dict[bytes, Beat] = {}
    claims: dict[bytes, Claim] = {}
    end = threading.Event()

    def handle(claim: Claim, beat: Beat) -> None:
        beats[claim.task.payload], claims[claim.task.payload] = beat, claim
        end.wait(30)

    worker = Worker(queue, {"job": handle}, slots=2)
    for payload in "ab":
        put(queue, payload)
    stop = threading.Event()
    thread = run_in_thread(worker, stop)
    while len(beats) < 2:
        thread.join(0.005)

    queue.release(claims[b"a"], delay_s=1000)
    for _ in range(3):
        clock.sleep(14)
        worker.beat()

    assert (beats[b"a"].lost, beats[b"b"].lost) == (True, False)
    end.set()
    stop.set()
    thread.join()
    assert queue.counts() == {"ready": 0, "delayed": 1, "running": 0, "done": 1, "failed": 0}


def test_tasks_that_last_take_no_slot_from_others(queue: Queue, catalog: Catalog) -> None:
    done = threading.Event()

    def last(_: Claim, beat: Beat) -> None:
        while not beat.stopping:
            done.wait(0.005)
        raise Stopping

    with catalog.write() as conn:
        for _ in range(3):
            queue.enqueue(conn, Task("spout", b""))
    worker = Worker(queue, {"spout": last, "job": lambda *_: done.set()}, slots=1, lasting={"spout"})
    stop = threading.Event()
    thread = run_in_thread(worker, stop)
    while queue.counts()["running"] < 3:
        thread.join(0.005)

    put(queue)

    assert done.wait(30)
    stop.set()
    thread.join()
    assert (queue.counts()["ready"], queue.counts()["done"]) == (3, 1)


def test_a_worker_does_not_leave_while_one_slot_works(queue: Queue) -> None:
    order: list[bytes] = []
    first_is_done = threading.Event()

    def handle(claim: Claim, _: Beat) -> None:
        if claim.task.payload == b"slow":
            first_is_done.wait(30)
            put(queue, "late")
        order.append(claim.task.payload)
        first_is_done.set()

    put(queue, "slow")
    put(queue, "quick")

    Worker(queue, {"job": handle}, slots=2).run(idle_exit_s=0)

    assert order == [b"quick", b"slow", b"late"]


def test_an_idle_worker_hears_of_a_task_at_once(url: str) -> None:
    queue = Queue(fresh_catalog(url))  # on the machine's clock
    begun = threading.Event()
    worker = Worker(queue, {"job": lambda *_: begun.set()})
    stop, delays_s = threading.Event(), []
    thread = run_in_thread(worker, stop)
    while not worker_is_up(queue):
        thread.join(0.005)
    thread.join(1.0)  # so long that a poll would have become slow

    for _ in range(5):
        begun.clear()
        put(queue)
        enqueued_s = time.monotonic()
        assert begun.wait(30)
        delays_s.append(time.monotonic() - enqueued_s)
        thread.join(0.3)

    stop.set()
    thread.join()
    assert sorted(delays_s)[2] < 0.15  # a poll alone takes a quarter of a second on the average


def worker_is_up(queue: Queue) -> bool:
    with queue.catalog.read() as conn:
        return bool(Roster(queue.catalog).live(conn))


def test_an_idle_worker_removes_what_ended_days_ago(
    queue: Queue, catalog: Catalog, clock: Movable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "_TIDY_AFTER_S", 0.0)
    put(queue)
    work(queue, lambda *_: None)
    with catalog.write() as conn:
        [row] = conn.execute(sa.select(tasks)).mappings().all()
        copies = [{**row, "number": row["number"] + more} for more in range(1, 1200)]
        conn.execute(tasks.insert(), copies)  # more than one piece
        if catalog.dialect == "postgresql":
            conn.exec_driver_sql("SELECT setval(pg_get_serial_sequence('tasks', 'number'), 2000)")
    put(queue, "waits", not_before_ms=2**52)
    clock.sleep(90_000)
    put(queue, "new")

    work(queue, lambda *_: None)
    while queue.counts()["done"] > 1:
        Worker(queue, {"job": lambda *_: None}).run(idle_exit_s=0.1)

    assert queue.counts() == {"ready": 0, "delayed": 1, "running": 0, "done": 1, "failed": 0}
