"""All SQL of pipelines: specs and their versions, jobs and what they read.

Every function takes the connection of the transaction that it is part of.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection

from headwater.db import Counters
from headwater.ids import random_id
from headwater.pipelines.spec import PipelineSpec, read_spec
from headwater.pipelines.tables import (
    job_inputs,
    jobs,
    pipeline_inputs,
    pipeline_versions,
    pipelines,
)

TAKEN = ("starting", "running", "finishing")


class PipelineRow(msgspec.Struct, frozen=True):
    """A pipeline at its current version."""

    id: int
    name: str
    kind: str
    version: int
    output_repo: str
    output_branch: str
    salt: str
    state: str


class NewVersion(msgspec.Struct, frozen=True):
    """What is kept of a pipeline's version beside its spec.

    `digest` tells whether an update changes anything; `code_root` is where its
    stored code begins, `code` its fingerprint, `environment` the interpreter
    and packages that it was made with, as JSON.
    """

    digest: str
    created_ms: int
    code_root: bytes | None = None
    code: str | None = None
    environment: bytes | None = None
    author: str = ""


class VersionRow(msgspec.Struct, frozen=True):
    """A version of a pipeline as the catalog holds it; see `NewVersion`."""

    version: int
    digest: str
    created_ms: int
    code_root: bytes | None
    code: str | None
    environment: bytes | None
    author: str


class JobRow(msgspec.Struct, frozen=True):
    """A job as the catalog holds it."""

    id: str
    number: int
    pipeline_id: int
    version: int
    set_id: str
    commit_id: str | None
    state: str
    cause: str
    run: int
    kept: int
    dropped: int
    failed: int
    created_ms: int
    started_ms: int | None
    finished_ms: int | None
    covered_by: str | None
    note: str | None
    error: bytes | None
    memory: bytes
    total: int | None = None
    recovered: int = 0
    stats: bytes | None = None
    forced: bool = False
    repo: str = ""
    branch: str = ""
    waits: int = 0


class JobInput(msgspec.Struct, frozen=True):
    """The commit that a job reads for one of its inputs; `leaf` is the place of that in the spec."""

    leaf: int
    name: str
    repo: str
    branch: str
    commit_id: str


def find_pipeline(conn: Connection, name: str) -> PipelineRow | None:
    """Returns the pipeline of this name."""
    return _pipeline(conn, pipelines.c.name == name)


def pipeline_by_id(conn: Connection, pipeline_id: int) -> PipelineRow | None:
    """Returns the pipeline with this id."""
    return _pipeline(conn, pipelines.c.id == pipeline_id)


def _pipeline(conn: Connection, where: sa.ColumnElement[bool]) -> PipelineRow | None:
    columns = [pipelines.c[name] for name in PipelineRow.__struct_fields__]
    row = conn.execute(sa.select(*columns).where(where)).first()
    return None if row is None else PipelineRow(*row)


def pipeline_names(conn: Connection) -> list[str]:
    """Returns the names of all pipelines, in order."""
    return list(conn.execute(sa.select(pipelines.c.name).order_by(pipelines.c.name)).scalars())


def add_pipeline(conn: Connection, spec: PipelineSpec, now_ms: int) -> PipelineRow:
    """Adds a pipeline that has no version yet."""
    row = {
        "name": spec.name,
        "kind": spec.kind,
        "version": 0,
        "output_repo": spec.output.repo,
        "output_branch": spec.output.branch,
        "salt": random_id(),
        "state": "running",
    }
    id = _fresh_id(conn)
    conn.execute(sa.insert(pipelines).values(id=id, **row, created_ms=now_ms))
    return PipelineRow(id, **row)  # type: ignore[arg-type]  # the names say which is which


def _fresh_id(conn: Connection) -> int:
    """Returns an id that no pipeline ever had: tasks and processes of one that was removed may still name its own."""
    most = conn.execute(sa.select(sa.func.max(pipelines.c.id))).scalar() or 0
    id = Counters.next(conn, "pipelines")
    if id <= most:  # there were some before anybody counted
        Counters.next(conn, "pipelines", most - id + 1)
        return most + 1
    return id


def add_version(
    conn: Connection,
    pipeline: PipelineRow,
    spec: PipelineSpec,
    version: NewVersion,
    *,
    salt: str | None = None,
) -> PipelineRow:
    """Gives a pipeline a new version, which is the one that runs from now on; `salt` makes it forget results."""
    changed = {
        "version": pipeline.version + 1,
        "kind": spec.kind,
        "output_repo": spec.output.repo,
        "output_branch": spec.output.branch,
        "salt": salt or pipeline.salt,
    }
    conn.execute(
        sa.insert(pipeline_versions).values(
            pipeline_id=pipeline.id,
            version=changed["version"],
            spec=spec.canonical(),
            **msgspec.structs.asdict(version),
        )
    )
    conn.execute(sa.update(pipelines).where(pipelines.c.id == pipeline.id).values(**changed))
    _replace_inputs(conn, pipeline.id, spec)
    return msgspec.structs.replace(pipeline, **changed)


def set_state(conn: Connection, pipeline_id: int, state: str) -> None:
    """Lets a pipeline run, or pauses it."""
    conn.execute(sa.update(pipelines).where(pipelines.c.id == pipeline_id).values(state=state))


def set_salt(conn: Connection, pipeline_id: int, salt: str) -> None:
    """Gives a pipeline another salt, under which it knows no result."""
    conn.execute(sa.update(pipelines).where(pipelines.c.id == pipeline_id).values(salt=salt))


def version_of(conn: Connection, pipeline_id: int, version: int) -> VersionRow:
    """Returns one version of a pipeline, without its spec."""
    columns = [pipeline_versions.c[name] for name in VersionRow.__struct_fields__]
    query = sa.select(*columns).where(
        pipeline_versions.c.pipeline_id == pipeline_id, pipeline_versions.c.version == version
    )
    return VersionRow(*conn.execute(query).one())


def _replace_inputs(conn: Connection, pipeline_id: int, spec: PipelineSpec) -> None:
    conn.execute(sa.delete(pipeline_inputs).where(pipeline_inputs.c.pipeline_id == pipeline_id))
    rows = [
        {
            "pipeline_id": pipeline_id,
            "leaf": leaf,
            "name": item.name,
            "repo": item.repo,
            "branch": item.branch,
            "pinned": item.commit,
            "follow": spec.follow and item.commit is None,
        }
        for leaf, item in enumerate(spec.inputs())
    ]
    if rows:
        conn.execute(sa.insert(pipeline_inputs), rows)


def spec_of(conn: Connection, pipeline_id: int, version: int) -> PipelineSpec:
    """Returns the spec of one version of a pipeline."""
    data = conn.execute(
        sa.select(pipeline_versions.c.spec).where(
            pipeline_versions.c.pipeline_id == pipeline_id, pipeline_versions.c.version == version
        )
    ).scalar_one()
    return read_spec(data)


_JOB_COLUMNS = [jobs.c[name] for name in JobRow.__struct_fields__]


def job_by_id(conn: Connection, job: str) -> JobRow | None:
    """Returns the job with this id."""
    row = conn.execute(sa.select(*_JOB_COLUMNS).where(jobs.c.id == job)).first()
    return None if row is None else JobRow(*row)


def inputs_of(conn: Connection, job: str) -> list[JobInput]:
    """Returns the commits that a job reads, in the order of the spec."""
    columns = [job_inputs.c[name] for name in JobInput.__struct_fields__]
    query = sa.select(*columns).where(job_inputs.c.job_id == job).order_by(job_inputs.c.leaf)
    return [JobInput(*row) for row in conn.execute(query)]


def jobs_in(conn: Connection, pipeline_id: int, states: Sequence[str]) -> list[JobRow]:
    """Returns the pipeline's jobs in the given states, oldest first."""
    query = (
        sa.select(*_JOB_COLUMNS)
        .where(jobs.c.pipeline_id == pipeline_id, jobs.c.state.in_(states))
        .order_by(jobs.c.number)
    )
    return [JobRow(*row) for row in conn.execute(query)]


def last_job_before(conn: Connection, job: JobRow, states: Sequence[str]) -> JobRow | None:
    """Returns the newest job of the same pipeline before this one that is in one of the states."""
    query = (
        sa.select(*_JOB_COLUMNS)
        .where(jobs.c.pipeline_id == job.pipeline_id, jobs.c.number < job.number, jobs.c.state.in_(states))
        .order_by(jobs.c.number.desc())
        .limit(1)
    )
    row = conn.execute(query).first()
    return None if row is None else JobRow(*row)


def list_jobs(
    conn: Connection, *, kind: str | None, before: int | None, limit: int
) -> Iterator[tuple[JobRow, str]]:
    """Yields jobs with their pipeline's name, newest first, below the number `before`."""
    query = sa.select(*_JOB_COLUMNS, pipelines.c.name).join(pipelines, pipelines.c.id == jobs.c.pipeline_id)
    if kind is not None:
        query = query.where(pipelines.c.kind == kind)
    if before is not None:
        query = query.where(jobs.c.number < before)
    for row in conn.execute(query.order_by(jobs.c.number.desc()).limit(limit)):
        yield JobRow(*row[:-1]), row[-1]


def change_job(conn: Connection, job: str, **values: Any) -> None:
    """Sets columns of a job."""
    conn.execute(sa.update(jobs).where(jobs.c.id == job).values(**values))


def job_state(conn: Connection, job: str) -> str | None:
    """Returns the state of a job."""
    return conn.execute(sa.select(jobs.c.state).where(jobs.c.id == job)).scalar()


def jobs_of_set(conn: Connection, set_id: str) -> list[tuple[JobRow, str]]:
    """Returns the jobs of one commit set with their pipelines' names, oldest first."""
    query = (
        sa.select(*_JOB_COLUMNS, pipelines.c.name)
        .join(pipelines, pipelines.c.id == jobs.c.pipeline_id)
        .where(jobs.c.set_id == set_id)
        .order_by(jobs.c.number)
    )
    return [(JobRow(*row[:-1]), row[-1]) for row in conn.execute(query)]
