"""The worker loop: claims one task after the other, keeps its lease alive, hands it to its handler.

What a handler raises decides what becomes of the task. An error of ours that
repeating cannot mend ends it as failed; anything else is tried again with
growing pauses until its attempts are used up. A handler that was told to
stop gives its task back as if it had never been begun.
"""

import threading
from collections.abc import Callable, Mapping

from headwater.clock import Clock, SystemClock
from headwater.db import Catalog, LeaseLost
from headwater.errors import Conflict, Error, Unavailable
from headwater.execution.errors import Stopping
from headwater.execution.queue import LEASE_S, Queue
from headwater.execution.roster import Roster
from headwater.execution.task import Claim
from headwater.telemetry import logger

_POLL_MIN_S, _POLL_MAX_S, _POLL_GROWTH = 0.01, 0.5, 1.5
_BACK_OFF_S, _BACK_OFF_MAX_S = 1.0, 60.0
_LINGER_S = 120.0  # no worker leaves while a retry is due within this time


class Beat:
    """What a handler hears of its lease and its worker while it works."""

    def __init__(self, stop: threading.Event) -> None:
        """Starts as held, under a worker that is told to stop by `stop`."""
        self._stop = stop
        self._lost = threading.Event()

    @property
    def lost(self) -> bool:
        """Whether the lease is lost: nothing may be finished any more."""
        return self._lost.is_set()

    @property
    def stopping(self) -> bool:
        """Whether the worker was asked to stop; a handler may then raise `Stopping`."""
        return self._stop.is_set()

    def lose(self) -> None:
        """Notes that the lease is lost."""
        self._lost.set()


Handler = Callable[[Claim, Beat], None]


class Worker:
    """One worker of one catalog's queue; `run` is its life."""

    def __init__(
        self,
        queue: Queue,
        handlers: Mapping[str, Handler],
        clock: Clock | None = None,
        *,
        kind: str = "local",
        ttl_s: float = LEASE_S,
    ) -> None:
        """Prepares a worker for the kinds that have a handler.

        Args:
            queue: Where tasks come from.
            handlers: By kind. A handler finishes its claim in the transaction
                of its result; one that returns without is finished after it.
            clock: Measures how long the worker is idle.
            kind: What the roster calls it.
            ttl_s: Length of its leases; renewed three times as often.
        """
        self._queue, self._handlers = queue, dict(handlers)
        self._clock = clock or SystemClock()
        self._kind, self._ttl_s = kind, ttl_s
        self._catalog: Catalog = queue.catalog
        self._roster = Roster(queue.catalog)
        self._log = logger("headwater.worker")
        self._current: tuple[Claim, Beat] | None = None
        self._id = ""

    def run(self, idle_exit_s: float | None = None, stop: threading.Event | None = None) -> None:
        """Works until `stop` is set, or until nothing was to do for `idle_exit_s`.

        Before it leaves for idleness it takes itself off the roster in a
        transaction that sees no task: whoever enqueues one and then looks at
        the roster either is served or finds nobody there.
        """
        stop = stop or threading.Event()
        self._id = self._roster.enter(self._kind)
        ended = threading.Event()
        heart = threading.Thread(target=self._keep_beating, args=(ended,), name="heartbeat", daemon=True)
        heart.start()
        try:
            self._loop(idle_exit_s, stop)
        finally:
            ended.set()
            heart.join()
            with self._catalog.write() as conn:
                self._roster.leave(conn, self._id)

    def beat(self) -> None:
        """Renews the lease of the task in hand and says that this worker lives."""
        current = self._current
        with self._catalog.write() as conn:
            self._roster.beat(conn, self._id)
            if current is None:
                return
            claim, beat = current
            try:
                self._queue.renew(claim, conn)
            except LeaseLost:
                beat.lose()

    def _loop(self, idle_exit_s: float | None, stop: threading.Event) -> None:
        pause_s, idle_since_s = _POLL_MIN_S, self._clock.monotonic_s()
        while not stop.is_set():
            claim = self._queue.claim(self._id, self._handlers.keys(), self._ttl_s)
            if claim is not None:
                self._serve(claim, stop)
                pause_s, idle_since_s = _POLL_MIN_S, self._clock.monotonic_s()
                continue
            is_idle = idle_exit_s is not None and self._clock.monotonic_s() - idle_since_s >= idle_exit_s
            if is_idle and self._left_for_idleness():
                return
            stop.wait(pause_s)
            pause_s = min(pause_s * _POLL_GROWTH, _POLL_MAX_S)

    def _serve(self, claim: Claim, stop: threading.Event) -> None:
        beat = Beat(stop)
        self._current = (claim, beat)
        try:
            self._handle(claim, beat)
        except LeaseLost:
            beat.lose()
            self._log.warning("lease lost", task=claim.task_id, kind=claim.task.kind)
        finally:
            self._current = None

    def _handle(self, claim: Claim, beat: Beat) -> None:
        try:
            self._handlers[claim.task.kind](claim, beat)
        except (Stopping, KeyboardInterrupt, SystemExit) as reason:
            self._queue.release(claim)
            if not isinstance(reason, Stopping):
                raise
        except LeaseLost:
            raise
        except (Unavailable, Conflict) as error:
            if beat.stopping:
                self._queue.release(claim)
            else:
                self._retry(claim, str(error))
        except Error as error:
            self._queue.abandon(claim, str(error))
            self._log.warning("task failed", task=claim.task_id, kind=claim.task.kind, error=error.message)
        except Exception as error:  # noqa: BLE001 - the task keeps it, and the log its traceback
            self._log.exception("task raised", task=claim.task_id, kind=claim.task.kind)
            self._retry(claim, f"{type(error).__name__}: {error}")
        else:
            self._finish_if_open(claim)

    def _retry(self, claim: Claim, error: str) -> None:
        self._queue.release(claim, delay_s=back_off_s(claim.attempt), error=error)
        self._log.warning("attempt failed", task=claim.task_id, kind=claim.task.kind, error=error)

    def _finish_if_open(self, claim: Claim) -> None:
        with self._catalog.read() as conn:
            if not self._queue.holds(conn, claim):
                return
        with self._catalog.write() as conn:
            self._queue.finish(conn, claim)

    def _left_for_idleness(self) -> bool:
        with self._catalog.write() as conn:
            if self._queue.has_work(conn, self._handlers.keys(), within_s=_LINGER_S):
                return False
            self._roster.leave(conn, self._id)
            return True

    def _keep_beating(self, ended: threading.Event) -> None:
        try:
            while not ended.wait(self._ttl_s / 3):
                try:
                    self.beat()
                except Unavailable as error:  # the next beat may succeed; if none does, the lease runs out
                    self._log.warning("heartbeat failed", error=error.message)
        finally:
            current = self._current
            if current is not None and not ended.is_set():
                current[1].lose()


def back_off_s(attempt: int) -> float:
    """Returns the pause after a failed attempt: 1 s, doubled each time, at most a minute."""
    return min(_BACK_OFF_S * 2.0 ** (attempt - 1), _BACK_OFF_MAX_S)
