"""Training: from a request and a data file to the files of a model version.

    request = read_request(text)                        # all mistakes at once
    dataset = open_dataset(request, data, name=path)    # rows, targets, tasks; every bad input is found here
    fit(params, inputs, out); assemble(params, inputs, out)   # the pure calls that workers run

    TrainKind, TrainingQueue, Promoter          # what training brings to pipelines and their queue

The heavy half (Arrow, XGBoost, matplotlib) is imported by the first call
that needs it; reading a request needs none of it, and a process that runs
calls needs neither the catalog nor the queue.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from headwater.training.calls import (
    AssembleParams,
    AssembleStats,
    FitParams,
    FitStats,
    assemble,
    fit,
    warm_up,
)
from headwater.training.dataset import Dataset, Target, open_dataset, target_names
from headwater.training.errors import (
    FitFailed,
    InvalidData,
    InvalidFilter,
    InvalidRequest,
    TargetUnusable,
    TooFewRows,
)
from headwater.training.provenance import ArtifactProvenance, DataSource
from headwater.training.request import ALL, DataRef, TrainingRequest, target_part
from headwater.training.request_reader import read_request, read_request_file

if TYPE_CHECKING:
    from headwater.training.kind import CALLS, TrainKind
    from headwater.training.promoting import PROMOTE, Promoter, promote_key
    from headwater.training.queueing import TrainingQueue

__all__ = [
    "ALL",
    "CALLS",
    "PROMOTE",
    "ArtifactProvenance",
    "AssembleParams",
    "AssembleStats",
    "DataRef",
    "DataSource",
    "Dataset",
    "FitFailed",
    "FitParams",
    "FitStats",
    "InvalidData",
    "InvalidFilter",
    "InvalidRequest",
    "Promoter",
    "Target",
    "TargetUnusable",
    "TooFewRows",
    "TrainKind",
    "TrainingQueue",
    "TrainingRequest",
    "assemble",
    "fit",
    "open_dataset",
    "promote_key",
    "read_request",
    "read_request_file",
    "target_names",
    "target_part",
    "warm_up",
]

_HOMES = {
    "CALLS": "kind",
    "PROMOTE": "promoting",
    "Promoter": "promoting",
    "promote_key": "promoting",
    "TrainKind": "kind",
    "TrainingQueue": "queueing",
}


def __getattr__(name: str) -> Any:  # whatever stands under the name
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
