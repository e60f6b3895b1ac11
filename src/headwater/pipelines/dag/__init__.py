"""What a commit causes: which pipelines run because of it, what each reads, and in what order they are taken.

    Repos(…, hooks=(Trigger(queue, clock),))   # inserts, with each commit, the jobs of its whole set
    trigger.ended(conn, repos, job, how)       # hears how a job ended, and lets those behind it go on
    take(conn, repos, pipeline_id, …)          # the job to run next, with those that it covers
    Triggers(…), Ticker(…)                     # branches that follow others, clocks as inputs

Knows jobs as rows that wait for commits; what a job computes is the engine's.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headwater.pipelines.dag.branch_triggers import Triggers
    from headwater.pipelines.dag.choosing import Choosing
    from headwater.pipelines.dag.graph import LONG_RUNNING, has_no_jobs, long_key, paused_above, way_to
    from headwater.pipelines.dag.schedule import schedule_of
    from headwater.pipelines.dag.store import Place, held_by_paused, reading
    from headwater.pipelines.dag.taking import gathers, is_ready, take
    from headwater.pipelines.dag.ticking import Ticker, crons_of
    from headwater.pipelines.dag.trigger import TASK_KIND, Trigger, advance, spread_key
    from headwater.pipelines.dag.wave import Wish

__all__ = [
    "LONG_RUNNING",
    "TASK_KIND",
    "Choosing",
    "Place",
    "Ticker",
    "Trigger",
    "Triggers",
    "Wish",
    "advance",
    "crons_of",
    "gathers",
    "has_no_jobs",
    "held_by_paused",
    "is_ready",
    "long_key",
    "paused_above",
    "reading",
    "schedule_of",
    "spread_key",
    "take",
    "way_to",
]

_MODULES = {
    "branch_triggers": ("Triggers",),
    "choosing": ("Choosing",),
    "ticking": ("Ticker", "crons_of"),
    "graph": ("LONG_RUNNING", "has_no_jobs", "long_key", "paused_above", "way_to"),
    "schedule": ("schedule_of",),
    "store": ("Place", "held_by_paused", "reading"),
    "taking": ("gathers", "is_ready", "take"),
    "trigger": ("TASK_KIND", "Trigger", "advance", "spread_key"),
    "wave": ("Wish",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:  # whatever stands under the name
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
