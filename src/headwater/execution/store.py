"""The SQL of the queue and of the roster of workers.

A state is the first column of both indexes, so finished tasks, however many,
are never looked at; what is due and what comes first are each the start of an
index range.
"""

import functools
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from headwater.execution.tables import tasks, workers
from headwater.execution.task import Claim, State, Task, TaskInfo
from headwater.ids import TaskId

_WAITING: tuple[State, ...] = ("delayed", "running")
_INFO = (
    tasks.c.number,
    tasks.c.kind,
    tasks.c.payload,
    tasks.c.key,
    tasks.c.state,
    tasks.c.rank,
    tasks.c.attempt,
    tasks.c.attempts_allowed,
    tasks.c.worker,
    tasks.c.error,
    tasks.c.created_ms,
    tasks.c.due_ms,
    tasks.c.finished_ms,
)

# One statement that SQLite and PostgreSQL both read; without a key nothing conflicts.
_INSERT = sa.text(
    "INSERT INTO tasks (kind, payload, key, state, rank, due_ms, attempt, attempts_allowed, again, created_ms) "
    "VALUES (:kind, :payload, :key, :state, :rank, :due_ms, :attempt, :attempts_allowed, :again, :created_ms) "
    "ON CONFLICT (key) DO NOTHING RETURNING number"
)


class Outlook(NamedTuple):
    """What could be claimed: the kind of the first ready task, whether a delay or lease is over, one for the last time."""

    ready: str | None
    is_due: bool
    is_exhausted: bool


def insert(conn: sa.Connection, task: Task, values: dict[str, Any]) -> TaskId | None:
    """Adds a task; `values` are columns. None where somebody else added one with its key meanwhile."""
    row = {"kind": task.kind, "payload": task.payload, "attempt": 0, "again": False, **values}
    number = conn.execute(_INSERT, row).scalar()
    return None if number is None else TaskId(str(number))


def info(conn: sa.Connection, where: sa.ColumnElement[bool], *, lock: bool = False) -> TaskInfo | None:
    """Returns the task that `where` singles out; with `lock`, as it stays until the transaction ends."""
    query = sa.select(*_INFO).where(where)
    row = conn.execute(query.with_for_update() if lock else query).first()
    return None if row is None else _told(row)


def by_keys(conn: sa.Connection, keys: Collection[str]) -> list[TaskInfo]:
    """Returns the unfinished tasks with these keys."""
    return [_told(row) for row in conn.execute(sa.select(*_INFO).where(tasks.c.key.in_(keys)))]


def _told(row: Any) -> TaskInfo:
    return TaskInfo(
        id=TaskId(str(row.number)),
        task=Task(row.kind, row.payload),
        key=row.key,
        state=row.state,
        priority=-row.rank,
        attempt=row.attempt,
        attempts_allowed=row.attempts_allowed,
        worker=row.worker,
        error=row.error,
        created_ms=row.created_ms,
        due_ms=row.due_ms,
        finished_ms=row.finished_ms,
    )


def by_key(key: str) -> sa.ColumnElement[bool]:
    """Singles out the unfinished task with a key."""
    return tasks.c.key == key


def by_id(task_id: str) -> sa.ColumnElement[bool]:
    """Singles out a task; an id that is no number singles out none."""
    return tasks.c.number == int(task_id) if task_id.isdecimal() else sa.false()


def held(claim: Claim) -> sa.ColumnElement[bool]:
    """Singles out a claim's task as long as the claim holds it."""
    return sa.and_(by_id(claim.task_id), tasks.c.state == "running", tasks.c.token == claim.token)


def asked_again() -> sa.ColumnElement[bool]:
    """Names tasks that were enqueued once more while they ran."""
    return tasks.c.again


def begin(conn: sa.Connection, number: int, **values: object) -> sa.Row[Any]:
    """Sets columns of a task that is locked, counts one more attempt, and returns its kind, payload and attempt."""
    statement = tasks.update().where(tasks.c.number == number)
    statement = statement.values(attempt=tasks.c.attempt + 1, **values)
    return conn.execute(statement.returning(tasks.c.kind, tasks.c.payload, tasks.c.attempt)).one()


def change(conn: sa.Connection, where: sa.ColumnElement[bool], **values: object) -> int:
    """Sets columns of the tasks that `where` names and returns how many there were."""
    return conn.execute(tasks.update().where(where).values(**values)).rowcount


def wake(conn: sa.Connection, kinds: Collection[str], now_ms: int) -> None:
    """Makes ready whatever is due and may be begun again, leaving out what somebody else is at."""
    for state in _WAITING:
        may_begin = sa.and_(due(kinds, state, now_ms), tasks.c.attempt < tasks.c.attempts_allowed)
        found = sa.select(tasks.c.number).where(may_begin).with_for_update(skip_locked=True)
        change(conn, tasks.c.number.in_(found), state="ready")


def due(kinds: Collection[str], state: State, now_ms: int) -> sa.ColumnElement[bool]:
    """Names tasks of a state whose time has come."""
    return sa.and_(tasks.c.state == state, tasks.c.kind.in_(kinds), tasks.c.due_ms <= now_ms)


def outlook(conn: sa.Connection, kinds: Collection[str], now_ms: int) -> Outlook:
    """Looks, in one statement, at what could be claimed."""
    wanted = sorted(kinds)
    if not wanted:
        return Outlook(None, is_due=False, is_exhausted=False)
    return Outlook(*conn.execute(_outlook(len(wanted)), _outlook_values(wanted, now_ms)).one())


@functools.cache
def _outlook(count: int) -> sa.TextClause:
    """Writes one look per kind and state, each the start of an index range."""
    ready = " UNION ALL ".join(
        f"SELECT * FROM (SELECT rank, number, kind FROM tasks WHERE state = 'ready' AND kind = :kind{at} "  # noqa: S608 - numbers only
        f"ORDER BY rank, number LIMIT 1) AS ready{at}"
        for at in range(count)
    )
    over = " OR ".join(
        f"EXISTS (SELECT 1 FROM tasks WHERE state = '{state}' AND kind = :kind{at} AND due_ms <= :now_ms)"  # noqa: S608 - as above
        for at in range(count)
        for state in _WAITING
    )
    dead = " OR ".join(
        f"EXISTS (SELECT 1 FROM tasks WHERE state = 'running' AND kind = :kind{at} AND due_ms <= :now_ms "  # noqa: S608 - as above
        "AND attempt >= attempts_allowed)"
        for at in range(count)
    )
    first = f"SELECT kind FROM ({ready}) AS first ORDER BY rank, number LIMIT 1"  # noqa: S608 - as above
    return sa.text(f"SELECT ({first}), ({over}), ({dead})")


def _outlook_values(kinds: Sequence[str], now_ms: int) -> dict[str, object]:
    return {"now_ms": now_ms} | {f"kind{at}": kind for at, kind in enumerate(kinds)}


def _exhausted(kinds: Collection[str], now_ms: int) -> sa.ColumnElement[bool]:
    return sa.and_(due(kinds, "running", now_ms), tasks.c.attempt >= tasks.c.attempts_allowed)


def exhausted(conn: sa.Connection, kinds: Collection[str], now_ms: int) -> Iterator[TaskInfo]:
    """Gives tasks whose last allowed attempt ended with its lease."""
    where = _exhausted(kinds, now_ms)
    for number in conn.execute(sa.select(tasks.c.number).where(where)).scalars().all():
        found = info(conn, tasks.c.number == number)
        if found is not None:
            yield found


def first_ready(conn: sa.Connection, kinds: Collection[str], *, lock: bool = False) -> int | None:
    """Returns the number of the ready task with the highest priority, of those the oldest.

    With `lock` it is locked until the transaction ends; those that somebody
    else has locked are passed over, because he is about to take them.
    """
    best: tuple[int, int] | None = None
    for kind in kinds:
        query = (
            sa.select(tasks.c.rank, tasks.c.number)
            .where(tasks.c.state == "ready", tasks.c.kind == kind)
            .order_by(tasks.c.rank, tasks.c.number)
            .limit(1)
        )
        row = conn.execute(query.with_for_update(skip_locked=True) if lock else query).first()
        if row is not None and (best is None or (row.rank, row.number) < best):
            best = (row.rank, row.number)
    return best[1] if best else None


def nth_after(conn: sa.Connection, after: int, count: int, before_ms: int) -> int | None:
    """Returns the last number of up to `count` tasks after a number that were enqueued by then."""
    numbers = sa.select(tasks.c.number, tasks.c.created_ms).where(tasks.c.number > after)
    first = numbers.order_by(tasks.c.number).limit(count).subquery()
    return conn.execute(
        sa.select(sa.func.max(first.c.number)).where(first.c.created_ms <= before_ms)
    ).scalar()


def remove_ended(conn: sa.Connection, after: int, last: int, before_ms: int) -> None:
    """Removes those of a range of tasks that had ended by then."""
    within = sa.and_(tasks.c.number > after, tasks.c.number <= last)
    conn.execute(
        tasks.delete().where(within, tasks.c.state.in_(("done", "failed")), tasks.c.finished_ms <= before_ms)
    )


def counts(conn: sa.Connection) -> dict[str, int]:
    """Returns the number of tasks in each state that has any."""
    statement = sa.select(tasks.c.state, sa.func.count().label("number")).group_by(tasks.c.state)
    return {row.state: row.number for row in conn.execute(statement)}


def add_worker(conn: sa.Connection, values: dict[str, Any]) -> None:
    """Adds a worker to the roster."""
    conn.execute(workers.insert().values(**values))


def beat_worker(conn: sa.Connection, worker: str, now_ms: int) -> None:
    """Notes that a worker is alive."""
    conn.execute(workers.update().where(workers.c.id == worker).values(heartbeat_ms=now_ms))


def remove_workers(conn: sa.Connection, *, worker: str | None = None, silent_since_ms: int = 0) -> None:
    """Takes one worker off the roster, and those not heard of since then."""
    where = sa.or_(workers.c.id == worker, workers.c.heartbeat_ms < silent_since_ms)
    conn.execute(workers.delete().where(where))


def heard_workers(conn: sa.Connection, since_ms: int) -> list[sa.Row[Any]]:
    """Returns the workers that were heard of since then, the oldest first."""
    statement = sa.select(workers).where(workers.c.heartbeat_ms >= since_ms)
    return list(conn.execute(statement.order_by(workers.c.started_ms, workers.c.id)))
