"""What lies in the queue, and what a worker holds while it works on it."""

from typing import Literal

import msgspec

from headwater.ids import TaskId

State = Literal["ready", "delayed", "running", "done", "failed"]


class Task(msgspec.Struct, frozen=True):
    """Work that must be done: `kind` chooses the handler, `payload` is the handler's own."""

    kind: str
    payload: bytes


class Claim(msgspec.Struct, frozen=True):
    """A worker's lease on a task; `token` is greater than that of every earlier claim."""

    task_id: TaskId
    task: Task
    worker: str
    token: int
    attempt: int
    ttl_s: float


class TaskInfo(msgspec.Struct, frozen=True):
    """A task as the queue knows it.

    `due_ms` is when a delayed task becomes ready and when the lease of a
    running one runs out; `error` is that of the last attempt that failed.
    """

    id: TaskId
    task: Task
    key: str | None
    state: State
    priority: int
    attempt: int
    attempts_allowed: int
    worker: str | None
    error: str | None
    created_ms: int
    due_ms: int
    finished_ms: int | None
