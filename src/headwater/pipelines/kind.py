"""What a kind of pipeline brings: how its spec becomes datums, and what its result means.

The engine knows keys, memo, ownership, commit sets and transactions. A kind
(training is one) knows what to compute. They meet in the protocol here; the
engine calls it, never the reverse, and hands it values, not tables.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from sqlalchemy import Connection

from headwater.api.documents import Provenance
from headwater.ids import CommitId, JobId, SetId
from headwater.pipelines.spec import PipelineSpec
from headwater.repos import Commit, View
from headwater.storage import MapTree, Pointer, PortableFile, Writer

Cause = Literal["request", "commit", "schedule"]


@dataclass(frozen=True, slots=True)
class DatumInput:
    """One file or folder that a datum's code sees; that of a `reference` input changes no memo key.

    `hash` is that of a file's content, with an `x` behind it where the file may
    be run, or a folder's digest; `leaf` is the place of the input in the spec.
    `file` is given where the bytes are not to be looked up in the view of that
    leaf.
    """

    input: str
    repo: str
    branch: str
    path: str
    hash: bytes
    file: PortableFile | None = None
    reference: bool = False
    leaf: int = 0
    is_folder: bool = False
    size: int = 0


@dataclass(frozen=True, slots=True)
class Members:
    """All that a group holds, without holding it.

    `name` are the fields that say which group of the pipeline it is, `digest`
    says what the code sees of it (reference inputs left out); `each` yields it.
    """

    name: tuple[bytes, ...]
    digest: bytes
    count: int
    size: int
    each: Callable[[], Iterator[DatumInput]]


@dataclass(frozen=True, slots=True)
class Datum:
    """The smallest unit of work: what its code sees, a call, and what the result depends on.

    `part` tells datums over the same files apart (one target of several).
    `identity` is what, beside the inputs, changes the result; `code` is the
    digest of the code and packages that compute it. `locator` is what the
    planner that made it finds it by again, in this commit or a later one.
    """

    label: str
    inputs: tuple[DatumInput | Members, ...]
    call: str
    params: bytes
    identity: bytes
    code: str
    part: str = ""
    locator: bytes = b""


class DatumChange(NamedTuple):
    """A datum that is new or may differ from what it was, or, without one, the key of a datum that is no more."""

    key: bytes
    datum: Datum | None


@dataclass(frozen=True)
class PlanBase:
    """What the last attempted job read, by the place of each input in the spec, and the index it left."""

    views: Sequence[View]
    index: MapTree


class Planner(Protocol):
    """Says which datums there are, and which of them may have changed.

    Every planner promises:
    - It depends on the commits that it was made for alone, and reads as little
      of them as its answer needs; `changes` costs O(changes · log n).
    - `every` and `changes` yield each datum key once, and do not hold all of
      what they yield. A planner is asked for one of them; it may be asked again,
      beside an answer that is still being read, and does not prepare twice.
    """

    def every(self) -> Iterator[Datum]:
        """Yields all datums of the job."""
        ...

    def changes(self) -> Iterator[DatumChange]:
        """Yields what differs from the base; whoever asks made sure that there is one.

        What differs in a reference input's contents only is left out.
        """
        ...

    def find(self, locator: bytes) -> Datum | None:
        """Returns a datum again, as it is in the job's commits; none where it is no more."""
        ...

    def index(self) -> MapTree | None:
        """Returns the index that the next job plans from, after `every` or `changes` was used up; none for none."""
        ...


@dataclass(frozen=True)
class StoredCode:
    """The code of a pipeline's version: the root of its file tree, its fingerprint, and what it ran on."""

    root: Pointer | None
    fingerprint: str
    environment: Mapping[str, str]


@dataclass(frozen=True)
class JobView:
    """A job as its kind sees it: the spec, the inputs at their commits, and what came before.

    `inputs` and `views` are by the inputs' names, `leaves` by their places in
    the spec. `commit` is the one that its result becomes. `previous` is the
    last finished output commit. `memory` is what the kind has kept with this
    job, `attempted` with the job that ran before it; `attempted_inputs` are
    the commits that one read, and `attempted_state` says how it ended.
    """

    id: JobId
    pipeline: str
    spec: PipelineSpec
    set_id: SetId
    cause: Cause
    inputs: Mapping[str, Commit]
    views: Mapping[str, View]
    previous: Commit | None
    memory: dict[str, Any] = field(default_factory=dict)
    attempted: dict[str, Any] = field(default_factory=dict)
    attempted_state: str | None = None
    attempted_inputs: Mapping[str, Commit] = field(default_factory=dict)
    leaves: tuple[View, ...] = ()
    code: StoredCode | None = None
    commit: str = ""


@dataclass(frozen=True)
class Due:
    """Whether a job has to run; `memory` is kept with the job either way."""

    run: bool
    note: str = ""
    memory: Mapping[str, Any] = field(default_factory=dict)


class Kind(Protocol):
    """One kind of pipeline.

    Every kind promises:
    - `planner` and `closing` depend on their arguments alone: a second
      coordinator, after the first one died, gets the same keys.
    - What happens in `claimed` and `finished` goes through the given
      connection only, so that it is undone with the transaction.
    """

    name: str
    tries_again: bool
    """Whether what a datum's code reports as its failure may be otherwise the next time."""
    looks_back: bool
    """Whether it asks for the job that ran before; only then that is looked up."""

    def due(self, job: JobView) -> Due:
        """Decides whether the job has to run at all."""
        ...

    def planner(self, job: JobView, base: PlanBase | None, writer: Writer) -> Planner:
        """Returns what says which datums there are; it writes its index with the writer."""
        ...

    def recipe(self, job: JobView) -> bytes:
        """Returns what all datum sets of the job are run by, for the call that runs them."""
        ...

    def digest(self, job: JobView) -> str | None:
        """Returns what must be equal for the inputs' difference to say all that may have changed; none for never."""
        ...

    def claimed(self, conn: Connection, job: JobView) -> Mapping[str, Any]:
        """Takes from the catalog what the closing datum needs; kept with the job, so asked for once."""
        ...

    def closing(self, job: JobView) -> Datum | None:
        """Returns the datum that sees all others' outputs as the input `parts`, or none."""
        ...

    def seal(self, written: Mapping[str, bytes]) -> Mapping[str, bytes]:
        """Returns files to add to the closing datum's output, given its small files."""
        ...

    def provenance(self, job: JobView) -> list[Provenance]:
        """Returns what the output commit names beside its input commits."""
        ...

    def message(self, job: JobView) -> str:
        """Returns the message of the output commit."""
        ...

    def unchanged(self, job: JobView) -> str:
        """Returns the note on a job whose result is there already."""
        ...

    def finished(self, conn: Connection, job: JobView, commit: CommitId) -> str:
        """Records what the finished commit means, in the finishing transaction; returns a note on it."""
        ...


class Listed:
    """What kinds share whose datums are so few that each job lists them all."""

    tries_again = False
    looks_back = True

    @abstractmethod
    def datums(self, job: JobView) -> Iterable[Datum]:
        """Returns the datums of the job."""

    def planner(self, job: JobView, base: PlanBase | None, writer: Writer) -> Planner:  # noqa: ARG002 - needs neither
        """Returns a planner over the list."""
        return ListPlanner(self.datums(job))

    def recipe(self, job: JobView) -> bytes:  # noqa: ARG002 - each datum's parameters say it
        """Returns nothing: a datum's parameters say how it is run."""
        return b""

    def digest(self, job: JobView) -> str | None:  # noqa: ARG002 - for no job
        """Returns none: what may have changed is found by listing."""
        return None


class ListPlanner:
    """The planner over a list of datums; see `Planner`, but that it holds them: there are few."""

    def __init__(self, datums: Iterable[Datum]) -> None:
        """Takes the list, which may be made when it is asked for."""
        self._datums = datums

    def every(self) -> Iterator[Datum]:
        """Yields the list."""
        if not isinstance(self._datums, list):
            self._datums = list(self._datums)
        return iter(self._datums)

    def changes(self) -> Iterator[DatumChange]:
        """Yields nothing, and is never asked: there is no digest."""
        return iter(())

    def find(self, locator: bytes) -> Datum | None:  # noqa: ARG002 - a list has no locators
        """Finds nothing."""
        return None

    def index(self) -> MapTree | None:
        """Keeps no index."""
        return None
