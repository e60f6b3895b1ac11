"""How spouts and services are, and what they printed, for whoever shows it; loads nothing that runs them."""

from collections.abc import Collection
from pathlib import Path

from sqlalchemy import Connection

from headwater.api.documents import ProcessInfo
from headwater.clock import rfc3339
from headwater.db import Catalog
from headwater.execution import Queue, TaskInfo
from headwater.pipelines.dag import LONG_RUNNING, long_key
from headwater.pipelines.longrun import store
from headwater.pipelines.longrun.logs import read_log
from headwater.pipelines.longrun.protocol import HOST
from headwater.pipelines.longrun.store import Status
from headwater.pipelines.store import PipelineRow

KINDS: tuple[str, ...] = LONG_RUNNING


def processes_of(
    conn: Connection, queue: Queue, pipelines: Collection[PipelineRow]
) -> dict[int, ProcessInfo]:
    """Returns how the processes of pipelines are, by the pipelines' ids, of those that are spouts or services.

    A worker that was killed said nothing of that, so what counts is whether
    one holds the pipeline's task.
    """
    found = {one.id: one for one in pipelines if one.kind in KINDS}
    if not found:
        return {}
    told = store.statuses(conn, found)
    unheld = queue.unheld(conn, [long_key(one.kind, one.id) for one in found.values()])
    return {id: _process(row, told.get(id), unheld.get(long_key(row.kind, id))) for id, row in found.items()}


def _process(row: PipelineRow, told: Status | None, unheld: TaskInfo | None) -> ProcessInfo:
    state, at_ms, host, error = "starting", 0, "", None
    if told is not None:
        state, at_ms, host, error = told.state, told.at_ms, told.host, told.error
    if unheld is not None:
        is_lost = unheld.state == "running"  # with a lease that is over
        if is_lost and host:
            error = f"The worker on {host} that ran it is gone."
        state = "stopped" if row.state == "paused" else "queued"
        at_ms, host = unheld.due_ms, ""
    return ProcessInfo(
        state=state,  # type: ignore[arg-type]  # the column holds what it allows
        host=host,
        url=None if told is None or told.port is None or unheld is not None else f"http://{HOST}:{told.port}",
        commits=[] if told is None or unheld is not None else told.commits,
        last="" if told is None else told.last,
        error=error,
        restarts=0 if told is None else told.restarts,
        since=rfc3339(at_ms) if at_ms else "",
    )


def log_of(catalog: Catalog, folder: Path, name: str) -> list[str] | None:
    """Returns the lines that a spout or service printed on this machine, oldest first.

    None where the pipeline is neither, or does not exist.

    Args:
        catalog: Where pipelines are.
        folder: As for `handlers`.
        name: The pipeline.
    """
    with catalog.read() as conn:
        row = store.watched_by_name(conn, name)
    return None if row is None or row.kind not in KINDS else read_log(folder / row.key)
