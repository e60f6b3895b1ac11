"""What can go wrong with work that runs elsewhere."""

from collections.abc import Sequence
from typing import Any

from headwater.errors import Error, NotFound, Refused, Unavailable


class TaskNotFound(NotFound):
    """The queue has no task with this id."""

    kind = "task-not-found"

    def __init__(self, task_id: str) -> None:
        """Names the task."""
        super().__init__(f"The queue has no task {task_id}.", hint="List jobs with `headwater job list`.")


class CallFailed(Error):
    """The called function raised; calling it again with the same input would do the same."""

    kind = "call-failed"

    def __init__(
        self,
        message: str,
        *,
        hint: str,
        error_type: str,
        traceback: str,
        error_kind: str | None = None,
        details: Sequence[dict[str, Any]] = (),
    ) -> None:
        """Keeps what the function raised: type, text, traceback and, for an error of ours, its kind and hint."""
        super().__init__(message, hint=hint, details=details)
        self.error_type, self.error_kind, self.traceback = error_type, error_kind, traceback


class CallLost(Unavailable):
    """The process died before its call was done; the call may be repeated."""

    kind = "call-lost"

    def __init__(self, call: str, *, how: str) -> None:
        """Names the call and how its process ended."""
        super().__init__(
            f"The process that ran {call!r} {how}.",
            hint="If it happens again, look at its log and at the machine's memory.",
        )
        self.call, self.how = call, how


class ExecutorClosed(Unavailable):
    """The call was not run because its executor was closed first."""

    kind = "executor-closed"

    def __init__(self, call: str) -> None:
        """Names the call."""
        super().__init__(
            f"{call!r} was not run: the worker stops.", hint="The task stays queued for another worker."
        )


class NeedsUnmet(Refused):
    """A call wants more than any machine of its executor has."""

    kind = "needs-unmet"

    def __init__(self, call: str, *, wants: str, has: str) -> None:
        """Says what the call wants and what there is; its name says nothing to who wrote the pipeline."""
        super().__init__(
            f"What is to run wants {wants}, and {has}.",
            hint="Ask for less in the pipeline's resources, or run a worker where there is more.",
        )
        self.call = call


class ClusterUnavailable(Unavailable):
    """A cluster cannot be reached, started or used."""

    kind = "cluster-unavailable"

    def __init__(self, what: str, *, why: str) -> None:
        """Says what failed and what the cluster says about it."""
        super().__init__(
            f"{what}: {why}.",
            hint="Look at `ray status` there, and at `workers.ray_address` or --address here.",
        )


class ObjectsOutOfReach(Refused):
    """A cluster has other machines, and the workspace's objects lie in a folder of this one."""

    kind = "objects-out-of-reach"

    def __init__(self, folder: str, *, where: str) -> None:
        """Names the folder and the machines that do not have it."""
        super().__init__(
            f"The objects of this workspace lie in the folder {folder}, and the Ray cluster has nodes without it: {where}.",
            hint="Move them to a bucket that every node reaches: `headwater move URL --objects s3://…`.",
        )


class Stopping(Exception):
    """Raised by a handler that gives its task back because its worker was asked to stop."""
