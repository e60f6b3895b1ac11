"""What becomes of datums that did not succeed: tried again, failed, or a sign that none of the job can run.

A datum has as many tries as the spec says. Its own errors count, and the
deaths of a process in which it ran alone. What holds for every datum of the
job counts for none: it ends the job, at once, or after a few pauses where it
may pass.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import monotonic

from headwater.errors import Error
from headwater.execution import CallFailed
from headwater.pipelines.engine.plan import Step
from headwater.pipelines.errors import DatumInterrupted, JobCannotRun
from headwater.pipelines.sets import CallError, DatumResult, SetResult
from headwater.storage import ObjectNotFound, ReservationSpent

Taken = list[tuple[Step, DatumResult]]
_SEGMENTS, _MORE, _MOST_SEGMENTS = 16, 8, 8_192
_SPLIT = 4
_SLICE_S = 0.004  # so long does an arrival wait at most
_PAUSES_S = (1.0, 4.0, 15.0)  # a registry or network that fails for longer has to be looked at
_CALM_S = 3600.0  # what passed so long ago counts no more


@dataclass
class Work:
    """What is to be handed out: what was split up first, then what is tried again, then what is new."""

    steps: Iterator[Step]
    split: deque[list[Step]] = field(default_factory=deque)
    again: deque[Step] = field(default_factory=deque)
    held: Step | None = None  # did not fit into the last set
    seen: deque[Step] = field(default_factory=deque)  # the first of what is new
    is_seen: bool = False  # whether that is all

    def next(self) -> Step | None:
        """Returns the next step that travels with others."""
        if self.held is not None:
            step, self.held = self.held, None
            return step
        if self.again:
            return self.again.popleft()
        if self.seen:
            return self.seen.popleft()
        return None if self.is_seen else next(self.steps, None)

    def foresee(self, count: int) -> bool:
        """Looks a while for the end among the next so many new steps, which wait here; tells whether that is done."""
        until_s = monotonic() + _SLICE_S
        while not self.is_seen and len(self.seen) < count:
            step = next(self.steps, None)
            if step is None:
                self.is_seen = True
            else:
                self.seen.append(step)
            if monotonic() > until_s:
                return self.is_seen
        return True

    @property
    def left(self) -> int | None:
        """How many steps there are that travel with others; none where the end is out of sight."""
        return len(self.seen) + len(self.again) + (self.held is not None) if self.is_seen else None

    def split_up(self, steps: list[Step]) -> None:
        """Has the steps of a set handed out in smaller ones."""
        size = -(-len(steps) // _SPLIT)
        self.split.extend(steps[at : at + size] for at in range(0, len(steps), size))


class Setbacks:
    """Errors that hold for every datum, and the pauses after those that may pass."""

    def __init__(self) -> None:
        """Has heard of none."""
        self._rounds, self._heard_s, self._until_s = 0, float("-inf"), float("-inf")

    @property
    def pause_s(self) -> float:
        """How long nothing is to be handed out."""
        return max(0.0, self._until_s - monotonic())

    def take(self, error: CallError, log: bytes, begun_s: float) -> JobCannotRun | None:
        """Hears of one, from a set that was begun then; returns what the job ends with, unless it is tried again."""
        passes = error.scope == "job-for-now"
        if passes and begun_s < self._heard_s:
            return None  # of the same time as one that was heard of
        now_s = monotonic()
        if now_s - self._heard_s > _CALM_S:
            self._rounds = 0
        if not passes or self._rounds == len(_PAUSES_S):
            return JobCannotRun(error.kind, error.message, hint=error.hint, details=error.details, log=log)
        self._heard_s, self._until_s = now_s, now_s + _PAUSES_S[self._rounds]
        self._rounds += 1
        return None


class Tries:
    """The tries of one job's datums; `moved` hears that files lie elsewhere than was thought."""

    def __init__(self, work: Work, most: int, moved: Callable[[], None], *, again: bool) -> None:
        """Takes where tries go, and how many a datum has; without `again` its own errors have one."""
        self._work, self._most, self._moved, self._again = work, most, moved, again
        self._tried: dict[bytes, int] = {}
        self._segments: dict[bytes, int] = {}
        self._seen_moved: set[bytes] = set()
        self.setbacks = Setbacks()

    def is_last(self, step: Step) -> bool:
        """Tells whether the next try of a datum is its last."""
        return not self._again or self._tried.get(step.key, 0) + 1 >= self._most

    def is_roomy(self, step: Step) -> bool:
        """Tells whether a datum needs more segments than others, and so a set of its own."""
        return step.key in self._segments

    def segments(self, steps: list[Step]) -> int:
        """Returns how many segments a set is given."""
        return max(self._segments.get(step.key, _SEGMENTS) for step in steps)

    def lost(self, steps: list[Step], failure: CallFailed | None) -> SetResult | None:
        """Hears of a set that nothing came back of; returns a failure where that is certain."""
        if len(steps) > 1:
            self._work.split_up(steps)
            return None
        if failure is not None:
            return SetResult((DatumResult(steps[0].key, "failed", error=_raised(failure)),))
        alone = self._died(steps[0])
        return None if alone is None else SetResult((alone,))

    def sorted_out(
        self, steps: list[Step], answer: SetResult, begun_s: float, segments: int
    ) -> tuple[Taken, Error | None]:
        """Returns the results that count, and what ends the attempt or the job; the rest is tried again."""
        by_key = {step.key: step for step in steps}
        taken: Taken = []
        trouble: Error | None = None
        waiting: list[Step] = []  # for what may pass
        for result in answer.results:
            step, error = by_key.pop(result.key), result.error
            if result.state == "not-run":
                by_key[result.key] = step
            elif error is not None and error.machine:
                trouble = DatumInterrupted(step.datum.label, message=error.message, hint=error.hint)
            elif error is not None and error.scope != "datum":
                waiting.append(step)
                trouble = trouble or self.setbacks.take(error, result.log, begun_s)
            elif error is None or not self._is_tried_again(step, error, segments):
                taken.append((step, result))
        left = [step for step in steps if step.key in by_key]
        if waiting:
            self._work.again.extend(waiting + left)
        elif len(left) == 1 == len(steps):  # not even begun: as if it had died
            alone = self._died(left[0])
            taken += [] if alone is None else [(left[0], alone)]
        elif len(left) == len(steps):
            self._work.split_up(left)
        else:
            self._work.again.extend(left)
        return taken, trouble

    def _died(self, step: Step) -> DatumResult | None:
        """Counts the death of a datum that ran alone; returns its failure where that was the last try."""
        tried = self._tried[step.key] = self._tried.get(step.key, 0) + 1
        if tried >= self._most:
            return DatumResult(step.key, "failed", error=_died(tried))
        self._work.split.append([step])
        return None

    def _is_tried_again(self, step: Step, error: CallError, segments: int) -> bool:
        if error.kind == ReservationSpent.kind and segments < _MOST_SEGMENTS:
            self._segments[step.key] = segments * _MORE
            self._work.split.append([step])
            return True
        if (
            error.kind == ObjectNotFound.kind
            and error.stage == "reading"
            and step.key not in self._seen_moved
        ):
            # What it reads may only lie elsewhere by now, and this process not have heard of it.
            self._seen_moved.add(step.key)
            self._moved()
            self._work.again.append(step)
            return True
        tried = self._tried[step.key] = self._tried.get(step.key, 0) + 1
        if not self._again or tried >= self._most:
            return False
        self._work.again.append(step)
        return True


def may_have_written(result: DatumResult) -> bool:
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
