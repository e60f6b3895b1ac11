"""How spouts and services are, and what they printed, for whoever shows it; loads nothing that runs them."""

from pathlib import Path

from sqlalchemy import Connection

from headwater.api.documents import ProcessInfo
from headwater.clock import rfc3339
from headwater.db import Catalog
from headwater.pipelines.dag import LONG_RUNNING
from headwater.pipelines.longrun import store
from headwater.pipelines.longrun.logs import read_log
from headwater.pipelines.longrun.protocol import HOST

KINDS: tuple[str, ...] = LONG_RUNNING


def process_of(conn: Connection, pipeline_id: int) -> ProcessInfo | None:
    """Returns how a spout or service is; none where it was never started, or is neither."""
    found = store.status(conn, pipeline_id)
    if found is None:
        return None
    return ProcessInfo(
        state=found.state,  # type: ignore[arg-type]  # the column holds what it allows
        host=found.host,
        url=None if found.port is None else f"http://{HOST}:{found.port}",
        commits=found.commits,
        last=found.last,
        error=found.error,
        restarts=found.restarts,
        since=rfc3339(found.at_ms),
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
