"""One datum set while it runs, whatever kind of code it is for: its pieces, its output, its results."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import msgspec

from headwater.errors import Error
from headwater.pipelines.calls import MACHINE_ERRORS, Reported, Stage, reporting, scope_of
from headwater.pipelines.runtime import capturing, logs
from headwater.pipelines.runtime.errors import (
    CommandFailed,
    DatumTimeout,
    FunctionFailed,
    InvalidOutput,
    OutOfMemory,
    ProcessDied,
)
from headwater.pipelines.runtime.hiding import Hiding
from headwater.pipelines.runtime.home import Home
from headwater.pipelines.runtime.launch.limits import Watch
from headwater.pipelines.runtime.live import Live
from headwater.pipelines.runtime.messages import Failure
from headwater.pipelines.sets import (
    CallError,
    DatumCall,
    DatumResult,
    Piece,
    Recipe,
    SetPayload,
    SetState,
)
from headwater.storage import NewFile, ObjectStore, OutputFile, OutputStream, ReservationSpent, content_hash

# Runs the recovery command for the datum at this place of the set: whether that ended well, and its log.
Recovery = Callable[[int], tuple[bool, bytes]]
_RECOVERABLE = frozenset(
    one.kind for one in (FunctionFailed, CommandFailed, ProcessDied, DatumTimeout, OutOfMemory, InvalidOutput)
)


class Weight(NamedTuple):
    """What the code sees of a piece: files and bytes."""

    files: int
    size: int


class Took(NamedTuple):
    """What a datum took before its output is stored."""

    fetch_s: float
    process_s: float
    files_in: int
    bytes_in: int


class Work:
    """A datum set, and what is known of its pieces."""

    def __init__(self, task: SetPayload, recipe: Recipe, home: Home, store: ObjectStore) -> None:
        """Has no results yet."""
        self.task, self.recipe, self.home, self.store = task, recipe, home, store
        self.stream = OutputStream(store, task.reservation)
        self.watch = Watch(recipe.datum_timeout_s, recipe.memory)
        self.results: dict[int, DatumResult] = {}
        self.is_spent = False
        self.recovery: Recovery | None = None
        self._hiding = Hiding(recipe.secrets.values())
        self.live = Live(task, store, self._hiding)
        self._weights: dict[int, Weight] = {}
        self._digests: dict[int, bytes] = {}

    @cached_property
    def uses(self) -> Counter[int]:
        """How many datums of the set see each piece."""
        return Counter(number for datum in self.task.datums for number in datum.pieces)

    def pieces(self, datum: DatumCall) -> list[Piece]:
        """Returns what a datum sees."""
        return [self.task.pieces[number] for number in datum.pieces]

    def digest(self, number: int) -> bytes:
        """Returns the hash of all that a piece is to the code."""
        if number not in self._digests:
            piece = self.task.pieces[number]
            parts = [f"{piece.input}\0{piece.path}\0{piece.empty}".encode()]
            for path, file in piece.files:
                parts += (path.encode(), file.hash, b"x" if file.executable else b"-")
            self._digests[number] = content_hash(b"\0".join(parts))
        return self._digests[number]

    def weight(self, number: int) -> Weight:
        """Returns how much a piece is; what is fetched only when asked for does not count."""
        if number not in self._weights:
            piece = self.task.pieces[number]
            size = 0 if piece.lazy or piece.empty else sum(file.size for _, file in piece.files)
            self._weights[number] = Weight(len(piece.files), size)
        return self._weights[number]

    def took(self, datum: DatumCall, fetch_s: float, process_s: float, more_bytes: int = 0) -> Took:
        """Returns what a datum took; `more_bytes` are those that were fetched when asked for."""
        weights = [self.weight(number) for number in datum.pieces]
        files, size = sum(one.files for one in weights), sum(one.size for one in weights)
        return Took(fetch_s, process_s, files, size + more_bytes)

    def succeed(self, index: int, outputs: Sequence[NewFile], took: Took, log: bytes) -> None:
        """Stores what a datum wrote and notes that it succeeded, or why it did not after all."""
        started_s, others_stored = time.perf_counter(), self.stream.has_stored
        try:
            with reporting("writing"):
                files = capturing.store(outputs, self.stream)
        except Reported as reported:
            if reported.error.kind == ReservationSpent.kind and others_stored:
                self.is_spent = True  # what is left is for the next hand-out, with a reservation of its own
                self.not_run(index)
            else:
                self.fail(index, reported.error, log, took)
            return
        took_s = time.perf_counter() - started_s
        self.finish(index, "succeeded", log, _stats(took, took_s, files), files=files)

    def fail(self, index: int, error: CallError, log: bytes, took: Took | None = None) -> None:
        """Notes that a datum failed, or, on its last try, that the recovery command took care of it."""
        last = self.task.datums[index].is_last_try
        is_of_datum = error.scope == "datum" and not error.machine
        if self.recovery is not None and last and error.kind in _RECOVERABLE and is_of_datum:
            is_recovered, more = self.recovery(index)
            log = logs.shorten(log + more)
            if is_recovered:
                self.finish(index, "recovered", log, _stats(took, 0.0, ()) if took else b"")
                return
        stats = _stats(took, 0.0, ()) if took else b""
        self.finish(index, "failed", log, stats, error=error)

    def not_run(self, index: int) -> None:
        """Notes that a datum is to be handed out again."""
        self.finish(index, "not-run", b"", b"")

    def finish(
        self,
        index: int,
        state: SetState,
        log: bytes,
        stats: bytes,
        *,
        files: tuple[OutputFile, ...] = (),
        error: CallError | None = None,
    ) -> None:
        """Notes how a datum ended."""
        key = self.task.datums[index].key
        if self._hiding:
            log = self._hiding.in_log(log)
            error = None if error is None else self._hidden(error)
        self.results[index] = DatumResult(key, state, files, stats, error, log)

    def _hidden(self, error: CallError) -> CallError:
        told = self._hiding.in_told
        return msgspec.structs.replace(
            error, message=told(error.message), hint=told(error.hint), details=told(error.details)
        )


def error_of(error: Error, stage: Stage = "function", *, machine: bool = False) -> CallError:
    """Returns an error of ours as what is told of a datum."""
    return CallError(error.kind, error.message, error.hint, error.details, stage, machine, scope_of(error))


def call_error(failure: Failure, watch: Watch) -> CallError:
    """Returns what a function raised as what is told of its datum."""
    if failure.kind == OutOfMemory.kind:
        error = watch.too_much(None)
        message = f"{error.message.rstrip('.')}: {failure.message}"
        return CallError(error.kind, message, error.hint, error.details)
    if failure.errno in MACHINE_ERRORS:
        return CallError("machine-unavailable", failure.message, failure.hint, [], machine=True)
    return CallError(failure.kind, failure.message, failure.hint, failure.details)


def in_folder(folder: Path, roots: capturing.Roots) -> list[NewFile]:
    """Returns what a datum has written into its output folder.

    Raises:
        Reported: Something in it cannot be stored.
    """
    with reporting("writing"):
        return capturing.in_folder(folder, roots)


def _stats(took: Took, store_s: float, files: Sequence[OutputFile]) -> bytes:
    return msgspec.msgpack.encode(
        {
            "fetch_s": took.fetch_s,
            "process_s": took.process_s,
            "store_s": store_s,
            "files_in": took.files_in,
            "bytes_in": took.bytes_in,
            "files_out": len(files),
            "bytes_out": sum(one.file.size for one in files),
        }
    )
