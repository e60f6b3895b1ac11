"""Work that outlives the command that caused it: a durable queue, workers, and executors of pure calls.

    with catalog.write() as conn:
        queue.enqueue(conn, Task("job", b"..."))
    Worker(queue, {"job": handle}).run(idle_exit_s=30)

    with LocalExecutor({"fit": "package.module:fit"}, processes=2) as executor:
        model = executor.submit(PureCall("fit", payload)).result()
    with RayExecutor({"fit": "package.module:fit"}, address="auto") as executor:
        ...

Names load when they are used: a child process that runs calls imports this
package, but neither the queue nor the catalog. Knows nothing of jobs, models
or files: kinds, calls and payloads belong to the floors above.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headwater.execution.errors import (
        CallFailed,
        CallLost,
        ClusterUnavailable,
        ExecutorClosed,
        NeedsUnmet,
        ObjectsOutOfReach,
        Stopping,
        TaskNotFound,
    )
    from headwater.execution.local import LocalExecutor
    from headwater.execution.process import WorkerProcess, start_local_worker
    from headwater.execution.protocol import Executor, Needs, PureCall
    from headwater.execution.queue import FailureHook, Queue
    from headwater.execution.ray_executor import RayExecutor
    from headwater.execution.roster import Roster, WorkerInfo
    from headwater.execution.task import Claim, Task, TaskInfo
    from headwater.execution.worker import Beat, Handler, Worker

__all__ = [
    "Beat",
    "CallFailed",
    "CallLost",
    "Claim",
    "ClusterUnavailable",
    "Executor",
    "ExecutorClosed",
    "FailureHook",
    "Handler",
    "LocalExecutor",
    "Needs",
    "NeedsUnmet",
    "ObjectsOutOfReach",
    "PureCall",
    "Queue",
    "RayExecutor",
    "Roster",
    "Stopping",
    "Task",
    "TaskInfo",
    "TaskNotFound",
    "Worker",
    "WorkerInfo",
    "WorkerProcess",
    "start_local_worker",
]

_MODULES = {
    "errors": (
        "CallFailed",
        "CallLost",
        "ClusterUnavailable",
        "ExecutorClosed",
        "NeedsUnmet",
        "ObjectsOutOfReach",
        "Stopping",
        "TaskNotFound",
    ),
    "local": ("LocalExecutor",),
    "process": ("WorkerProcess", "start_local_worker"),
    "protocol": ("Executor", "Needs", "PureCall"),
    "ray_executor": ("RayExecutor",),
    "queue": ("FailureHook", "Queue"),
    "roster": ("Roster", "WorkerInfo"),
    "task": ("Claim", "Task", "TaskInfo"),
    "worker": ("Beat", "Handler", "Worker"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
