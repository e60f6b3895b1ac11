"""Runs pure calls on a Ray cluster.

A call is a task of Ray's, so that Ray places it by what it needs and no cores
are held while nothing runs. What Ray hands out at once is bounded: the rest
waits here, where it can be cancelled without having been begun, and in the
order in which it came.

A call is begun again when Ray's own process was lost: a node that went away
says nothing about the call, which may be repeated. One whose child process
died is lost, as in a local pool, and whoever submitted it decides.
"""

import threading
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Self

import msgspec

from headwater.errors import InvalidInput, Unavailable
from headwater.execution import ray_node, wire
from headwater.execution.errors import CallFailed, CallLost, ExecutorClosed
from headwater.execution.protocol import Needs, PureCall
from headwater.execution.ray_cluster import RayCluster
from headwater.execution.spawned import LogLine, returned
from headwater.settings import cores

_AHEAD, _LEAST = 2, 8  # calls that Ray has at once: per core of the cluster, and at least
_MOST_TRIES = 4

_decode: msgspec.msgpack.Decoder[wire.Answer] = msgspec.msgpack.Decoder(wire.Answer)


class _Call:
    """A call that waits, or that Ray has."""

    def __init__(self, call: PureCall, order: bytes) -> None:
        self.call, self.order = call, order
        self.future: Future[bytes] = Future()
        self.ref: Any = None
        self.tries, self.is_stopped = 0, False


class RayExecutor:
    """Runs pure calls on a Ray cluster; an `Executor`."""

    def __init__(
        self,
        calls: Mapping[str, str],
        address: str | None = None,
        *,
        processes: int = 0,
        environment: Mapping[str, str] | None = None,
        log: LogLine | None = None,
        folder: Path | None = None,
    ) -> None:
        """Connects to a cluster, or starts one on this machine that nobody else reaches.

        Args:
            calls: Name of a call to the `module:function` that it runs, importable on the nodes.
            address: `auto`, HOST:PORT or ray://HOST:PORT of a cluster; none starts one.
            processes: How many cores one that is started here has; 0 is all of the machine's.
            environment: Variables for the calls' processes, beyond those that every worker process gets.
            log: Hears each line that a call printed, when the call has ended.
                Called from another thread; must not raise.
            folder: Where the workspace's objects lie, if that is a folder of this machine.

        Raises:
            ClusterUnavailable: The cluster cannot be reached, started or used.
            MissingExtra: Ray is not installed.
            ObjectsOutOfReach: The objects lie in a folder, and the cluster has other machines.
        """
        self._calls, self._environment = dict(calls), dict(environment or {})
        self._log = log
        self._changed = threading.Condition()
        self._waiting: deque[_Call] = deque()
        self._running: dict[Future[bytes], _Call] = {}
        self._answered: deque[tuple[_Call, Future[bytes]]] = deque()
        self._is_closed = False
        self._opened: Future[None] = Future()
        arguments = (address, processes or cores(), folder)
        self._thread = threading.Thread(target=self._serve, args=arguments, name="ray", daemon=True)
        self._thread.start()
        self._opened.result()

    def submit(self, call: PureCall) -> Future[bytes]:
        """Queues a call and returns at once.

        Raises:
            InvalidInput: No call has this name.
            NeedsUnmet: No node has what it needs.
            ExecutorClosed: The executor is closed.
        """
        if call.call not in self._calls:
            known = ", ".join(sorted(self._calls)) or "none"
            raise InvalidInput(f"No call is named {call.call!r}.", hint=f"Known are: {known}.")
        if self._is_closed:
            raise ExecutorClosed(call.call)
        if call.needs is not None:
            self._cluster.refuse(call.call, call.needs)
        target = self._calls[call.call]
        order = wire.Order(call.call, target, call.payload, self._environment, self._place)
        one = _Call(call, msgspec.msgpack.encode(order))
        with self._changed:
            if self._is_closed:
                raise ExecutorClosed(call.call)
            self._waiting.append(one)
            self._changed.notify()
        return one.future

    def stop(self, future: Future[bytes]) -> None:
        """Ends one call: one that waits is cancelled, one that Ray has loses its process and gets `CallLost`."""
        future.cancel()
        with self._changed:
            one = self._running.get(future)
            if one is not None and not one.is_stopped:
                one.is_stopped = True
                self._cancel(one)
            self._changed.notify()

    def places(self) -> int:
        """Returns how many cores the cluster has now."""
        return max(1, self._cluster.cores())

    def close(self) -> None:
        """Ends all calls and, where it was started here, the cluster.

        Calls that wait get `ExecutorClosed`, those that Ray has `CallLost`.
        """
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _serve(self, address: str | None, processes: int, folder: Path | None) -> None:
        """The life of the one thread that speaks to Ray: a cluster that is started here ends with it."""
        try:
            self._cluster = RayCluster(address, cpus=processes)
        except BaseException as error:  # noqa: BLE001 - whoever made this raises it
            self._opened.set_exception(error)
            return
        try:
            self._place = None if folder is None else self._cluster.reach(folder)
        except BaseException as error:  # noqa: BLE001 - as above
            self._cluster.close()
            self._opened.set_exception(error)
            return
        self._opened.set_result(None)
        self._remote = self._cluster.ray.remote(ray_node.run_order)
        try:
            while not self._is_closed:
                self._round()
        finally:
            self._end()

    def _round(self) -> None:
        """Waits until something can be done, and does it."""
        bound = max(_AHEAD * self._cluster.cores(), _LEAST)
        with self._changed:
            self._changed.wait_for(
                lambda: self._is_closed or self._answered or (self._waiting and len(self._running) < bound)
            )
            answered, self._answered = self._answered, deque()
            fresh: list[_Call] = []
            while self._waiting and len(self._running) < bound:
                one = self._waiting.popleft()
                if one.future.set_running_or_notify_cancel():
                    self._running[one.future] = one
                    fresh.append(one)
        for one, answer in answered:
            self._take(one, answer)
        for one in fresh:
            self._begin(one)

    def _begin(self, one: _Call) -> None:
        """Hands a call to Ray, unless it was stopped meanwhile."""
        needs = one.call.needs or Needs()
        options = {
            "num_cpus": needs.cpu,
            "num_gpus": needs.gpu,
            "memory": needs.memory or None,
            "name": one.call.call,
            "max_retries": 0,  # a process that died may have died of the call; here it is known which
        }
        one.tries += 1
        try:
            ref = self._remote.options(**options).remote(one.order)
        except Exception as error:  # noqa: BLE001 - whatever Ray says, whoever waits must hear of it
            self._settle(one, None, Unavailable(f"Ray did not take {one.call.call!r}: {error}", hint=_AGAIN))
            return
        with self._changed:
            one.ref = ref
            if one.is_stopped:
                self._cancel(one)
        ref.future().add_done_callback(lambda answer: self._hear(one, answer))

    def _hear(self, one: _Call, answer: "Future[bytes]") -> None:
        with self._changed:
            self._answered.append((one, answer))
            self._changed.notify()

    def _take(self, one: _Call, answer: "Future[bytes]") -> None:
        """Passes on what came of a call, or begins it again."""
        name, errors = one.call.call, self._cluster.ray.exceptions
        error = answer.exception()
        if error is None:
            self._pass_on(one, _decode.decode(answer.result()))
        elif one.is_stopped:
            self._settle(one, None, CallLost(name, how="was stopped"))
        elif isinstance(error, errors.OutOfMemoryError):
            how = "was ended by Ray, for the memory of its node was nearly used up"
            self._settle(one, None, CallLost(name, how=how))
        elif isinstance(error, (errors.WorkerCrashedError, errors.NodeDiedError, errors.ObjectLostError)):
            if one.tries < _MOST_TRIES:
                self._begin(one)
            else:
                self._settle(one, None, CallLost(name, how=f"was lost with its node {one.tries} times"))
        else:
            said = str(error).strip().splitlines()
            text = f"Ray could not run {name!r}: {said[-1] if said else type(error).__name__}"
            self._settle(one, None, Unavailable(text, hint=_AGAIN))

    def _pass_on(self, one: _Call, answer: wire.Answer) -> None:
        name, reply = one.call.call, answer.reply
        for line in answer.lines:
            if self._log is not None:
                self._log(name, line)
        if isinstance(reply, wire.Lost):
            self._settle(one, None, CallLost(name, how="was stopped" if one.is_stopped else reply.how))
            return
        try:
            self._settle(one, returned(name, reply), None)
        except CallFailed as failed:
            self._settle(one, None, failed)

    def _settle(self, one: _Call, result: bytes | None, error: Exception | None) -> None:
        with self._changed:
            self._running.pop(one.future, None)
        if error is None:
            one.future.set_result(result or b"")
        else:
            one.future.set_exception(error)

    def _cancel(self, one: _Call) -> None:
        if one.ref is not None:
            self._cluster.ray.cancel(one.ref, force=True)

    def _end(self) -> None:
        """Ends what there is; Ray ends the processes of whoever disconnects."""
        with self._changed:
            self._is_closed = True
            waiting, self._waiting = self._waiting, deque()
            running = list(self._running.values())
            for one in running:
                self._cancel(one)
        for one in waiting:
            if one.future.set_running_or_notify_cancel():
                one.future.set_exception(ExecutorClosed(one.call.call))
        self._cluster.close()
        for one in running:
            self._settle(one, None, CallLost(one.call.call, how="was ended with its executor"))


_AGAIN = "The call may be repeated; look at the cluster's log if it happens again."
