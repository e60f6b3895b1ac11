"""The worker's side of datums that are functions over folders: files in, the function, files out.

A pure task: everything it reads stands in its payload or lies in the object
store under names that the payload gives, and everything it writes goes into
segments that were reserved for it. It never sees the catalog, so it may run
anywhere and twice. For functions of this package; a user's own run elsewhere.
"""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import msgspec

from headwater.errors import Error, Unavailable
from headwater.pipelines.errors import OfEveryDatum
from headwater.pipelines.sets import CallError, DatumCall, DatumResult, SetPayload, SetResult
from headwater.storage import (
    ObjectStore,
    Reservation,
    WrittenSegment,
    copy_portable,
    open_store,
    write_outputs,
)

Function = Callable[[bytes, Path, Path], bytes]
Stage = Literal["reading", "function", "writing"]
# What an operating system says when the machine, not the function, has run out of something.
MACHINE_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EMFILE, errno.ENFILE})


class Reported(Exception):
    """Carries an error out of a stage."""

    def __init__(self, error: CallError, log: bytes = b"") -> None:
        """Takes what is to be told, and what was printed until then."""
        super().__init__(error.message)
        self.error, self.log = error, log


def datum_call(function: Function) -> Callable[[bytes, Path], bytes]:
    """Makes a function over folders callable with the payload of a datum set.

    Args:
        function: Gets its parameters, the folder with the inputs (each file at
            `<input>/<path>`) and an empty folder for its output; returns
            statistics, a map text → value as msgpack, or nothing.
    """

    def call(payload: bytes, scratch: Path) -> bytes:
        task = msgspec.msgpack.decode(payload, type=SetPayload)
        left, segments, results = task.reservation, list[WrittenSegment](), list[DatumResult]()
        for number, datum in enumerate(task.datums):
            folder = scratch / str(number)
            folder.mkdir()
            try:
                with reporting("reading"):
                    store = open_store(task.store)
                result, written = _carry_out(function, task, datum, store, left, folder)
            except Reported as reported:
                result, written = DatumResult(datum.key, "failed", error=reported.error), ()
            results.append(result)
            segments += written
            spent = {one.id for one in written}
            left = Reservation(tuple(one for one in left.segments if one.id not in spent), left.expires_ms)
        return msgspec.msgpack.encode(SetResult(tuple(results), tuple(segments)))

    return call


def _carry_out(
    function: Function,
    task: SetPayload,
    datum: DatumCall,
    store: ObjectStore,
    reservation: Reservation,
    folder: Path,
) -> tuple[DatumResult, tuple[WrittenSegment, ...]]:
    inputs, out = folder / "inputs", folder / "out"
    with reporting("reading"):
        inputs.mkdir()
        out.mkdir()
        for number in datum.pieces:
            piece = task.pieces[number]
            for path, file in piece.files:
                place = inputs / piece.input / path
                place.parent.mkdir(parents=True, exist_ok=True)
                copy_portable(file, store, place)
    with reporting("function"):
        stats = function(datum.params, inputs, out)
        if stats:
            msgspec.msgpack.decode(stats, type=dict[str, Any])
    with reporting("writing"):
        output = write_outputs(out, store, reservation)
    return DatumResult(datum.key, "succeeded", output.files, stats), output.segments


def scope_of(error: Error) -> Literal["datum", "job", "job-for-now"]:
    """Tells whether an error is one of the datum, or of all datums of the job."""
    if not isinstance(error, OfEveryDatum):
        return "datum"
    return "job-for-now" if error.passes else "job"


@contextmanager
def reporting(stage: Stage) -> Iterator[None]:
    """Turns what is understood into a report; a bug of the function passes, with its traceback.

    Raises:
        Reported: An error of ours, or one that the machine is to blame for.
    """
    try:
        yield
    except Error as error:
        machine = stage != "function" and isinstance(error, Unavailable)
        raise Reported(
            CallError(error.kind, error.message, error.hint, error.details, stage, machine, scope_of(error))
        ) from error
    except OSError as error:
        if error.errno not in MACHINE_ERRORS:
            raise
        hint = "Free some space where temporary files and objects lie, or raise the limit that it names."
        message = f"{error.strerror}: {error.filename}" if error.filename else f"{error.strerror}"
        told = CallError("machine-unavailable", message, hint, [], stage, machine=True)
        raise Reported(told) from error
