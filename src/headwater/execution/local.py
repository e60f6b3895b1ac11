"""A pool of child processes on this machine.

`concurrent.futures` breaks the whole pool when one process dies; here each
child has a thread of its own that starts it, hands it one call at a time and
replaces it when it dies, so a death costs one call. Children are started
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
from headwater.execution.errors import CallFailed, CallLost, ExecutorClosed
from headwater.execution.protocol import PureCall
from headwater.execution.scratch import Scratch
from headwater.execution.spawned import LogLine, Spawned
from headwater.settings import worker_environment


class _Waiting(NamedTuple):
    call: PureCall
    target: str
    future: Future[bytes]


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
        """
        self._calls = dict(calls)
        self._limit = max(1, processes)
        self._environment = worker_environment(environment)
        self._log = log or _unheard
        self._warm = [self._target(name) for name in warm]
        self._scratch = Scratch(scratch)
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._waiting: deque[_Waiting] = deque()
        self._threads: list[threading.Thread] = []
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
            ExecutorClosed: The pool is closed.
        """
        waiting = _Waiting(call, self._target(call.call), Future())
        with self._lock:
            if self._is_closed:
                raise ExecutorClosed(call.call)
            self._waiting.append(waiting)
            if len(self._waiting) > self._idle and len(self._threads) < self._limit:
                self._add_thread()
            self._changed.notify()
        return waiting.future

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
            while (waiting := self._next()) is not None:
                if waiting.future.set_running_or_notify_cancel():
                    self._run(number, waiting)
        finally:
            self._drop(number)

    def _next(self) -> _Waiting | None:
        with self._changed:
            self._idle += 1
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            self._idle -= 1
            return self._waiting.popleft() if self._waiting else None

    def _run(self, number: int, waiting: _Waiting) -> None:
        call, target, future = waiting
        child = self._child(number)
        if child is None:
            future.set_exception(ExecutorClosed(call.call))
            return
        try:
            with self._scratch.folder() as folder:
                result = child.call(call.call, target, call.payload, str(folder))
        except CallLost as lost:
            self._drop(number)
            future.set_exception(lost)
        except CallFailed as failed:
            future.set_exception(failed)
        except OSError as error:  # whoever waits must hear of it, and this thread live on
            self._drop(number)
            hint = "Free some space where temporary files lie; the call may be repeated."
            future.set_exception(Unavailable(f"{call.call!r} could not be run: {error}", hint=hint))
        else:
            future.set_result(result)

    def _child(self, number: int) -> Spawned | None:
        with self._lock:
            if self._is_closed:
                return None
            if number not in self._children:
                self._children[number] = Spawned(self._environment, self._log, self._warm)
            return self._children[number]

    def _drop(self, number: int) -> None:
        with self._lock:
            child = self._children.pop(number, None)
        if child is not None:
            child.close()


def _unheard(call: str, line: str) -> None:
    """Hears nothing."""
