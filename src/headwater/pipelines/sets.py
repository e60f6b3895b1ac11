"""What a coordinator hands to a worker process, and what comes back: datum sets.

A datum set is the unit of work that is handed out, and lost, and tried again
as a whole; results are counted by datum. What several datums of a set see (a
model, say) stands in the payload once. Everything a set needs rides in its
payload or lies in the object store under names that the payload gives, so it
may run on any machine and twice.
"""

from typing import Any, Literal

import msgspec

from headwater.pipelines.spec import Transform
from headwater.storage import OutputFile, PortableFile, Reservation, WrittenSegment

SetState = Literal["succeeded", "recovered", "failed", "not-run"]


class CallError(msgspec.Struct, frozen=True):
    """What kept a datum from a result.

    `stage` says where it happened: before the user's code, in it, or after it.
    One of the `machine` (a full disk, a store that does not answer) says
    nothing about the datum, which may be tried again. Neither does one whose
    `scope` is the job: it holds for every datum, always or at least for now.
    """

    kind: str
    message: str
    hint: str
    details: list[dict[str, Any]]
    stage: Literal["reading", "function", "writing"] = "function"
    machine: bool = False
    scope: Literal["datum", "job", "job-for-now"] = "datum"


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """What datums see of one input: a matched file, or a folder with all files below it.

    Paths are whole paths in the repo, without a slash in front. `leaf` is the
    place of the input in the spec.
    """

    leaf: int
    input: str
    path: str
    is_folder: bool
    files: tuple[tuple[str, PortableFile], ...]
    lazy: bool = False
    empty: bool = False


class DatumCall(msgspec.Struct, frozen=True, array_like=True):
    """One datum of a set: which pieces it sees, by their numbers, and whether this is its last try."""

    key: bytes
    label: str
    pieces: tuple[int, ...]
    params: bytes = b""
    is_last_try: bool = True


class LiveSpot(msgspec.Struct, frozen=True, array_like=True):
    """Where a set that takes its time shows what its code has printed, and how long it waits before it does so again.

    Each object has a key of its own: this one, a dot, and a number that grows.
    """

    key: str
    every_s: float


class LiveLog(msgspec.Struct, frozen=True, array_like=True):
    """What the datums in hand, one or a batch, have printed so far: whole lines, without the values of secrets.

    Where that is long, its beginning is missing: `start` is how many bytes
    were before `text`. `run` tells apart what a set printed for one call of
    the code and for another; within one, only more is added at the end.
    """

    datums: tuple[tuple[bytes, str], ...]
    run: int
    start: int
    text: bytes


class SetPayload(msgspec.Struct, frozen=True):
    """Everything that one datum set needs; `recipe` belongs to the kind of the pipeline."""

    store: str
    recipe: bytes
    pieces: tuple[Piece, ...]
    datums: tuple[DatumCall, ...]
    reservation: Reservation
    live: LiveSpot | None = None


class DatumResult(msgspec.Struct, frozen=True, array_like=True):
    """What came of one datum: its output files in the order of paths, or an error.

    `stats` is a map text → value as msgpack. `log` is what the code printed,
    shortened in the middle where it is long. A datum that was `not-run` is to
    be handed out again.
    """

    key: bytes
    state: SetState
    files: tuple[OutputFile, ...] = ()
    stats: bytes = b""
    error: CallError | None = None
    log: bytes = b""


class SetResult(msgspec.Struct, frozen=True):
    """What came of a datum set: a result for each of its datums, and the segments that became objects."""

    results: tuple[DatumResult, ...]
    segments: tuple[WrittenSegment, ...] = ()


class Recipe(msgspec.Struct, frozen=True):
    """How a transform runs its datums: the same for all sets of a job.

    `code` holds the stored files of its code under the fingerprint
    `code_hash`; `secrets` are resolved values, never to be written anywhere.
    `variables` are what the code is told of its job (`HEADWATER_JOB`,
    `HEADWATER_PIPELINE`, `HEADWATER_OUTPUT_COMMIT`, `<INPUT>_COMMIT`);
    `memory` limits one datum, in bytes, 0 by what the machine has; `cpu` is how
    many cores the spec asks for, and `gpu` how many GPUs, 0 where it does not.
    `image_id` is the image that `code_hash` tells, which the name in the
    transform may mean no longer; empty where only the name was known.
    """

    transform: Transform
    inputs: tuple[str, ...]
    code_hash: str
    code: tuple[tuple[str, PortableFile], ...]
    variables: dict[str, str]
    secrets: dict[str, str]
    datum_timeout_s: float | None = None
    memory: int = 0
    cpu: float = 0
    gpu: float = 0
    image_id: str = ""

    @property
    def threads(self) -> int:
        """How many threads numeric libraries get: one for each core that the spec asks for."""
        return max(1, round(self.cpu))
