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
    from headwater.pipelines.errors import (
        DatumFailed,
        DatumsFailed,
        InvalidSpec,
        JobFailed,
        JobNotFound,
        OutputCollision,
        PipelineNotFound,
    )
    from headwater.pipelines.kind import Datum, DatumInput, Due, JobView, Kind
    from headwater.pipelines.parts import Parts
    from headwater.pipelines.plan import Plan, Step, decide
    from headwater.pipelines.roots import PipelineBonds, PipelineRoots
    from headwater.pipelines.service import Jobs, Pipelines
    from headwater.pipelines.spec import FilesInput, OutputSpec, PipelineSpec
    from headwater.pipelines.trigger import TASK_KIND, Trigger

__all__ = [
    "TASK_KIND",
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
    "OutputCollision",
    "OutputSpec",
    "Parts",
    "PipelineBonds",
    "PipelineNotFound",
    "PipelineRoots",
    "PipelineSpec",
    "Pipelines",
    "Plan",
    "Step",
    "Trigger",
    "datum_call",
    "decide",
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
    "kind": ("Datum", "DatumInput", "Due", "JobView", "Kind"),
    "parts": ("Parts",),
    "plan": ("Plan", "Step", "decide"),
    "service": ("Jobs", "Pipelines"),
    "roots": ("PipelineBonds", "PipelineRoots"),
    "spec": ("FilesInput", "OutputSpec", "PipelineSpec"),
    "trigger": ("TASK_KIND", "Trigger"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:  # whatever stands under the name
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
