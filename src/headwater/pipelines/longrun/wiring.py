"""What a worker handles the tasks of spouts and services with."""

from pathlib import Path

from headwater.execution import Handler
from headwater.pipelines.longrun.parts import Parts
from headwater.pipelines.longrun.service import ServiceHandler
from headwater.pipelines.longrun.spout import SpoutHandler
from headwater.pipelines.runtime.launch.processes import hide_this_process


def handlers(parts: Parts, folder: Path) -> dict[str, Handler]:
    """Returns what a worker handles tasks of these kinds with; for the process of a worker.

    Args:
        parts: The floors below.
        folder: Where pipelines have their files on this machine; it must stay between workers.
    """
    hide_this_process()  # what it starts is the users', and may read the variables of what it can see
    return {one.kind: one(parts, folder).handle for one in (SpoutHandler, ServiceHandler)}
