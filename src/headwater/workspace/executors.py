"""Opens what runs the calls of a worker: processes of this machine, or a Ray cluster."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from headwater.errors import InvalidInput
from headwater.execution import LocalExecutor, RayExecutor
from headwater.settings import cores, store_environment
from headwater.telemetry import logger
from headwater.workspace.handlers import likely
from headwater.workspace.parts import Parts

EXECUTORS = ("local", "ray")


def open_executor(
    parts: Parts, calls: Mapping[str, str], *, executor: str, processes: int, address: str | None
) -> AbstractContextManager[LocalExecutor | RayExecutor]:
    """Opens an executor; its block ends all calls.

    Args:
        parts: The workspace whose objects the calls read and write.
        calls: Name of a call to the `module:function` that it runs.
        executor: `local` or `ray`.
        processes: How many calls run at once on this machine; 0 is what the settings say.
        address: Of a Ray cluster; none is what the settings say, and else one that is started here.

    Raises:
        InvalidInput: There is no such executor, an address without one, or less than no process.
        ClusterUnavailable, MissingExtra, ObjectsOutOfReach: See `RayExecutor`.
    """
    if executor not in EXECUTORS:
        raise InvalidInput(f"There is no executor {executor!r}.", hint=f"Executors: {', '.join(EXECUTORS)}.")
    if address is not None and executor != "ray":
        raise InvalidInput(
            f"The executor {executor!r} has no address.", hint="Add `--executor ray`, or leave --address out."
        )
    if processes < 0:
        raise InvalidInput(
            f"{processes} datums cannot run at once.", hint="Give 1 or more, or 0 for one per core."
        )
    count = processes or parts.config.workers.processes
    environment = store_environment(parts.objects_url)
    if executor == "ray":
        return RayExecutor(
            calls,
            address or parts.config.workers.ray_address or None,
            processes=count,
            environment=environment,
            log=_log(),
            folder=_folder(parts.objects_url),
        )
    warm = likely(parts.pipelines.kinds())
    return LocalExecutor(calls, count or cores(), environment=environment, log=_log(), warm=warm)


def _log() -> Callable[[str, str], None]:
    log = logger("headwater.calls")
    return lambda call, line: log.info("output", call=call, line=line)


def _folder(objects_url: str) -> Path | None:
    scheme, _, path = objects_url.partition(":")
    return Path(path) if scheme == "file" else None
