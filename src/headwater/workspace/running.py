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

from headwater.errors import InvalidInput
from headwater.execution import LocalExecutor, Worker, WorkerProcess, start_local_worker
from headwater.pipelines import Coordinator
from headwater.pipelines import Parts as EngineParts
from headwater.settings import cores, store_environment, workspace_environment
from headwater.telemetry import log_from, logger
from headwater.workspace.errors import WorkersEnded
from headwater.workspace.parts import Parts
from headwater.workspace.presence import SERVER

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_LOOK_S = 0.5
_MOST_STARTS = 5
_STOP_S, _STOP_POLL_S = 10.0, 0.05


def work(parts: Parts, *, idle_exit_s: float | None, processes: int, executor: str) -> None:
    """Takes tasks until told to stop by a signal, or until nothing was to do for a while.

    Raises:
        InvalidInput: There is no such executor.
    """
    if executor != "local":
        raise InvalidInput(f"There is no executor {executor!r}.", hint="Executors: local.")
    from headwater.training import CALLS, PROMOTE, Promoter

    log_from("info")
    log = logger("headwater.calls")
    parts.storage.pack_soon()
    count = processes or parts.config.workers.processes or cores()
    with ExitStack() as stack:
        pool = stack.enter_context(
            LocalExecutor(
                CALLS,
                count,
                environment=store_environment(parts.objects_url),
                log=lambda call, line: log.info("output", call=call, line=line),
                warm=tuple(CALLS),
            )
        )
        engine = EngineParts(
            parts.catalog, parts.storage, parts.repos, parts.queue, lambda: pool, parts.clock
        )
        coordinator = Coordinator(engine, {parts.train_kind.name: parts.train_kind})
        promoter = Promoter(parts.catalog, parts.queue, parts.registry)
        handlers = {"pipeline": coordinator.handle, PROMOTE: promoter.handle}
        worker = Worker(parts.queue, handlers, parts.clock, ttl_s=parts.config.workers.lease_s)
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
        environment=workspace_environment(parts.url, parts.objects_url),
    )


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
