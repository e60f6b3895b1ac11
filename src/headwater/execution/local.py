"""A pool of child processes on this machine.

`concurrent.futures` breaks the whole pool when one process dies; here each
child has a thread of its own that starts it, hands it one call at a time and
replaces it when it dies, so a death costs one call, and one call can be ended
without the others. Children are started
fresh, not forked, with an environment that holds no secrets, and stay warm
between calls. They cannot outlive this process, however it ends.
"""

import threading
from collections import deque
from collections.abc import Collection, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import NamedTuple, Self

from headwater.errors import InvalidInput, Unavailable
from headwater.execution.capacity import Capacity, Machine, Share
from headwater.execution.errors import CallFailed, CallLost, ExecutorClosed
from headwater.execution.protocol import Needs, PureCall
from headwater.execution.scratch import Scratch
from headwater.execution.spawned import LogLine, Spawned
from headwater.settings import worker_environment

_STOPPED = "was stopped"
_NOTHING = Needs(cpu=0.0)


class _Waiting(NamedTuple):
    call: PureCall
    target: str
    future: Future[bytes]


class _Running:
    """A call that a thread has taken."""

    def __init__(self, waiting: _Waiting, share: Share) -> None:
        self.call, self.target, self.future = waiting
        self.share, self.is_stopped = share, False
        self.child: Spawned | None = None


class LocalExecutor:
    """Runs pure calls on processes of this machine; an `Executor`."""

    def __init__(
        self,
        calls: Mapping[str, str],
        processes: int,
        *,
        environment: Mapping[str, str] | None = None,
        log: LogLine | None = None,
        scratch: Path | None = None,
        warm: Collection[str] = (),
        machine: Machine | None = None,
    ) -> None:
        """Prepares a pool; children start when calls come, or at once when something is to be warm.

        Args:
            calls: Name of a call to the `module:function` that it runs.
            processes: How many calls run at once, at least one.
            environment: Variables beyond those that every worker process gets.
            log: Hears each line that a call prints: the call's name, the line.
                Called from several threads; must not raise.
            scratch: Where the calls' folders are made; else among the temporary files.
            warm: Names of calls whose modules the children import right away.
            machine: What there is for calls that say what they need; this machine when none.
        """
        self._calls = dict(calls)
        self._limit = max(1, processes)
        self._environment = worker_environment(environment)
        self._log = log or _unheard
        self._warm = [self._target(name) for name in warm]
        self._scratch = Scratch(scratch)
        self._machine = machine or Machine()
        self._capacity = Capacity(self._machine, self._limit)
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._waiting: deque[_Waiting] = deque()
        self._threads: list[threading.Thread] = []
        self._running: dict[Future[bytes], _Running] = {}
        self._children: dict[int, Spawned] = {}
        self._idle = 0
        self._is_closed = False
        if warm:
            with self._lock:
                while len(self._threads) < self._limit:
                    self._add_thread()

    def submit(self, call: PureCall) -> Future[bytes]:
        """Queues a call and returns at once.

        Raises:
            InvalidInput: No call has this name.
            NeedsUnmet: This machine does not have what it needs.
            ExecutorClosed: The pool is closed.
        """
        if call.needs is not None:
            self._machine.refuse(call.call, call.needs)
        waiting = _Waiting(call, self._target(call.call), Future())
        with self._lock:
            if self._is_closed:
                raise ExecutorClosed(call.call)
            self._waiting.append(waiting)
            if len(self._waiting) > self._idle and len(self._threads) < self._limit:
                self._add_thread()
            self._changed.notify()
        return waiting.future

    def stop(self, future: Future[bytes]) -> None:
        """Ends one call: one that waits is cancelled, one that runs loses its process and gets `CallLost`."""
        future.cancel()
        with self._changed:
            running = self._running.get(future)
            if running is not None:
                running.is_stopped = True
                if running.child is not None:
                    running.child.kill()
            self._changed.notify()  # somebody takes what was cancelled out of the line

    def places(self) -> int:
        """Returns how many calls run at once."""
        return self._limit

    def pids(self) -> list[int]:
        """Returns the process ids of the children."""
        with self._lock:
            return [child.pid for child in self._children.values()]

    def close(self) -> None:
        """Ends all children and waits for their end.

        Calls that wait get `ExecutorClosed`, those that run `CallLost`.
        """
        with self._lock:
            self._is_closed = True
            refused, self._waiting = self._waiting, deque()
            for child in self._children.values():
                child.kill()
            self._changed.notify_all()
        for waiting in refused:
            if waiting.future.set_running_or_notify_cancel():
                waiting.future.set_exception(ExecutorClosed(waiting.call.call))
        for thread in self._threads:
            thread.join()
        self._scratch.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _target(self, name: str) -> str:
        if name not in self._calls:
            known = ", ".join(sorted(self._calls)) or "none"
            raise InvalidInput(f"No call is named {name!r}.", hint=f"Known are: {known}.")
        return self._calls[name]

    def _add_thread(self) -> None:
        number = len(self._threads)
        thread = threading.Thread(target=self._serve, args=(number,), name=f"call-{number}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self, number: int) -> None:
        """A thread's life: one child after the other, one call after the other."""
        try:
            if self._warm:
                self._child(number)
            while (running := self._next()) is not None:
                self._run(number, running)
        finally:
            self._drop(number)

    def _next(self) -> _Running | None:
        with self._changed:
            self._idle += 1
            try:
                while True:
                    running = self._taken()
                    if running is not None or self._is_closed:
                        return running
                    self._changed.wait()
            finally:
                self._idle -= 1

    def _taken(self) -> _Running | None:
        """Takes the first call that may begin; those that were cancelled leave the line."""
        while (found := self._capacity.first(_needs(one) for one in self._waiting)) is not None:
            at, share = found
            waiting = self._waiting[at]
            del self._waiting[at]
            if waiting.future.set_running_or_notify_cancel():
                running = self._running[waiting.future] = _Running(waiting, share)
                return running
            self._capacity.give_back(share)
        return None

    def _run(self, number: int, running: _Running) -> None:
        result, error = self._outcome(number, running)
        with self._changed:
            del self._running[running.future]
            self._capacity.give_back(running.share)
            self._changed.notify_all()
        if running.is_stopped:
            self._drop(number)  # it may have been killed after it answered
        if error is None:
            running.future.set_result(result)
        else:
            running.future.set_exception(error)

    def _outcome(self, number: int, running: _Running) -> tuple[bytes, Exception | None]:
        name = running.call.call
        child = self._child(number, running)
        if child is None:
            return b"", CallLost(name, how=_STOPPED) if running.is_stopped else ExecutorClosed(name)
        gpus = ",".join(running.share.gpus or self._machine.gpus) or None
        try:
            with self._scratch.folder() as folder:
                return child.call(name, running.target, running.call.payload, str(folder), gpus), None
        except CallLost as lost:
            self._drop(number)
            return b"", CallLost(name, how=_STOPPED) if running.is_stopped else lost
        except CallFailed as failed:
            return b"", failed
        except OSError as error:  # whoever waits must hear of it, and this thread live on
            self._drop(number)
            hint = "Free some space where temporary files lie; the call may be repeated."
            return b"", Unavailable(f"{name!r} could not be run: {error}", hint=hint)

    def _child(self, number: int, running: _Running | None = None) -> Spawned | None:
        with self._lock:
            if self._is_closed or (running is not None and running.is_stopped):
                return None
            if number not in self._children:
                self._children[number] = Spawned(self._environment, self._log, self._warm)
            if running is not None:
                running.child = self._children[number]
            return self._children[number]

    def _drop(self, number: int) -> None:
        with self._lock:
            child = self._children.pop(number, None)
        if child is not None:
            child.close()


def _needs(waiting: _Waiting) -> Needs | None:
    return _NOTHING if waiting.future.cancelled() else waiting.call.needs


def _unheard(call: str, line: str) -> None:
    """Hears nothing."""
