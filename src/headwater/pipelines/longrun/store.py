"""All SQL of spouts and services: how they are, and what was committed last of each spool.

Every function takes the connection of the transaction that it is part of.
"""

from collections.abc import Collection
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection

from headwater.pipelines.tables import longruns, pipelines, spools


class Watched(msgspec.Struct, frozen=True):
    """What of a pipeline decides whether and how its process runs."""

    id: int
    name: str
    kind: str
    version: int
    state: str
    created_ms: int

    @property
    def key(self) -> str:
        """A name that no other pipeline has or had."""
        return f"{self.id}-{self.created_ms:x}"


class Status(msgspec.Struct, frozen=True):
    """How a spout or service is.

    `state` is waiting (for a first input commit), starting, running, unhealthy
    (it runs and does not answer), restarting (it ended, and will be started
    again) or stopped. `commits` are those that a service reads, `last` is the
    name of what a spout handed over last, `error` what went wrong last.
    """

    state: str
    host: str
    port: int | None
    version: int
    commits: list[str]
    last: str
    error: str | None
    restarts: int
    at_ms: int


def watched(conn: Connection, pipeline_id: int) -> Watched | None:
    """Returns the pipeline; none where it was deleted."""
    return _watched(conn, pipelines.c.id == pipeline_id)


def watched_by_name(conn: Connection, name: str) -> Watched | None:
    """Returns the pipeline of this name."""
    return _watched(conn, pipelines.c.name == name)


def _watched(conn: Connection, where: sa.ColumnElement[bool]) -> Watched | None:
    columns = [pipelines.c[name] for name in Watched.__struct_fields__]
    row = conn.execute(sa.select(*columns).where(where)).first()
    return None if row is None else Watched(*row)


def keys(conn: Connection) -> Collection[str]:
    """Returns the keys of all pipelines that run for ever."""
    columns = [pipelines.c[name] for name in Watched.__struct_fields__]
    query = sa.select(*columns).where(pipelines.c.kind.in_(("spout", "service")))
    return {Watched(*row).key for row in conn.execute(query)}


def status(conn: Connection, pipeline_id: int) -> Status | None:
    """Returns how a spout or service is, as its worker said last; none where it was never started."""
    return statuses(conn, [pipeline_id]).get(pipeline_id)


def statuses(conn: Connection, pipeline_ids: Collection[int]) -> dict[int, Status]:
    """Returns how spouts and services are, as their workers said last, of those that were ever started."""
    columns = [longruns.c[name] for name in Status.__struct_fields__]
    query = sa.select(longruns.c.pipeline_id, *columns).where(longruns.c.pipeline_id.in_(pipeline_ids))
    found = {}
    for row in conn.execute(query):
        values = row._asdict()
        pipeline_id = values.pop("pipeline_id")
        commits = msgspec.json.decode(values.pop("commits"), type=list[str])
        found[pipeline_id] = Status(commits=commits, **values)
    return found


def save(conn: Connection, pipeline_id: int, **values: Any) -> None:
    """Keeps how a spout or service is, unless the pipeline was deleted meanwhile."""
    known = longruns.c.pipeline_id == pipeline_id
    if (
        conn.execute(sa.update(longruns).where(known).values(**values)).rowcount
        or watched(conn, pipeline_id) is None
    ):
        return
    conn.execute(sa.insert(longruns).values(pipeline_id=pipeline_id, **values))


def token_of(conn: Connection, pipeline_id: int, spool: str) -> str | None:
    """Returns what was committed last of a spool."""
    where = (spools.c.pipeline_id == pipeline_id, spools.c.spool == spool)
    return conn.execute(sa.select(spools.c.token).where(*where)).scalar()


def mark(conn: Connection, pipeline_id: int, spool: str, token: str) -> None:
    """Notes, in the transaction of its commit, what was committed last of a spool."""
    where = (spools.c.pipeline_id == pipeline_id, spools.c.spool == spool)
    if conn.execute(sa.update(spools).where(*where).values(token=token)).rowcount == 0:
        conn.execute(sa.insert(spools).values(pipeline_id=pipeline_id, spool=spool, token=token))
