"""All SQL of pipelines: specs and their versions, jobs and their parts, memo roots.

Every function takes the connection of the transaction that it is part of.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection

from headwater.ids import CommitId, JobId, SetId, random_id
from headwater.pipelines.spec import FilesInput, PipelineSpec, read_spec
from headwater.pipelines.tables import (
    job_inputs,
    job_parts,
    jobs,
    memos,
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


class JobInput(msgspec.Struct, frozen=True):
    """The commit that a job reads for one of its inputs."""

    name: str
    repo: str
    branch: str
    commit_id: str


class Part(msgspec.Struct, frozen=True):
    """What one datum of a running job produced, as accepted by its coordinator."""

    datum_key: bytes
    memo_key: bytes
    output: bytes
    stats: bytes


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


def save_pipeline(conn: Connection, spec: PipelineSpec, digest: str, now_ms: int) -> PipelineRow:
    """Creates the pipeline, or gives it a new version where the spec differs from the current one."""
    found = find_pipeline(conn, spec.name)
    if found is None:
        conn.execute(
            sa.insert(pipelines).values(
                name=spec.name,
                kind=spec.kind,
                version=0,
                output_repo=spec.output.repo,
                output_branch=spec.output.branch,
                salt=random_id(),
                state="running",
                created_ms=now_ms,
            )
        )
        found = find_pipeline(conn, spec.name)
        assert found is not None, "the row was inserted above"
    elif _digest(conn, found) == digest:
        return found
    version = found.version + 1
    conn.execute(
        sa.insert(pipeline_versions).values(
            pipeline_id=found.id, version=version, spec=spec.canonical(), digest=digest, created_ms=now_ms
        )
    )
    conn.execute(
        sa.update(pipelines)
        .where(pipelines.c.id == found.id)
        .values(
            version=version,
            kind=spec.kind,
            output_repo=spec.output.repo,
            output_branch=spec.output.branch,
        )
    )
    _replace_inputs(conn, found.id, spec)
    return msgspec.structs.replace(
        found,
        version=version,
        kind=spec.kind,
        output_repo=spec.output.repo,
        output_branch=spec.output.branch,
    )


def _digest(conn: Connection, row: PipelineRow) -> str | None:
    return conn.execute(
        sa.select(pipeline_versions.c.digest).where(
            pipeline_versions.c.pipeline_id == row.id, pipeline_versions.c.version == row.version
        )
    ).scalar()


def _replace_inputs(conn: Connection, pipeline_id: int, spec: PipelineSpec) -> None:
    conn.execute(sa.delete(pipeline_inputs).where(pipeline_inputs.c.pipeline_id == pipeline_id))
    rows = [
        {
            "pipeline_id": pipeline_id,
            "name": item.name,
            "repo": item.repo,
            "branch": item.branch,
            "pinned": item.commit,
            "follow": spec.follow and item.commit is None,
        }
        for item in spec.inputs()
    ]
    conn.execute(sa.insert(pipeline_inputs), rows)


def spec_of(conn: Connection, pipeline_id: int, version: int) -> PipelineSpec:
    """Returns the spec of one version of a pipeline."""
    data = conn.execute(
        sa.select(pipeline_versions.c.spec).where(
            pipeline_versions.c.pipeline_id == pipeline_id, pipeline_versions.c.version == version
        )
    ).scalar_one()
    return read_spec(data)


def followers(conn: Connection, repo: str, branch: str) -> list[int]:
    """Returns the running pipelines that start a job when this branch gets a commit, in id order."""
    query = (
        sa.select(pipeline_inputs.c.pipeline_id)
        .join(pipelines, pipelines.c.id == pipeline_inputs.c.pipeline_id)
        .where(
            pipeline_inputs.c.repo == repo,
            pipeline_inputs.c.branch == branch,
            pipeline_inputs.c.follow.is_(True),
            pipelines.c.state == "running",
        )
        .distinct()
        .order_by(pipeline_inputs.c.pipeline_id)
    )
    return list(conn.execute(query).scalars())


def read_with(conn: Connection, places: Collection[tuple[str, str]]) -> list[tuple[str, str]]:
    """Returns the branches, each with its repo, that pipelines read which follow one of these."""
    followed = (
        sa.select(pipeline_inputs.c.pipeline_id)
        .join(pipelines, pipelines.c.id == pipeline_inputs.c.pipeline_id)
        .where(
            sa.tuple_(pipeline_inputs.c.repo, pipeline_inputs.c.branch).in_(list(places)),
            pipeline_inputs.c.follow.is_(True),
            pipelines.c.state == "running",
        )
    )
    query = (
        sa.select(pipeline_inputs.c.repo, pipeline_inputs.c.branch)
        .where(pipeline_inputs.c.pipeline_id.in_(followed), pipeline_inputs.c.pinned.is_(None))
        .distinct()
    )
    return [(row.repo, row.branch) for row in conn.execute(query)]


def add_job(
    conn: Connection,
    pipeline: PipelineRow,
    *,
    number: int,
    set_id: SetId,
    commit_id: CommitId,
    cause: str,
    inputs: Mapping[FilesInput, CommitId],
    now_ms: int,
) -> JobId:
    """Adds a queued job and the commits that it reads."""
    job = JobId(random_id())
    conn.execute(
        sa.insert(jobs).values(
            id=job,
            number=number,
            pipeline_id=pipeline.id,
            version=pipeline.version,
            set_id=set_id,
            commit_id=commit_id,
            state="queued",
            cause=cause,
            created_ms=now_ms,
            memory=b"{}",
        )
    )
    rows = [
        {"job_id": job, "name": item.name, "repo": item.repo, "branch": item.branch, "commit_id": commit}
        for item, commit in inputs.items()
    ]
    conn.execute(sa.insert(job_inputs), rows)
    return job


_JOB_COLUMNS = [jobs.c[name] for name in JobRow.__struct_fields__]


def job_by_id(conn: Connection, job: str) -> JobRow | None:
    """Returns the job with this id."""
    row = conn.execute(sa.select(*_JOB_COLUMNS).where(jobs.c.id == job)).first()
    return None if row is None else JobRow(*row)


def inputs_of(conn: Connection, job: str) -> list[JobInput]:
    """Returns the commits that a job reads."""
    columns = [job_inputs.c[name] for name in JobInput.__struct_fields__]
    return [JobInput(*row) for row in conn.execute(sa.select(*columns).where(job_inputs.c.job_id == job))]


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


def add_parts(conn: Connection, job: str, parts: Sequence[Part]) -> None:
    """Keeps what datums of a running job produced."""
    conn.execute(sa.insert(job_parts), [{"job_id": job, **msgspec.structs.asdict(part)} for part in parts])


def parts_of(conn: Connection, job: str) -> list[Part]:
    """Returns what has been accepted of a job."""
    columns = [job_parts.c[name] for name in Part.__struct_fields__]
    return [Part(*row) for row in conn.execute(sa.select(*columns).where(job_parts.c.job_id == job))]


def drop_parts(conn: Connection, job: str) -> None:
    """Forgets the parts of a job that has ended."""
    conn.execute(sa.delete(job_parts).where(job_parts.c.job_id == job))


def memo_root(conn: Connection, pipeline: PipelineRow) -> bytes | None:
    """Returns the root of the pipeline's memo tree under its current salt."""
    return conn.execute(
        sa.select(memos.c.root).where(memos.c.pipeline_id == pipeline.id, memos.c.salt == pipeline.salt)
    ).scalar()


def set_memo_root(conn: Connection, pipeline: PipelineRow, root: bytes | None) -> None:
    """Replaces the root of the pipeline's memo tree."""
    where = (memos.c.pipeline_id == pipeline.id, memos.c.salt == pipeline.salt)
    if conn.execute(sa.update(memos).where(*where).values(root=root)).rowcount == 0:
        conn.execute(sa.insert(memos).values(pipeline_id=pipeline.id, salt=pipeline.salt, root=root))


def jobs_of_set(conn: Connection, set_id: str) -> list[tuple[JobRow, str]]:
    """Returns the jobs of one commit set with their pipelines' names, oldest first."""
    query = (
        sa.select(*_JOB_COLUMNS, pipelines.c.name)
        .join(pipelines, pipelines.c.id == jobs.c.pipeline_id)
        .where(jobs.c.set_id == set_id)
        .order_by(jobs.c.number)
    )
    return [(JobRow(*row[:-1]), row[-1]) for row in conn.execute(query)]
