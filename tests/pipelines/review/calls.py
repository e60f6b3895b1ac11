"""Datum sets that say, as real ones do, what kept them from what they read."""

from pathlib import Path

import msgspec

from headwater.pipelines.calls import Reported, reporting
from headwater.pipelines.sets import DatumCall, DatumResult, SetPayload, SetResult
from tests.pipelines.engine.calls import Run


def run_set(payload: bytes, scratch: Path) -> bytes:
    task = msgspec.msgpack.decode(payload, type=SetPayload)
    return msgspec.msgpack.encode(SetResult(tuple(_result(task, datum) for datum in task.datums)))


def _result(task: SetPayload, datum: DatumCall) -> DatumResult:
    try:
        with reporting("reading"):
            run = Run(task, datum)
    except Reported as reported:
        return DatumResult(datum.key, "failed", error=reported.error)
    return run.result()
