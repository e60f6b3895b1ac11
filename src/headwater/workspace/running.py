"""Runs tasks in this process, and makes sure that somebody runs them.

A worker is a process of its own, so that whoever asked for work may go away.
One is started when a caller waits for work and nobody is there to do it; it
leaves again when it has been idle for a while.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from socket import gethostname

from headwater.execution import Worker, WorkerProcess, start_local_worker
from headwater.pipelines.credentials import needed
from headwater.pipelines.dag import LONG_RUNNING
from headwater.settings import secret_value, store_environment, workspace_environment
from headwater.telemetry import log_from
from headwater.workspace.errors import WorkersEnded
from headwater.workspace.executors import open_executor
from headwater.workspace.handlers import calls, handlers
from headwater.workspace.parts import Parts
from headwater.workspace.presence import SERVER

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_LOOK_S = 0.5
_MOST_STARTS = 5
_STOP_S, _STOP_POLL_S = 10.0, 0.05


def work(
    parts: Parts,
    *,
    idle_exit_s: float | None,
    processes: int,
    executor: str,
    address: str | None = None,
) -> None:
    """Takes tasks until told to stop by a signal, or until nothing was to do for a while.

    Raises:
        InvalidInput: There is no such executor.
        ClusterUnavailable, MissingExtra, ObjectsOutOfReach: The Ray cluster cannot be used.
    """
    log_from("info")
    parts.storage.pack_soon()
    with ExitStack() as stack:
        pool = stack.enter_context(
            open_executor(parts, calls(), executor=executor, processes=processes, address=address)
        )
        worker = Worker(
            parts.queue,
            handlers(parts, pool, at_end=stack.callback),
            parts.clock,
            kind=executor,
            ttl_s=parts.config.workers.lease_s,
            slots=parts.config.workers.slots,
            lasting=LONG_RUNNING,
        )
        with until_signal() as stop:
            worker.run(idle_exit_s, stop)


class WorkerWatch:
    """Sees to it that a worker is at work while somebody waits, also when the one there was has died."""

    def __init__(self, parts: Parts) -> None:
        """Looks at nothing yet."""
        self._parts = parts
        self._process: WorkerProcess | None = None
        self._started = 0
        self._next_s = float("-inf")

    def look(self) -> None:
        """Starts a worker unless one is at work or on its way; call it after the task is in the queue.

        Raises:
            WorkersEnded: Those that were started have all ended, and nothing else may be tried.
        """
        now_s = self._parts.clock.monotonic_s()
        if now_s < self._next_s:
            return
        self._next_s = now_s + _LOOK_S
        if self._process is not None and self._process.is_running:
            return
        with self._parts.catalog.read() as conn:
            if any(one.kind != SERVER for one in self._parts.roster.live(conn)):
                return
        if self._started == _MOST_STARTS:
            raise WorkersEnded(_MOST_STARTS, log_file=str(self._parts.log_file))
        self._process = _start_worker(self._parts)
        self._started += 1


def stop_workers(parts: Parts) -> None:
    """Asks the workers of this machine to hand back their tasks and leave, and waits until they have."""
    with parts.catalog.read() as conn:
        live = [
            WorkerProcess(worker.pid, parts.log_file)
            for worker in parts.roster.live(conn)
            if worker.kind != SERVER and worker.host == gethostname()
        ]
    for worker in live:
        worker.stop()
    until_s = parts.clock.monotonic_s() + _STOP_S
    while any(worker.is_running for worker in live) and parts.clock.monotonic_s() < until_s:
        parts.clock.sleep(_STOP_POLL_S)


def _start_worker(parts: Parts) -> WorkerProcess:
    return start_local_worker(
        log_file=parts.log_file,
        idle_exit_s=parts.config.workers.idle_exit_s,
        environment=workspace_environment(parts.url, parts.objects_url) | _credentials(parts),
    )


def _credentials(parts: Parts) -> dict[str, str]:
    """Returns the variables that the workspace's pipelines name, as far as they are here."""
    with parts.catalog.read() as conn:
        wanted = needed(conn)
    found = {name: value for name in wanted.names if (value := secret_value(f"env:{name}")) is not None}
    for service in wanted.services:
        found |= store_environment(f"{service}://")
    return found


@contextmanager
def until_signal() -> Iterator[threading.Event]:
    """Gives an event that SIGINT or SIGTERM sets."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in _SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
