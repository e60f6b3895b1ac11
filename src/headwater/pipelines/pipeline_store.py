"""The SQL that looks at pipelines as a whole, and that removes one.

Every function takes the connection of the transaction that it is part of.
"""

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection

from headwater.pipelines.store import PipelineRow
from headwater.pipelines.tables import (
    branch_triggers,
    egresses,
    job_inputs,
    job_parts,
    jobs,
    memos,
    pipeline_inputs,
    pipeline_versions,
    pipelines,
)


class Shown(msgspec.Struct, frozen=True):
    """A pipeline with what its current version says."""

    pipeline: PipelineRow
    created_ms: int
    spec: bytes
    code: str | None
    environment: bytes | None


def kinds(conn: Connection) -> list[str]:
    """Returns the kinds of pipelines that there are."""
    return list(conn.execute(sa.select(pipelines.c.kind).distinct()).scalars())


_ROW = [pipelines.c[name] for name in PipelineRow.__struct_fields__]
_SHOWN = sa.select(
    *_ROW,
    pipelines.c.created_ms,
    pipeline_versions.c.spec,
    pipeline_versions.c.code,
    pipeline_versions.c.environment,
).join(
    pipeline_versions,
    sa.and_(
        pipeline_versions.c.pipeline_id == pipelines.c.id,
        pipeline_versions.c.version == pipelines.c.version,
    ),
)


def shown(conn: Connection, name: str | None = None, *, limit: int | None = None) -> list[Shown]:
    """Returns one pipeline, or all of them by name, or the first ones."""
    query = _SHOWN if name is None else _SHOWN.where(pipelines.c.name == name)
    split = len(_ROW)
    return [
        Shown(PipelineRow(*row[:split]), *row[split:])
        for row in conn.execute(query.order_by(pipelines.c.name).limit(limit))
    ]


def writers(conn: Connection, repo: str) -> list[str]:
    """Returns the pipelines that write a repo, by name."""
    query = sa.select(pipelines.c.name).where(pipelines.c.output_repo == repo)
    return list(conn.execute(query.order_by(pipelines.c.name)).scalars())


def readers(conn: Connection, pipeline: PipelineRow, repo: str) -> list[str]:
    """Returns the other pipelines that read a repo which one writes, by name."""
    query = (
        sa.select(pipelines.c.name)
        .join(pipeline_inputs, pipeline_inputs.c.pipeline_id == pipelines.c.id)
        .where(pipeline_inputs.c.repo == repo, pipelines.c.id != pipeline.id)
        .distinct()
        .order_by(pipelines.c.name)
    )
    return list(conn.execute(query).scalars())


def newest_job(conn: Connection, pipeline: PipelineRow) -> tuple[str, int] | None:
    """Returns the newest job that writes the pipeline's own branch, and the version that it is under."""
    query = (
        sa.select(jobs.c.id, jobs.c.version)
        .where(
            jobs.c.pipeline_id == pipeline.id,
            jobs.c.repo == pipeline.output_repo,
            jobs.c.branch == pipeline.output_branch,
        )
        .order_by(jobs.c.number.desc())
        .limit(1)
    )
    row = conn.execute(query).first()
    return None if row is None else (row.id, row.version)


def remove(conn: Connection, pipeline_id: int) -> int:
    """Removes a pipeline with all that is known of it and its jobs; returns how many these were."""
    own = sa.select(jobs.c.id).where(jobs.c.pipeline_id == pipeline_id)
    for table in (job_parts, job_inputs):
        conn.execute(sa.delete(table).where(table.c.job_id.in_(own)))
    number = conn.execute(sa.delete(jobs).where(jobs.c.pipeline_id == pipeline_id)).rowcount
    tables: Sequence[sa.Table] = (pipeline_inputs, pipeline_versions, memos, branch_triggers, egresses)
    for table in tables:
        conn.execute(sa.delete(table).where(table.c.pipeline_id == pipeline_id))
    conn.execute(sa.delete(pipelines).where(pipelines.c.id == pipeline_id))
    return number
