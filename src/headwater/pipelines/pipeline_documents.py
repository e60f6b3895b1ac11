"""Pipelines as the documents that programs read."""

import json
from collections.abc import Sequence

from sqlalchemy import Connection

from headwater.api.documents import PipelineInfo, ProcessInfo
from headwater.clock import rfc3339
from headwater.execution import Queue
from headwater.pipelines import job_store
from headwater.pipelines.longrun import processes_of
from headwater.pipelines.pipeline_store import Shown
from headwater.pipelines.spec import FilesInput, dump, read_spec
from headwater.pipelines.store import JobRow


def documents(conn: Connection, queue: Queue, found: Sequence[Shown]) -> list[PipelineInfo]:
    """Returns pipelines as documents, each with its newest job."""
    newest = job_store.newest_of(conn, [one.pipeline.name for one in found])
    processes = processes_of(conn, queue, [one.pipeline for one in found])
    return [_document(one, newest.get(one.pipeline.name), processes.get(one.pipeline.id)) for one in found]


def _document(shown: Shown, last: JobRow | None, process: ProcessInfo | None) -> PipelineInfo:
    row, spec = shown.pipeline, read_spec(shown.spec)
    return PipelineInfo(
        name=row.name,
        kind=row.kind,
        version=row.version,
        state="paused" if row.state == "paused" else "running",
        inputs=[_ref(item) for item in spec.inputs()],
        output=f"{row.output_repo}@{row.output_branch}",
        created=rfc3339(shown.created_ms),
        description=spec.description,
        code=shown.code,
        environment={} if shown.environment is None else json.loads(shown.environment),
        spec=dump(spec),
        last_job=None if last is None else last.id,
        last_state=None if last is None else last.state,  # type: ignore[arg-type]  # what the column holds
        process=process,
    )


def _ref(item: FilesInput) -> str:
    return f"{item.repo}@{item.commit or item.branch}:{item.glob}"
