"""Runs the datums of one job on an executor, set by set, and accepts what they produced.

Each accepted set is durable at once, together with a check that this
coordinator may still act for the job: if it dies, its successor finds the
results and runs only what is missing. Sets that arrive together are accepted
together, and unused reservations go to the next one, so the catalog is asked
once per arrival and not per datum.

A set whose process died is tried again in smaller ones, until the datum that
kills stands alone; only its own deaths count against it. What the machine is
to blame for ends the attempt, not the job.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field, replace
from time import monotonic

import msgspec

from headwater.errors import Error
from headwater.execution import CallFailed, CallLost, Executor, Needs, PureCall
from headwater.pipelines import store
from headwater.pipelines.engine.accepted import Accepted, accept
from headwater.pipelines.engine.ahead import Ahead
from headwater.pipelines.engine.hold import Hold
from headwater.pipelines.engine.pace import Pace
from headwater.pipelines.engine.parts import Parts
from headwater.pipelines.engine.payload import Pieces, SetBuilder
from headwater.pipelines.engine.plan import Step
from headwater.pipelines.engine.reserve import Reserve
from headwater.pipelines.errors import DatumInterrupted, DatumTwice, JobTimedOut
from headwater.pipelines.sets import CallError, DatumResult, SetResult
from headwater.storage import ObjectNotFound, Reservation, ReservationSpent, WrittenSegment
from headwater.telemetry import logger

_POLL_S = 0.5
_LOOK_S = 0.1
_TAIL_S = 1.0  # when the last sets have taken so long, others need not wait for them
_TELL_S = 0.2
_SHORT_S = 1.0  # a job that took no longer may as well be computed again
_SEGMENTS, _MORE, _MOST_SEGMENTS = 16, 8, 8_192
_SPLIT = 4

Taken = list[tuple[Step, DatumResult]]
Arrived = list[tuple[Taken, tuple[WrittenSegment, ...]]]
Sink = Callable[[Taken, Sequence[WrittenSegment]], None]


@dataclass(frozen=True)
class Running:
    """How a job's datum sets run."""

    recipe: Callable[[], bytes]
    pieces: Pieces
    pace: Pace
    tries: int
    tries_again: bool
    at_once: int
    needs: Needs | None = None
    deadline_ms: int | None = None
    ahead: Callable[[Executor], Ahead | None] | None = None


@dataclass
class _Set:
    """A set that is with the executor."""

    steps: list[Step]
    reservation: Reservation
    begun_s: float
    share: float  # of the time it takes, how much it runs and does not wait for a process
    segments: int


@dataclass
class _Work:
    """What is to be handed out: what was split up first, then what is tried again, then what is new."""

    steps: Iterator[Step]
    split: deque[list[Step]] = field(default_factory=deque)
    again: deque[Step] = field(default_factory=deque)
    held: Step | None = None  # did not fit into the last set

    def next(self) -> Step | None:
        if self.held is not None:
            step, self.held = self.held, None
            return step
        if self.again:
            return self.again.popleft()
        return next(self.steps, None)


class Compute:
    """The running datum sets of one job."""

    def __init__(self, parts: Parts, hold: Hold, reserve: Reserve, how: Running) -> None:
        """Starts with what an earlier coordinator of this job has accepted already."""
        self._parts, self._hold, self._reserve, self._how = parts, hold, reserve, how
        self._accepted = Accepted(parts.catalog, hold.job)
        self._executor: Executor | None = None
        self._recipe: bytes | None = None
        self._work = _Work(iter(()))
        self._running: dict[Future[bytes], _Set] = {}
        self._tried: dict[bytes, int] = {}
        self._segments: dict[bytes, int] = {}
        self._moved: set[bytes] = set()
        self._looked_s = 0.0
        self._begun_s = monotonic()
        self._is_told = False
        self._ahead: Ahead | None = None

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
            JobTimedOut: The job has taken longer than it may.
            LeaseLost, Lost, Stopping: The coordinator may not go on.
        """
        self._work = _Work(self._not_accepted(steps, sink))
        try:
            is_more = self._hand_out()
            while is_more or self._running:
                finished = self._wait()
                self.look()
                taken, interrupted = self._take(finished)
                is_more = interrupted is None and self._hand_out()  # first, so that nobody is idle meanwhile
                self._accept(taken, is_last=not is_more and not self._running and interrupted is None)
                for results, segments in taken:
                    sink(results, segments)
                if interrupted is not None:
                    raise interrupted
        finally:
            self._abandon()

    def look(self) -> None:
        """Makes sure, now and then, that going on makes sense."""
        now_s = monotonic()
        if now_s - self._looked_s < _LOOK_S:
            return
        self._looked_s = now_s
        self._hold.look()
        if not self._is_told and now_s - self._begun_s > _TELL_S:
            self._is_told = True
            with self._hold.write() as conn:
                store.change_job(conn, self._hold.job, state="running")
        deadline_ms = self._how.deadline_ms
        if deadline_ms is not None and self._parts.clock.now_ms() >= deadline_ms:
            raise JobTimedOut(self._hold.job)

    def _wait(self) -> set[Future[bytes]]:
        """Waits for sets to end; while only a few are left and take their time, the next job's are begun."""
        futures = [*self._running]
        if self._ahead is not None:
            self._ahead.hand_out(self._how.at_once - len(self._running))
            futures += self._ahead.running
        ended, _ = wait(futures, timeout=self._pause_s(), return_when=FIRST_COMPLETED)
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
        if deadline_ms is None:
            return _POLL_S
        return min(_POLL_S, max(0.0, (deadline_ms - self._parts.clock.now_ms()) / 1000))

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
        limits = self._how.pace.next()
        while len(builder.steps) < limits.datums and builder.inline < limits.inline:
            if limits.size is not None and builder.size >= limits.size:
                return
            step = self._work.next()
            if step is None:
                return
            first = builder.steps[0] if builder.steps else step
            if step.datum.call != first.datum.call or step.key in self._segments:
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
        segments = max(self._segments.get(step.key, _SEGMENTS) for step in steps)
        reservation = self._reserve.take(segments)
        last = [
            not self._how.tries_again or self._tried.get(step.key, 0) + 1 >= self._how.tries for step in steps
        ]
        payload = builder.payload(self._parts.storage.objects_url, self._recipe, reservation, last)
        call = PureCall(steps[0].datum.call, payload, self._how.needs)
        share = min(1.0, self._parts.places() / (len(self._running) + 1))
        try:
            future = self._executor.submit(call)
        except Error:
            self._reserve.give_back(reservation)
            raise
        self._running[future] = _Set(steps, reservation, monotonic(), share, segments)

    def _take(self, finished: set[Future[bytes]]) -> tuple[Arrived, DatumInterrupted | None]:
        taken: Arrived = []
        interrupted: DatumInterrupted | None = None
        for future in finished:
            one = self._running.pop(future)
            answer = self._answer(one, future)
            if answer is None:
                continue
            written = frozenset(segment.id for segment in answer.segments)
            if not any(_may_have_written(result) for result in answer.results):
                self._reserve.give_back(one.reservation, written)
            results, trouble = self._sorted_out(one, answer)
            interrupted = interrupted or trouble
            self._how.pace.ended(len(one.steps), (monotonic() - one.begun_s) * one.share)
            if results or answer.segments:
                taken.append((results, answer.segments))
        return taken, interrupted

    def _answer(self, one: _Set, future: Future[bytes]) -> SetResult | None:
        """Returns what came back; none where nothing did, and its datums are to be tried again."""
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
            if len(one.steps) == 1:
                return SetResult((DatumResult(one.steps[0].key, "failed", error=_raised(failure)),))
        if len(one.steps) > 1:
            self._split_up(one.steps)
            return None
        alone = self._alone_died(one.steps[0])
        return None if alone is None else SetResult((alone,))

    def _alone_died(self, step: Step) -> DatumResult | None:
        """Counts the death of a datum that ran alone; returns its failure where that was the last try."""
        tried = self._tried[step.key] = self._tried.get(step.key, 0) + 1
        if tried >= self._how.tries:
            return DatumResult(step.key, "failed", error=_died(tried))
        self._work.split.append([step])
        return None

    def _split_up(self, steps: list[Step]) -> None:
        size = -(-len(steps) // _SPLIT)
        self._work.split.extend(steps[at : at + size] for at in range(0, len(steps), size))

    def _sorted_out(self, one: _Set, answer: SetResult) -> tuple[Taken, DatumInterrupted | None]:
        """Returns the results that count, and what the machine is to blame for; the rest is tried again."""
        steps = {step.key: step for step in one.steps}
        taken: Taken = []
        interrupted = None
        for result in answer.results:
            step = steps.pop(result.key)
            if result.state == "not-run":
                steps[result.key] = step
            elif result.error is not None and result.error.machine:
                error = result.error
                interrupted = DatumInterrupted(step.datum.label, message=error.message, hint=error.hint)
            elif result.error is None or not self._is_tried_again(step, result.error, one.segments):
                taken.append((step, result))
        left = [step for step in one.steps if step.key in steps]
        if len(left) == 1 == len(one.steps):  # not even begun: as if it had died
            alone = self._alone_died(left[0])
            taken += [] if alone is None else [(left[0], alone)]
        elif len(left) == len(one.steps):
            self._split_up(left)
        elif left:
            self._work.again.extend(left)
        return taken, interrupted

    def _is_tried_again(self, step: Step, error: CallError, segments: int) -> bool:
        if error.kind == ReservationSpent.kind and segments < _MOST_SEGMENTS:
            self._segments[step.key] = segments * _MORE
            self._work.split.append([step])
            return True
        if error.kind == ObjectNotFound.kind and error.stage == "reading" and step.key not in self._moved:
            # What it reads may only lie elsewhere by now, and this process not have heard of it.
            self._moved.add(step.key)
            self._parts.storage.forget_places()
            self._recipe = None
            self._work.again.append(step)
            return True
        tried = self._tried[step.key] = self._tried.get(step.key, 0) + 1
        if not self._how.tries_again or tried >= self._how.tries:
            return False
        self._work.again.append(step)
        return True

    def _accept(self, taken: Arrived, *, is_last: bool) -> None:
        """Makes results durable, except those that end a job so short that its end does it at once."""
        if not taken:
            return
        if is_last and not self._accepted.rows and monotonic() - self._begun_s < _SHORT_S:
            return
        with self._hold.write() as conn:
            accept(conn, self._accepted, taken)
            store.change_job(conn, self._hold.job, run=self._accepted.count, state="running")
        self._is_told = True

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


def _may_have_written(result: DatumResult) -> bool:
    """Tells whether segments may hold something that the answer does not name."""
    return result.error is not None and result.error.stage == "writing"


def _died(tried: int) -> CallError:
    return CallError(
        kind="worker-died",
        message=f"the process that computed it died {tried} times.",
        hint="It may need more memory than there is; the worker's log says how it ended.",
        details=[],
        stage="writing",  # not known, so its segments may hold something
    )


def _raised(failure: CallFailed) -> CallError:
    return CallError(
        kind="code-failed",
        message=failure.message,
        hint="The worker's log has the traceback.",
        details=[],
        stage="writing",
    )
