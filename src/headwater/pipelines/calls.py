"""The worker's side of a datum: files in, the user's function, files out.

A pure task: everything it reads stands in its payload or lies in the object
store under names that the payload gives, and everything it writes goes into
segments that were reserved for it. It never sees the catalog, so it may run
anywhere and twice.
"""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import msgspec

from headwater.errors import Error, Unavailable
from headwater.storage import PortableFile, PortableOutput, Reservation, open_store, write_outputs
from headwater.storage import copy_portable as copy_out

Function = Callable[[bytes, Path, Path], bytes]
# What an operating system says when the machine, not the function, has run out of something.
_MACHINE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EMFILE, errno.ENFILE})


class CallInput(msgspec.Struct, frozen=True):
    """One input file and where the function sees it: `<inputs>/<input>/<path>`."""

    input: str
    path: str
    file: PortableFile


class CallPayload(msgspec.Struct, frozen=True):
    """Everything that one call of a datum's function needs."""

    store: str
    inputs: tuple[CallInput, ...]
    params: bytes
    reservation: Reservation


class CallError(msgspec.Struct, frozen=True):
    """What kept a call from a result.

    `stage` says where it happened: before the function, in it, or after it.
    One of the `machine` (a full disk, a store that does not answer) says
    nothing about the datum, which may be tried again.
    """

    kind: str
    message: str
    hint: str
    details: list[dict[str, Any]]
    stage: Literal["reading", "function", "writing"] = "function"
    machine: bool = False


class CallResult(msgspec.Struct, frozen=True):
    """What came of a call: its output and statistics, or the error that it ended with."""

    output: PortableOutput | None
    stats: bytes
    error: CallError | None


class _Reported(Exception):
    """Carries an error out of a stage."""

    def __init__(self, error: CallError) -> None:
        super().__init__(error.message)
        self.error = error


def datum_call(function: Function) -> Callable[[bytes, Path], bytes]:
    """Makes a function over folders callable with the payload of a datum.

    Args:
        function: Gets its parameters, the folder with the inputs and an empty
            folder for its output; returns statistics, a map text → value as
            msgpack, or nothing.
    """

    def call(payload: bytes, scratch: Path) -> bytes:
        task = msgspec.msgpack.decode(payload, type=CallPayload)
        try:
            result = _carry_out(function, task, scratch)
        except _Reported as reported:
            result = CallResult(None, b"", reported.error)
        return msgspec.msgpack.encode(result)

    return call


def _carry_out(function: Function, task: CallPayload, scratch: Path) -> CallResult:
    inputs, out = scratch / "inputs", scratch / "out"
    with _reporting("reading"):
        store = open_store(task.store)
        inputs.mkdir(parents=True)
        out.mkdir()
        for item in task.inputs:
            place = inputs / item.input / item.path
            place.parent.mkdir(parents=True, exist_ok=True)
            copy_out(item.file, store, place)
    with _reporting("function"):
        stats = function(task.params, inputs, out)
        if stats:
            msgspec.msgpack.decode(stats, type=dict[str, Any])
    with _reporting("writing"):
        return CallResult(write_outputs(out, store, task.reservation), stats, None)


@contextmanager
def _reporting(stage: Literal["reading", "function", "writing"]) -> Iterator[None]:
    """Turns what is understood into a report; a bug of the function passes, with its traceback."""
    try:
        yield
    except Error as error:
        machine = stage != "function" and isinstance(error, Unavailable)
        raise _Reported(
            CallError(error.kind, error.message, error.hint, error.details, stage, machine)
        ) from error
    except OSError as error:
        if error.errno not in _MACHINE:
            raise
        hint = "Free some space where temporary files and objects lie, or raise the limit that it names."
        message = f"{error.strerror}: {error.filename}" if error.filename else f"{error.strerror}"
        told = CallError("machine-unavailable", message, hint, [], stage, machine=True)
        raise _Reported(told) from error
