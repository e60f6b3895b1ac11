"""Tells how much a job has to do, early in one that lasts.

A plan streams: how many datums it has is known when the last one is handed
out, which in a long job is near its end. So once a job has run for a while,
what its coordinator would only wait for is also a time to count: it goes
through the plan a second time, a few milliseconds at once, beside the first,
and holds nothing of it. A job that is over before pays nothing, and one whose
plan ends first takes that count.

What is found goes into the job's row with the next thing that is written
there. It is for people who watch: the job's end counts what there is then.
"""

from collections.abc import Collection, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from time import monotonic

from headwater.errors import Error
from headwater.pipelines.engine.plan import Drop, Plan, Step, Tally
from headwater.telemetry import logger

_BEGIN_S = 1.0  # what ends sooner needs no total
_SLICE_S = 0.004  # so long does an arrival wait at most in a coordinator that has nothing else to do
_REST_S = 0.002  # between slices, for the threads that bring what ends
_SHARE = 0.5  # beside a coordinator's own work, where that leaves no time: a datum is counted quickly
_LONGEST_S = 0.1


class Totals:
    """How much one job has to do, found out while its coordinator waits."""

    def __init__(self, plan: Plan) -> None:
        """Takes the job's plan."""
        self._plan, self._first = plan, Tally(plan)
        self._second: Tally | None = None
        self._steps: Iterator[Step | Drop] = iter(())
        self._is_over = self._is_given_up = False
        self._columns: dict[str, int] = {}
        self._begun_s = monotonic()
        self._counted_s = self._begun_s + _BEGIN_S

    def heard(self, steps: Iterator[Step | Drop]) -> Iterator[Step | Drop]:
        """Yields the steps that the job carries out; when they end before they were counted, that is the count."""
        for step in steps:
            self._first.add(step)
            yield step
        if not self._is_over:
            self._end(self._first)

    def wait(self, futures: Collection[Future[bytes]], timeout_s: float) -> set[Future[bytes]]:
        """Returns those that have ended, as soon as one has or the time is over; counts meanwhile."""
        until_s = monotonic() + timeout_s
        owed_s = min(_SHARE * (monotonic() - self._counted_s), _LONGEST_S)
        if self._is_due and owed_s > _SLICE_S:
            self._count(owed_s)
        while self._is_due and (left_s := until_s - monotonic()) > 0:
            ended, _ = wait(futures, timeout=min(_REST_S, left_s), return_when=FIRST_COMPLETED)
            if ended:
                return ended
            self._count(_SLICE_S)
        return wait(futures, timeout=max(0.0, until_s - monotonic()), return_when=FIRST_COMPLETED)[0]

    @property
    def is_worth_writing(self) -> bool:
        """Whether there is something to tell that should not wait for other things to be written."""
        return bool(self._columns) and monotonic() - self._begun_s > _BEGIN_S

    def news(self) -> dict[str, int]:
        """Returns the columns of the job's row that are known since the last time."""
        news, self._columns = self._columns, {}
        return news

    @property
    def _is_due(self) -> bool:
        return not (self._is_over or self._is_given_up) and monotonic() - self._begun_s > _BEGIN_S

    def _count(self, for_s: float) -> None:
        try:
            if self._second is None:
                self._second, self._steps = Tally(self._plan), self._plan.again()
            until_s = monotonic() + for_s
            for step in self._steps:
                self._second.add(step)
                if monotonic() > until_s:
                    break
            else:
                self._end(self._second)
        except Error as error:  # where it matters, the plan itself comes to it; else its end is the count
            self._is_given_up = True
            logger("headwater.pipelines").info("not counted", error=error.message)
        self._counted_s = monotonic()

    def _end(self, tally: Tally) -> None:
        counts = tally.counts()
        closing = self._plan.apart is not None
        total = sum(counts.values()) - counts["dropped"] + closing
        self._columns = {"total": total, "kept": counts["kept"], "dropped": counts["dropped"]}
        self._is_over = True
