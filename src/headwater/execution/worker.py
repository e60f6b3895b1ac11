"""The worker loop: claims tasks, keeps their leases alive, hands them to their handlers, several at once.

What a handler raises decides what becomes of its task. An error of ours that
repeating cannot mend ends it as failed; anything else is tried again with
growing pauses until its attempts are used up. A handler that was told to
stop gives its task back as if it had never been begun.

One thread looks out for tasks and hands them to slots, threads that each serve
one task at a time and then look for the next themselves; another one keeps all
leases alive. Kinds whose tasks last for as long as the worker does have
threads beside the slots, so that they hold up no others.
"""

import threading
from collections.abc import Callable, Collection, Mapping

from headwater.clock import Clock, SystemClock
from headwater.db import Catalog, CatalogUnavailable, ChangeWatch, LeaseLost
from headwater.errors import Conflict, Error, Unavailable
from headwater.execution.errors import Stopping
from headwater.execution.queue import LEASE_S, Queue
from headwater.execution.roster import Roster
from headwater.execution.task import Claim
from headwater.telemetry import logger

_POLL_MIN_S, _POLL_MAX_S, _POLL_GROWTH = 0.01, 0.5, 1.5
_BACK_OFF_S, _BACK_OFF_MAX_S = 1.0, 60.0
_LINGER_S = 120.0  # no worker leaves while a retry is due within this time
_AWAY_S = 60.0  # how long a worker outlives a catalog that does not answer
_TIDY_AFTER_S, _TIDY_S = 5.0, 600.0  # when, and how often, one that has nothing to do removes old tasks
_LASTING = 256  # how many tasks of kinds that last a worker takes at most


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
        slots: int = 1,
        lasting: Collection[str] = (),
    ) -> None:
        """Prepares a worker for the kinds that have a handler.

        Args:
            queue: Where tasks come from.
            handlers: By kind. A handler finishes its claim in the transaction
                of its result; one that returns without is finished after it.
                Handlers run in threads of the worker, at most `slots` at once.
            clock: Measures how long the worker is idle.
            kind: What the roster calls it.
            ttl_s: Length of its leases; renewed three times as often.
            slots: How many tasks it serves at once.
            lasting: Kinds whose tasks do not end by themselves: they take no slot.
        """
        self._queue, self._handlers = queue, dict(handlers)
        self._clock = clock or SystemClock()
        self._kind, self._ttl_s, self._slots = kind, ttl_s, max(1, slots)
        self._lasting = frozenset(lasting) & self._handlers.keys()
        self._brief = self._handlers.keys() - self._lasting
        self._catalog: Catalog = queue.catalog
        self._roster = Roster(queue.catalog)
        self._log = logger("headwater.worker")
        self._lock = threading.Lock()
        self._free = threading.Condition(self._lock)
        self._held: dict[int, tuple[Claim, Beat]] = {}
        self._busy = {True: 0, False: 0}  # threads at work, for kinds that last and for others
        self._error: BaseException | None = None
        self._tidied: int | None = None
        self._tidy_at_s = self._clock.monotonic_s() + _TIDY_AFTER_S
        self._id = ""

    def run(self, idle_exit_s: float | None = None, stop: threading.Event | None = None) -> None:
        """Works until `stop` is set, or until nothing was to do for `idle_exit_s`.

        Before it leaves for idleness it takes itself off the roster in a
        transaction that sees no task: whoever enqueues one and then looks at
        the roster either is served or finds nobody there.
        """
        stop, ended = stop or threading.Event(), threading.Event()
        self._error = None
        with self._catalog.watch() as watch:
            self._id = self._roster.enter(self._kind)
            heart = threading.Thread(target=self._keep_beating, args=(ended,), name="heartbeat", daemon=True)
            heart.start()
            try:
                self._look_out(watch, idle_exit_s, stop)
            finally:
                self._wait_for_slots()
                ended.set()
                heart.join()
                with self._catalog.write() as conn:
                    self._roster.leave(conn, self._id)
        if self._error is not None:
            raise self._error

    def beat(self) -> None:
        """Renews the leases of all tasks in hand and says that this worker lives."""
        with self._lock:
            held = list(self._held.values())
        with self._catalog.write() as conn:
            self._roster.beat(conn, self._id)
            for claim, beat in held:
                try:
                    self._queue.renew(claim, conn)
                except LeaseLost:
                    beat.lose()

    def _look_out(self, watch: ChangeWatch, idle_exit_s: float | None, stop: threading.Event) -> None:
        pause_s, idle_since_s, away_since_s = _POLL_MIN_S, self._clock.monotonic_s(), None
        while not stop.is_set() and self._error is None:
            now_s = self._clock.monotonic_s()
            try:
                if self._has_started_one(stop):
                    pause_s, idle_since_s, away_since_s = _POLL_MIN_S, now_s, None
                    continue
                if self._is_busy():
                    idle_since_s = now_s
                elif idle_exit_s is not None and now_s - idle_since_s >= idle_exit_s and self._has_left():
                    return
                away_since_s = None
                self._tidy(now_s)
            except CatalogUnavailable as error:
                away_since_s = now_s if away_since_s is None else away_since_s
                if now_s - away_since_s >= _AWAY_S:
                    raise
                self._log.warning("the catalog does not answer", error=error.message)
                stop.wait(_POLL_MAX_S)
                continue
            pause_s = _POLL_MIN_S if self._waited(watch, pause_s, stop) else pause_s * _POLL_GROWTH
            pause_s = min(pause_s, _POLL_MAX_S)

    def _tidy(self, now_s: float) -> None:
        """Removes old tasks, a piece at a time, when there is nothing else to do."""
        if now_s >= self._tidy_at_s:
            self._tidied = self._queue.remove_old(self._tidied or 0)
            self._tidy_at_s = now_s + _TIDY_S if self._tidied is None else now_s

    def _waited(self, watch: ChangeWatch, pause_s: float, stop: threading.Event) -> bool:
        """Waits for a change, or, with every slot taken and nothing else to look for, for a slot."""
        with self._free:
            if not self._wanted():
                self._free.wait(_POLL_MAX_S)
                return True
        return watch.wait(pause_s, stop)

    def _has_started_one(self, stop: threading.Event) -> bool:
        """Claims a task, where there is a thread for it and a task for the thread."""
        with self._lock:
            wanted = self._wanted()
        claim = self._queue.claim(self._id, wanted, self._ttl_s) if wanted else None
        if claim is None:
            return False
        is_lasting = claim.task.kind in self._lasting
        with self._lock:
            self._busy[is_lasting] += 1
        name = f"task-{claim.task_id}" if is_lasting else f"slot-{self._busy[False]}"
        slot = threading.Thread(target=self._slot, args=(claim, stop), name=name, daemon=True)
        slot.start()
        return True

    def _wanted(self) -> frozenset[str]:
        """Returns the kinds there is a free thread for."""
        brief = self._brief if self._busy[False] < self._slots else frozenset[str]()
        lasting = self._lasting if self._busy[True] < _LASTING else frozenset[str]()
        return frozenset(brief | lasting)

    def _is_busy(self) -> bool:
        with self._lock:
            return any(self._busy.values())

    def _slot(self, first: Claim, stop: threading.Event) -> None:
        """Serves a task, and then one after the other for as long as there are any."""
        is_lasting = first.task.kind in self._lasting
        claim: Claim | None = first
        try:
            while claim is not None:
                self._serve(claim, stop)
                is_over = is_lasting or stop.is_set() or self._error is not None
                claim = None if is_over else self._queue.claim(self._id, self._brief, self._ttl_s)
        except CatalogUnavailable as error:  # the lease runs out, and the task goes to whoever is there then
            self._log.warning("the catalog does not answer", error=error.message)
        except BaseException as error:  # noqa: BLE001 - `run` raises it
            self._error = error
        finally:
            with self._free:
                self._busy[is_lasting] -= 1
                self._free.notify_all()

    def _wait_for_slots(self) -> None:
        with self._free:
            self._free.wait_for(lambda: not any(self._busy.values()))

    def _serve(self, claim: Claim, stop: threading.Event) -> None:
        beat = Beat(stop)
        with self._lock:
            self._held[claim.token] = (claim, beat)
        try:
            self._handle(claim, beat)
        except LeaseLost:
            beat.lose()
            self._log.warning("lease lost", task=claim.task_id, kind=claim.task.kind)
        finally:
            with self._lock:
                del self._held[claim.token]

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

    def _has_left(self) -> bool:
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
            if not ended.is_set():
                with self._lock:
                    for _, beat in self._held.values():
                        beat.lose()


def back_off_s(attempt: int) -> float:
    """Returns the pause after a failed attempt: 1 s, doubled each time, at most a minute."""
    return min(_BACK_OFF_S * 2.0 ** (attempt - 1), _BACK_OFF_MAX_S)
