"""Pipelines: commits in, commits out, and only what changed is computed.

A pipeline is a spec; a `Kind` says what its datums are. The engine keeps
plans, memo, ownership, jobs and their transactions:

    pipelines.submit(spec)            # creates or updates, and starts a job
    jobs.wait(job_id)                 # raises JobFailed
    Coordinator(…).handle             # what a worker does with "advance this pipeline"

Names load when they are used, since a child process that runs datums needs
neither the catalog nor the coordinator.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headwater.pipelines.calls import datum_call
    from headwater.pipelines.coordinator import Coordinator
    from headwater.pipelines.dag import TASK_KIND, Trigger
    from headwater.pipelines.engine import Parts, TransformKind
    from headwater.pipelines.errors import (
        DatumFailed,
        DatumsFailed,
        InvalidSpec,
        JobFailed,
        JobNotFound,
        OutputCollision,
        PipelineNotFound,
    )
    from headwater.pipelines.job_waiting import Attend, OfSet
    from headwater.pipelines.jobs import Jobs
    from headwater.pipelines.kind import Datum, DatumInput, Due, JobView, Kind, Listed
    from headwater.pipelines.roots import PipelineBonds, PipelineRoots
    from headwater.pipelines.service import Pipelines
    from headwater.pipelines.spec import FilesInput, OutputSpec, PipelineSpec

__all__ = [
    "TASK_KIND",
    "Attend",
    "Coordinator",
    "Datum",
    "DatumFailed",
    "DatumInput",
    "DatumsFailed",
    "Due",
    "FilesInput",
    "InvalidSpec",
    "JobFailed",
    "JobNotFound",
    "JobView",
    "Jobs",
    "Kind",
    "Listed",
    "OfSet",
    "OutputCollision",
    "OutputSpec",
    "Parts",
    "PipelineBonds",
    "PipelineNotFound",
    "PipelineRoots",
    "PipelineSpec",
    "Pipelines",
    "TransformKind",
    "Trigger",
    "datum_call",
]

_MODULES = {
    "calls": ("datum_call",),
    "coordinator": ("Coordinator",),
    "errors": (
        "DatumFailed",
        "DatumsFailed",
        "InvalidSpec",
        "JobFailed",
        "JobNotFound",
        "OutputCollision",
        "PipelineNotFound",
    ),
    "kind": ("Datum", "DatumInput", "Due", "JobView", "Kind", "Listed"),
    "engine": ("Parts", "TransformKind"),
    "job_waiting": ("Attend", "OfSet"),
    "jobs": ("Jobs",),
    "service": ("Pipelines",),
    "roots": ("PipelineBonds", "PipelineRoots"),
    "spec": ("FilesInput", "OutputSpec", "PipelineSpec"),
    "dag": ("TASK_KIND", "Trigger"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:  # whatever stands under the name
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
