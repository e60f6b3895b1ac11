"""Computes datums of the next job while the last ones of this job run.

A job ends with its slowest datum, and until then most processes would be
idle though more data has come. What the next job's commits bring beside this
job's is then computed already, with the next job's recipe, and accepted as
parts of it: that job finds them as if a coordinator before had left them. If
it is taken together with a newer one, the newer one finds them, for results
are known by datum and memo key. Nothing of it counts in this job; a failure
is left to the job itself, which tries again.
"""

from collections.abc import Callable, Collection, Iterator
from concurrent.futures import CancelledError, Future

import msgspec

from headwater.errors import Unavailable
from headwater.execution import CallFailed, Executor, Needs, PureCall
from headwater.pipelines import store
from headwater.pipelines.engine import store as rows
from headwater.pipelines.engine.accepted import Accepted, accept
from headwater.pipelines.engine.hold import Hold
from headwater.pipelines.engine.load import Loaded, load, recipe_of
from headwater.pipelines.engine.pace import Pace
from headwater.pipelines.engine.parts import Parts
from headwater.pipelines.engine.payload import Pieces, SetBuilder
from headwater.pipelines.engine.plan import Plan, Step
from headwater.pipelines.engine.reserve import Reserve
from headwater.pipelines.kind import PlanBase
from headwater.pipelines.sets import SetResult
from headwater.storage import Reservation

_SEGMENTS = 16


class Ahead:
    """The datum sets of the next job that run while this one's last do."""

    def __init__(
        self,
        parts: Parts,
        hold: Hold,
        reserve: Reserve,
        executor: Executor,
        following: Loaded,
        steps: Iterator[Step],
        needs: Needs | None,
    ) -> None:
        """Takes the next job, and what of it is worth computing now."""
        self._parts, self._hold, self._reserve, self._executor = parts, hold, reserve, executor
        self._following, self._steps, self._needs = following, steps, needs
        spec = following.view.spec
        self._pieces = Pieces(parts.storage, following.view.leaves, spec.inputs())
        self._pace = Pace(spec.datum_set, 1 if spec.transform is None else spec.transform.batch)
        self._recipe = following.kind.recipe(following.view)
        self._accepted = Accepted(parts.catalog, following.job.id)
        self.running: dict[Future[bytes], tuple[list[Step], Reservation]] = {}

    def hand_out(self, places: int) -> None:
        """Fills places that are free."""
        while len(self.running) < places:
            builder = SetBuilder(self._pieces)
            limits = self._pace.next()
            while len(builder.steps) < limits.datums and builder.inline < limits.inline:
                step = next(self._steps, None)
                if step is None:
                    break
                builder.add(step)
            if not builder.steps:
                return
            reservation = self._reserve.take(_SEGMENTS)
            # None is the last try: what fails here is tried by the job itself, as if it never had been.
            last = [False] * len(builder.steps)
            payload = builder.payload(self._parts.storage.objects_url, self._recipe, reservation, last)
            call = PureCall(builder.steps[0].datum.call, payload, self._needs)
            self.running[self._executor.submit(call)] = builder.steps, reservation

    def take(self, finished: Collection[Future[bytes]]) -> None:
        """Accepts what succeeded as parts of the next job."""
        arrived = []
        for future in finished:
            if future not in self.running:
                continue
            steps, reservation = self.running.pop(future)
            try:
                answer = msgspec.msgpack.decode(future.result(), type=SetResult)
            except (Unavailable, CallFailed, CancelledError):
                continue
            by_key = {step.key: step for step in steps}
            made = [(by_key[one.key], one) for one in answer.results if one.state == "succeeded"]
            written = frozenset(segment.id for segment in answer.segments)
            if len(made) == len(steps):
                self._reserve.give_back(reservation, written)
            if made:
                arrived.append((made, answer.segments))
        if arrived:
            with self._hold.write() as conn:
                if store.job_state(conn, self._following.job.id) == "queued":
                    accept(conn, self._accepted, arrived)

    def stop(self) -> None:
        """Ends what still runs; the next job computes it."""
        for future, (_, reservation) in self.running.items():
            if future.cancel():
                self._reserve.give_back(reservation)
            else:
                self._executor.stop(future)
        self.running.clear()


def look_ahead(
    parts: Parts, loaded: Loaded, plan: Plan, start: Callable[[Loaded, Iterator[Step]], Ahead]
) -> Ahead | None:
    """Returns what can be computed of the job after this one; none where there is none of the same recipe.

    Args:
        parts: Where everything is.
        loaded: The job that runs, whose datums are all planned.
        plan: Its plan.
        start: Makes the result.
    """
    with parts.catalog.read() as conn:
        job = rows.next_queued(conn, loaded.job)
    if job is None:
        return None
    following = load(parts, {loaded.kind.name: loaded.kind}, job)
    if recipe_of(following) is None or recipe_of(following) != recipe_of(loaded):
        return None
    return start(following, _steps(parts, loaded, following, plan))


def _steps(parts: Parts, loaded: Loaded, following: Loaded, plan: Plan) -> Iterator[Step]:
    """Yields what differs from the job that runs and is not known."""
    writer = parts.storage.writer()
    try:
        index = plan.planner.index() or parts.storage.map_tree(None)
        base = PlanBase(loaded.view.leaves, index)
        for _, datum in following.kind.planner(following.view, base, writer).changes():
            if datum is None:
                continue
            key, memo = following.keys(datum)
            entry = None if plan.meta.root is None else plan.meta.entry(key)
            if entry is None and plan.recall(memo) is None:
                yield Step(datum, key, memo, "new", None, None)
    finally:
        writer.abort()
