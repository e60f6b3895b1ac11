"""What a worker of this workspace does with each kind of task: the one place where they are wired together."""

from collections.abc import Callable, Collection, Mapping

from headwater.execution import Executor, Handler
from headwater.pipelines import TASK_KIND, Coordinator
from headwater.workspace.parts import Parts


def calls() -> dict[str, str]:
    """Returns the calls that a worker's executor runs, by name."""
    from headwater.pipelines.runtime import CALLS
    from headwater.training import CALLS as TRAINING

    return {**CALLS, **TRAINING}


def likely(kinds: Collection[str]) -> tuple[str, ...]:
    """Returns the calls that pipelines of these kinds bring; the libraries of training are not loaded without need."""
    from headwater.pipelines.runtime import CALLS
    from headwater.training import CALLS as TRAINING
    from headwater.training import TrainKind

    return (*CALLS, *(TRAINING if TrainKind.name in kinds else ()))


def _never(_: Callable[[], None]) -> None:
    """Leaves what is to be done at the end undone."""


def handlers(
    parts: Parts,
    executor: Executor,
    *,
    processes: int = 0,
    at_end: Callable[[Callable[[], None]], object] = _never,
) -> Mapping[str, Handler]:
    """Returns what is done with each kind of task.

    Args:
        parts: The workspace.
        executor: Where datums run.
        processes: How many of them at once; 0 for as many as the executor has places for.
        at_end: Given what to call when no task is taken any more.
    """
    from headwater.pipelines import longrun
    from headwater.training import PROMOTE, Promoter

    engine = parts.engine(lambda: executor, processes=processes)
    at_end(engine.close)
    coordinator = Coordinator(engine, parts.kinds)
    promoter = Promoter(parts.catalog, parts.queue, parts.registry)
    lasting = longrun.handlers(engine, parts.long_running)
    ticking = parts.pipelines.ticker.handlers
    return {TASK_KIND: coordinator.handle, PROMOTE: promoter.handle, **ticking, **lasting}
