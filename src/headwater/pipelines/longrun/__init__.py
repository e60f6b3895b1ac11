"""Spouts and services: pipelines whose process does not end.

    handlers(parts, folder)         # by kind of task; to a Worker these kinds are `lasting`
    processes_of(conn, queue, rows) # how they are: state, URL, commits, last error
    log_of(catalog, folder, name)   # the lines that it printed

Each such pipeline has one task, which a worker keeps for as long as it runs;
`dag.Trigger.wake_long` sees to it that there is the task.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headwater.pipelines.longrun.seeing import KINDS, log_of, processes_of
    from headwater.pipelines.longrun.wiring import handlers

__all__ = ["KINDS", "handlers", "log_of", "processes_of"]


def __getattr__(name: str) -> Any:  # whatever stands under the name
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = "wiring" if name == "handlers" else "seeing"
    return getattr(import_module(f"{__name__}.{home}"), name)
