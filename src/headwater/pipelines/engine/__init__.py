"""The engine: from a job's inputs to a commit, computing only what is not known.

    run_job(parts, kinds, job, hold)      # what the coordinator does with a job that it has taken

It knows plans, keys, memo, datum sets, trees and the transaction that
finishes a job. What datums there are and what they compute is the affair of a
`Kind` and its `Planner`; when a job runs is the coordinator's.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headwater.pipelines.engine.datums import DatumReader, Origin, Seen
    from headwater.pipelines.engine.dry import Preview, preview
    from headwater.pipelines.engine.ending import end_failed
    from headwater.pipelines.engine.hold import Hold, PutOff
    from headwater.pipelines.engine.parts import Parts
    from headwater.pipelines.engine.printed import Printed
    from headwater.pipelines.engine.run import run_job
    from headwater.pipelines.engine.transform import TransformKind

__all__ = [
    "DatumReader",
    "Hold",
    "Origin",
    "Parts",
    "Preview",
    "Printed",
    "PutOff",
    "Seen",
    "TransformKind",
    "end_failed",
    "preview",
    "run_job",
]

_MODULES = {
    "datums": ("DatumReader", "Origin", "Seen"),
    "dry": ("Preview", "preview"),
    "ending": ("end_failed",),
    "hold": ("Hold", "PutOff"),
    "parts": ("Parts",),
    "printed": ("Printed",),
    "run": ("run_job",),
    "transform": ("TransformKind",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:  # whatever stands under the name
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
