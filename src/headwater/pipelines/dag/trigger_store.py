"""All SQL of branches that follow others.

Every function takes the connection of the transaction that it is part of.
"""

from collections.abc import Collection
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection

from headwater.pipelines.dag.store import Place
from headwater.pipelines.tables import branch_triggers


class TriggerRow(msgspec.Struct, frozen=True):
    """A branch that follows another one of its repo, and what has come together there since it last did."""

    repo: str
    branch: str
    source: str
    spec: bytes
    commits: int = 0
    size: int = 0
    due: bool = False
    pipeline_id: int | None = None


_COLUMNS = [branch_triggers.c[name] for name in TriggerRow.__struct_fields__]
_BY_SOURCE = (
    sa.select(*_COLUMNS)
    .where(
        sa.tuple_(branch_triggers.c.repo, branch_triggers.c.source).in_(
            sa.bindparam("places", expanding=True)
        )
    )
    .order_by(branch_triggers.c.repo, branch_triggers.c.branch)
)


def of_sources(conn: Connection, places: Collection[Place]) -> list[TriggerRow]:
    """Returns the triggers of branches that follow one of these."""
    return [TriggerRow(*row) for row in conn.execute(_BY_SOURCE, {"places": list(places)})]


def of_branch(conn: Connection, repo: str, branch: str) -> TriggerRow | None:
    """Returns the trigger of a branch."""
    row = conn.execute(sa.select(*_COLUMNS).where(*_is(repo, branch))).first()
    return None if row is None else TriggerRow(*row)


def of_repo(conn: Connection, repo: str) -> list[TriggerRow]:
    """Returns the triggers of a repo's branches."""
    query = sa.select(*_COLUMNS).where(branch_triggers.c.repo == repo).order_by(branch_triggers.c.branch)
    return [TriggerRow(*row) for row in conn.execute(query)]


def put(conn: Connection, row: TriggerRow) -> None:
    """Lets a branch follow another one, in the place of what it followed before."""
    remove(conn, row.repo, row.branch)
    conn.execute(sa.insert(branch_triggers).values(**msgspec.structs.asdict(row)))


def change(conn: Connection, row: TriggerRow, **values: Any) -> None:
    """Sets columns of a trigger."""
    conn.execute(sa.update(branch_triggers).where(*_is(row.repo, row.branch)).values(**values))


def remove(conn: Connection, repo: str, branch: str) -> bool:
    """Lets a branch follow no other one any more; false where it did not."""
    return conn.execute(sa.delete(branch_triggers).where(*_is(repo, branch))).rowcount > 0


def of_pipeline(conn: Connection, pipeline_id: int) -> list[TriggerRow]:
    """Returns the triggers that a pipeline's inputs brought about."""
    query = sa.select(*_COLUMNS).where(branch_triggers.c.pipeline_id == pipeline_id)
    return [TriggerRow(*row) for row in conn.execute(query)]


def _is(repo: str, branch: str) -> list[sa.ColumnElement[bool]]:
    return [branch_triggers.c.repo == repo, branch_triggers.c.branch == branch]
