"""What a kind of pipeline brings: how its spec becomes datums, and what its result means.

The engine knows keys, memo, ownership, commit sets and transactions. A kind
(training is one) knows what to compute. They meet in the protocol here; the
engine calls it, never the reverse, and hands it values, not tables.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from sqlalchemy import Connection

from headwater.api.documents import Provenance
from headwater.ids import CommitId, JobId, SetId
from headwater.pipelines.spec import PipelineSpec
from headwater.repos import Commit, View
from headwater.storage import PortableFile

Cause = Literal["request", "commit", "schedule"]


@dataclass(frozen=True)
class DatumInput:
    """One file that a datum's code sees, as `<input>/<path>`; that of a `reference` input changes no memo key."""

    input: str
    repo: str
    branch: str
    path: str
    hash: bytes
    file: PortableFile
    reference: bool = False


@dataclass(frozen=True)
class Datum:
    """The smallest unit of work: some files, a call, and what the result depends on.

    `part` tells datums over the same files apart (one target of several).
    `identity` is what of `params` changes the result; `code` is the digest of
    the code and packages that compute it.
    """

    label: str
    inputs: tuple[DatumInput, ...]
    call: str
    params: bytes
    identity: bytes
    code: str
    part: str = ""


@dataclass(frozen=True)
class JobView:
    """A job as its kind sees it: the spec, the inputs at their commits, and what came before.

    `previous` is the last finished output commit. `memory` is what the kind
    has kept with this job, `attempted` with the job that ran before it;
    `attempted_inputs` are the commits that one read, and `attempted_state`
    says how it ended.
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


@dataclass(frozen=True)
class Due:
    """Whether a job has to run; `memory` is kept with the job either way."""

    run: bool
    note: str = ""
    memory: Mapping[str, Any] = field(default_factory=dict)


class Kind(Protocol):
    """One kind of pipeline.

    Every kind promises:
    - `datums` and `closing` depend on their arguments alone: a second
      coordinator, after the first one died, gets the same keys.
    - What happens in `claimed` and `finished` goes through the given
      connection only, so that it is undone with the transaction.
    """

    name: str

    def due(self, job: JobView) -> Due:
        """Decides whether the job has to run at all."""
        ...

    def datums(self, job: JobView) -> Iterable[Datum]:
        """Returns the datums of the job."""
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
