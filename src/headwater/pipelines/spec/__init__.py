"""The spec of a pipeline: the only thing that the engine knows about it.

Whoever writes one (YAML, JSON, a decorated function, a file made for
Pachyderm) ends up with the same `PipelineSpec`; its canonical bytes are what
the catalog keeps.

    [loaded] = load("pipeline.yaml")
    loaded.spec, loaded.code, loaded.notes
    dump(loaded.spec)                 # a document that reads as the same spec

Readers load when they are used: a worker that only decodes a spec needs none.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from headwater.pipelines.spec.shapes import (
    BranchTrigger,
    CronInput,
    CrossInput,
    DatumSet,
    Egress,
    FilesInput,
    GroupInput,
    Input,
    JoinInput,
    OutputSpec,
    PipelineSpec,
    Reprocess,
    Resources,
    Service,
    Spout,
    Transform,
    UnionInput,
    leaves_of,
    read_spec,
)

if TYPE_CHECKING:
    from headwater.pipelines.spec.dumping import dump
    from headwater.pipelines.spec.loading import LoadedSpec, load, read_document
    from headwater.pipelines.spec.own_inputs import read_trigger

__all__ = [
    "BranchTrigger",
    "CronInput",
    "CrossInput",
    "DatumSet",
    "Egress",
    "FilesInput",
    "GroupInput",
    "Input",
    "JoinInput",
    "LoadedSpec",
    "OutputSpec",
    "PipelineSpec",
    "Reprocess",
    "Resources",
    "Service",
    "Spout",
    "Transform",
    "UnionInput",
    "dump",
    "leaves_of",
    "load",
    "read_document",
    "read_spec",
    "read_trigger",
]

_HOME = {
    "dump": "dumping",
    "LoadedSpec": "loading",
    "load": "loading",
    "read_document": "loading",
    "read_trigger": "own_inputs",
}


def __getattr__(name: str) -> Any:  # whatever stands under the name
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
