"""Runs the datums of one job on an executor, set by set, and accepts what they produced.

Each accepted set is durable at once, together with a check that this
coordinator may still act for the job: if it dies, its successor finds the
results and runs only what is missing. Short sets that arrive within a fifth of
a second are accepted together, for to compute them again would cost no more;
unused reservations go to the next set. So the catalog is asked a few times a
second, and not per datum.

A set whose process died is tried again in smaller ones, until the datum that
kills stands alone; only its own deaths count against it. What the machine is
to blame for ends the attempt, not the job; what holds for every datum ends
the job (see `tries`).
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from time import monotonic

import msgspec

from headwater.db import LeaseLost
from headwater.errors import Error, Unavailable
from headwater.execution import CallFailed, CallLost, Executor, Needs, PureCall, Stopping
from headwater.pipelines import store
from headwater.pipelines.engine.accepted import Accepted, accept
from headwater.pipelines.engine.ahead import Ahead
from headwater.pipelines.engine.hold import Hold
from headwater.pipelines.engine.live import live_spot
from headwater.pipelines.engine.pace import Pace
from headwater.pipelines.engine.parts import Parts
from headwater.pipelines.engine.payload import Pieces, SetBuilder
from headwater.pipelines.engine.plan import Step
from headwater.pipelines.engine.reserve import Reserve
from headwater.pipelines.engine.totals import Totals
from headwater.pipelines.engine.tries import Taken, Tries, Work, may_have_written
from headwater.pipelines.errors import DatumTwice, JobTimedOut
from headwater.pipelines.sets import SetResult
from headwater.storage import Reservation, WrittenSegment
from headwater.telemetry import logger

_POLL_S = 0.5
_LOOK_S = 0.1
_TAIL_S = 1.0  # when the last sets have taken so long, others need not wait for them
_TELL_S = 0.2
_SHORT_S = 1.0  # a job that took no longer may as well be computed again
_GATHER_S = 0.2  # so long do sets that took no longer wait for others, to be accepted with them

Arrived = list[tuple[Taken, tuple[WrittenSegment, ...]]]
Sink = Callable[[Taken, Sequence[WrittenSegment]], None]


@dataclass(frozen=True)
class Running:
    """How a job's datum sets run."""

    recipe: Callable[[], bytes]
    pieces: Pieces
    pace: Pace
    totals: Totals
    tries: int
    tries_again: bool
    at_once: int
    needs: Needs | None = None
    deadline_ms: int | None = None
    ends: bool = True  # whether nothing is computed after them
    ahead: Callable[[Executor], Ahead | None] | None = None


@dataclass
class _Set:
    """A set that is with the executor."""

    steps: list[Step]
    reservation: Reservation
    begun_s: float
    share: float  # of the time it takes, how much it runs and does not wait for a process
    segments: int


class Compute:
    """The running datum sets of one job."""

    def __init__(self, parts: Parts, hold: Hold, reserve: Reserve, how: Running) -> None:
        """Starts with what an earlier coordinator of this job has accepted already."""
        self._parts, self._hold, self._reserve, self._how = parts, hold, reserve, how
        self._accepted = Accepted(parts.catalog, hold.job)
        self._take_over()
        self._executor: Executor | None = None
        self._recipe: bytes | None = None
        self._running: dict[Future[bytes], _Set] = {}
        self._looked_s = 0.0
        self._begun_s = monotonic()
        self._is_told = False
        self._ahead: Ahead | None = None
        self._arrived: Arrived = []  # not yet accepted
        self._due_s = 0.0  # when they are to be
        self._sees = True  # whether there is no need to look for the plan's end

    @property
    def accepted(self) -> int:
        """How many datums have been accepted, by this coordinator and those before it."""
        return self._accepted.count

    def run(self, steps: Iterator[Step], sink: Sink) -> None:
        """Runs the given steps, in bounded numbers at once, and hands on every result that counts.

        Args:
            steps: What is to run; asked for as there is room.
            sink: Takes results once they are durable, failures among them.

        Raises:
            DatumInterrupted: The machine could not; what is accepted stays for the next attempt.
            JobCannotRun: No datum can run.
            JobTimedOut: The job has taken longer than it may.
            LeaseLost, Lost, Stopping: The coordinator may not go on.
        """
        self._work = Work(self._not_accepted(steps, sink))
        self._tries = Tries(self._work, self._how.tries, self._look_anew, again=self._how.tries_again)
        try:
            is_more = self._hand_out()
            while is_more or self._running:
                finished = self._wait()
                self.look()
                trouble = self._take(finished)
                is_more = trouble is None and self._hand_out()  # first, so that nobody is idle meanwhile
                is_last = not is_more and not self._running and trouble is None
                if is_last or trouble is not None or monotonic() >= self._due_s:
                    self._accept(sink, is_last=is_last)
                if trouble is not None:
                    raise trouble
                self._sees = not is_more or self._work.foresee(self._how.pace.reach)
        except (LeaseLost, Unavailable):
            raise
        except (Error, Stopping):  # what is done counts all the same
            self._accept(sink, is_last=False)
            raise
        finally:
            self._abandon()

    def look(self) -> None:
        """Makes sure, now and then, that going on makes sense."""
        now_s = monotonic()
        if now_s - self._looked_s < _LOOK_S:
            return
        self._looked_s = now_s
        self._hold.look()
        self._reserve.renew()
        is_late = not self._is_told and now_s - self._begun_s > _TELL_S
        if is_late or self._how.totals.is_worth_writing:
            self._is_told = True
            with self._hold.write() as conn:
                store.change_job(conn, self._hold.job, state="running", **self._how.totals.news())
        deadline_ms = self._how.deadline_ms
        if deadline_ms is not None and self._parts.clock.now_ms() >= deadline_ms:
            raise JobTimedOut(self._hold.job)

    def _take_over(self) -> None:
        """Takes over the leases of what was accepted; what ran out while nobody had the job is computed again."""
        gone = self._reserve.hold(self._accepted.segments)
        if gone:
            with self._hold.write() as conn:
                self._accepted.lose(conn, gone)

    def _look_anew(self) -> None:
        """Asks again where the datums' files lie."""
        self._parts.storage.forget_places()
        self._recipe = None

    def _wait(self) -> set[Future[bytes]]:
        """Waits for sets to end; while only a few are left and take their time, the next job's are begun."""
        futures = [*self._running]
        if self._ahead is not None:
            self._ahead.hand_out(self._how.at_once - len(self._running))
            futures += self._ahead.running
        if not futures:  # all waits for something to pass
            self._parts.clock.sleep(self._pause_s())
            return set()
        ended = self._how.totals.wait(futures, self._pause_s())
        if self._ahead is not None:
            self._ahead.take(ended)
        elif not ended and len(self._running) < self._how.at_once:
            self._look_ahead()
        return ended & self._running.keys()

    def _look_ahead(self) -> None:
        youngest_s = max(one.begun_s for one in self._running.values())
        if self._how.ahead is None or self._executor is None or monotonic() - youngest_s < _TAIL_S:
            return
        try:
            self._ahead = self._how.ahead(self._executor)
        except Error as error:  # it is the next job that has to say so
            logger("headwater.pipelines").info("not ahead", job=self._hold.job, error=error.message)
            self._how = replace(self._how, ahead=None)

    def _pause_s(self) -> float:
        deadline_ms = self._how.deadline_ms
        pause_s = min(_POLL_S, self._tries.setbacks.pause_s or _POLL_S) if self._sees else 0.0
        if self._arrived:
            pause_s = min(pause_s, max(0.0, self._due_s - monotonic()))
        if deadline_ms is None:
            return pause_s
        return min(pause_s, max(0.0, (deadline_ms - self._parts.clock.now_ms()) / 1000))

    def _not_accepted(self, steps: Iterator[Step], sink: Sink) -> Iterator[Step]:
        """Yields what has to run, handing on what was accepted before."""
        for step in steps:
            found = self._accepted.find(step.key, step.memo)
            if found is None:
                yield step
            else:
                sink([(step, found[0])], found[1])

    def _hand_out(self) -> bool:
        """Fills the places that are free; tells whether there is anything left to hand out."""
        if self._tries.setbacks.pause_s:
            return True
        while len(self._running) < self._how.at_once:
            builder = SetBuilder(self._how.pieces)
            if self._work.split:
                for step in self._work.split.popleft():
                    builder.add(step)
            else:
                self._fill(builder)
            if not builder.steps:
                return False
            self._submit(builder)
        return True

    def _fill(self, builder: SetBuilder) -> None:
        limits = self._how.pace.next(self._work.left)
        while len(builder.steps) < limits.datums and builder.inline < limits.inline:
            if limits.size is not None and builder.size >= limits.size:
                return
            step = self._work.next()
            if step is None:
                return
            first = builder.steps[0] if builder.steps else step
            if step.datum.call != first.datum.call or self._tries.is_roomy(step):
                if builder.steps:
                    self._work.held = step
                else:
                    builder.add(step)
                return
            if builder.has(step.key):
                raise DatumTwice(step.datum.label, step.datum.label)
            builder.add(step)

    def _submit(self, builder: SetBuilder) -> None:
        if self._executor is None:
            self._executor = self._parts.executor()
        if self._recipe is None:
            self._recipe = self._how.recipe()
        steps = builder.steps
        segments = self._tries.segments(steps)
        reservation = self._reserve.take(segments)
        last = [self._tries.is_last(step) for step in steps]
        live = live_spot(self._hold.job, self._parts.clock)
        payload = builder.payload(self._parts.storage.objects_url, self._recipe, reservation, last, live)
        call = PureCall(steps[0].datum.call, payload, self._how.needs)
        share = min(1.0, self._parts.places() / (len(self._running) + 1))
        try:
            future = self._executor.submit(call)
        except Error:
            self._reserve.give_back(reservation)
            raise
        self._running[future] = _Set(steps, reservation, monotonic(), share, segments)

    def _take(self, finished: set[Future[bytes]]) -> Error | None:
        """Takes what has arrived; returns what ends the attempt or the job."""
        trouble: Error | None = None
        for future in finished:
            one = self._running.pop(future)
            answer = self._answer(one, future)
            if answer is None:
                continue
            written = frozenset(segment.id for segment in answer.segments)
            if not any(may_have_written(result) for result in answer.results):
                self._reserve.give_back(one.reservation, written)
            results, found = self._tries.sorted_out(one.steps, answer, one.begun_s, one.segments)
            trouble = trouble or found
            took_s = (monotonic() - one.begun_s) * one.share
            self._how.pace.ended(len(one.steps), took_s)
            if results or answer.segments:
                due_s = monotonic() + (_GATHER_S if took_s < 2 * _GATHER_S else 0.0)
                self._due_s = min(self._due_s, due_s) if self._arrived else due_s
                self._arrived.append((results, answer.segments))
        return trouble

    def _answer(self, one: _Set, future: Future[bytes]) -> SetResult | None:
        """Returns what came back; none where nothing did, and its datums are to be tried again."""
        failed: CallFailed | None = None
        try:
            return msgspec.msgpack.decode(future.result(), type=SetResult)
        except CallLost:
            pass
        except CallFailed as failure:
            logger("headwater.pipelines").warning(
                "datum set raised",
                job=self._hold.job,
                datum=one.steps[0].datum.label,
                traceback=failure.traceback,
            )
            failed = failure
        return self._tries.lost(one.steps, failed)

    def _accept(self, sink: Sink, *, is_last: bool) -> None:
        """Hands results on when they are durable; those that end a job so short become so with its end."""
        taken, self._arrived = self._arrived, []
        is_end = is_last and self._how.ends and not self._accepted.rows
        if taken and not (is_end and monotonic() - self._begun_s < _SHORT_S):
            with self._hold.write() as conn:
                accept(conn, self._accepted, taken)
                news = self._how.totals.news()
                store.change_job(conn, self._hold.job, run=self._accepted.count, state="running", **news)
            self._is_told = True
        for results, segments in taken:
            sink(results, segments)

    def _abandon(self) -> None:
        """Lets go of what has not ended: calls that wait are not begun, those that run lose their process."""
        if self._ahead is not None:
            self._ahead.stop()
            self._ahead = None
        for future, one in self._running.items():
            if future.cancel():
                self._reserve.give_back(one.reservation)
            elif self._executor is not None:
                self._executor.stop(future)
        self._running.clear()
