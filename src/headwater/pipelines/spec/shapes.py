"""What a spec consists of, as values: inputs, the transform, and how it runs.

A spec says what goes in, what makes the result and which branch of which repo
the result becomes. Its canonical bytes decide whether an update is a new
version of the pipeline. Durations are seconds and sizes bytes here; how people
may write them is the readers' business.
"""

from typing import Annotated, Any, Literal

import msgspec

from headwater.pipelines.errors import InvalidSpec, SpecTooNew

Reprocess = Literal["on_code_change", "until_success", "every_job"]
Count = Annotated[int, msgspec.Meta(ge=0)]
Seconds = Annotated[float, msgspec.Meta(gt=0)]


class BranchTrigger(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """When a branch follows another one: after so many commits or bytes, or by a schedule; any of them, or all."""

    branch: str
    commits: Count = 0
    size: Count = 0
    cron: str = ""
    all: bool = False


class FilesInput(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag="files",
    tag_field="input",
):
    """Files and folders of one repo that match a glob, each one datum, read at a branch's head or a fixed commit.

    A `reference` input is seen by the code but is not part of a result's
    identity: a change in it recomputes nothing. `join_on` and `group_by` name
    what the glob captured, as `$1` and so on. With `lazy` a file's bytes are
    fetched when the code opens it; with `empty_files` only names are given.
    """

    name: str
    repo: str
    branch: str = "main"
    glob: str = "/"
    commit: str | None = None
    reference: bool = False
    lazy: bool = False
    empty_files: bool = False
    join_on: str = ""
    outer_join: bool = False
    group_by: str = ""
    trigger: BranchTrigger | None = None


class CronInput(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag="cron", tag_field="input"
):
    """A clock as an input: each tick commits a file, named by its time, to a repo of the pipeline's own.

    With `overwrite` only the last tick is there, so that each is one changed
    datum's worth of work. `start` is where ticks are counted from (RFC 3339).
    """

    name: str
    schedule: str
    repo: str
    start: str = ""
    overwrite: bool = False

    def files(self) -> FilesInput:
        """Returns the input as the files that its ticks are."""
        return FilesInput(name=self.name, repo=self.repo, glob="/*")


class CrossInput(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag="cross",
    tag_field="input",
):
    """A datum for each combination of one datum of every input."""

    of: tuple["Input", ...]


class UnionInput(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag="union",
    tag_field="input",
):
    """The datums of all inputs, one after the other."""

    of: tuple["Input", ...]


class JoinInput(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag="join", tag_field="input"
):
    """A datum for each combination of datums whose `join_on` is equal.

    What has no match is left out, unless its own input has `outer_join`.
    """

    of: tuple["Input", ...]


class GroupInput(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag="group",
    tag_field="input",
):
    """One datum for all that has the same `group_by`, across the inputs."""

    of: tuple["Input", ...]


Input = FilesInput | CronInput | CrossInput | UnionInput | JoinInput | GroupInput


class OutputSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the result goes."""

    repo: str
    branch: str = "main"


class Transform(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What makes a result of a datum: a Python function or a command, the latter in an image where one is named.

    `function` and `setup` are `module:name` inside the stored code; `setup`
    runs once per worker process. A function gets up to `batch` datums per
    call. `stdin` are lines for the command; exit statuses in `accept` count as
    success beside 0. `recovery` runs where a datum has failed: if it ends with
    0, the job goes on without that datum's output. `env` is part of what a
    result depends on, `secrets` (name → `env:NAME` or `file:PATH`) is not.
    `packages` are distributions whose versions count as code; `code` is the
    folder that was stored, as it was written, for people to read.
    """

    function: str = ""
    setup: str = ""
    batch: Annotated[int, msgspec.Meta(ge=1)] = 1
    command: tuple[str, ...] = ()
    stdin: tuple[str, ...] = ()
    accept: tuple[int, ...] = ()
    image: str = ""
    recovery: tuple[str, ...] = ()
    recovery_stdin: tuple[str, ...] = ()
    env: dict[str, str] = {}
    secrets: dict[str, str] = {}
    packages: tuple[str, ...] = ()
    code: str = ""
    working_folder: str = ""


class DatumSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How many datums a worker takes at once: so many, so many bytes of input, or that many shares per worker."""

    number: Count = 0
    size: Count = 0
    per_worker: Count = 0


class Resources(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What one datum may use: cores and GPUs place it, `memory` (bytes) also limits it."""

    cpu: Annotated[float, msgspec.Meta(ge=0)] = 0
    memory: Count = 0
    gpu: Annotated[float, msgspec.Meta(ge=0)] = 0


class Egress(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where a finished output is copied to: a folder, a bucket, or tables of a database.

    `url` is a folder, `s3://…`, or a database's; the latter may be a secret,
    `env:NAME` or `file:PATH`. For tables, `format` says what the files are,
    and `columns` is their order where a file has no header.
    """

    url: str
    format: Literal["", "csv", "json", "parquet"] = ""
    columns: tuple[str, ...] = ()


class Spout(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A producer that runs for ever and commits what it has made; `overwrite` replaces what was there."""

    overwrite: bool = False


class Service(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A process that answers on a port of this machine, started anew with each new input commit."""

    port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 0


class PipelineSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A pipeline: inputs, what is made of them, and where the result goes.

    `follow` starts a job whenever an input branch gets a commit. At most
    `parallelism` datums run at once, 0 leaving that to the executor;
    `datum_tries` counts how often a datum is tried. What code a result was
    made with is part of what it depends on only with `on_code_change`; with
    `every_job` nothing is remembered. Without `coalesce` every commit gets a
    job of its own. Only the kind reads `parameters`; kinds are `transform`,
    `spout`, `service` and those of the floors above.
    """

    name: str
    kind: str
    input: Input | None
    output: OutputSpec
    parameters: dict[str, Any] = {}
    transform: Transform | None = None
    reprocess: Reprocess = "on_code_change"
    parallelism: Count = 0
    datum_tries: Annotated[int, msgspec.Meta(ge=1)] = 3
    datum_timeout_s: Seconds | None = None
    job_timeout_s: Seconds | None = None
    datum_set: DatumSet | None = None
    resources: Resources | None = None
    egress: Egress | None = None
    spout: Spout | None = None
    service: Service | None = None
    follow: bool = True
    coalesce: bool = True
    priority: int = 0
    description: str = ""
    metadata: dict[str, str] = {}

    def canonical(self) -> bytes:
        """Returns the bytes that equal specs share: JSON with sorted keys, without what is as by default."""
        return msgspec.json.encode(self, order="sorted")

    def inputs(self) -> tuple[FilesInput, ...]:
        """Returns the leaves of the input, in the order in which they are written; a leaf is known by its place."""
        return () if self.input is None else tuple(leaves_of(self.input))


def leaves_of(node: Input) -> list[FilesInput]:
    """Returns the leaves below a node of an input, in order; a clock counts as the files that its ticks are."""
    if isinstance(node, FilesInput):
        return [node]
    if isinstance(node, CronInput):
        return [node.files()]
    return [leaf for child in node.of for leaf in leaves_of(child)]


def read_spec(data: bytes) -> PipelineSpec:
    """Returns the spec that `canonical` wrote.

    Raises:
        InvalidSpec: The bytes are not a spec.
        SpecTooNew: They have a field or a word that this version does not know.
    """
    try:
        return msgspec.json.decode(data, type=PipelineSpec)
    except msgspec.ValidationError as error:
        raise SpecTooNew(f"a part of its spec ({error})") from None
    except msgspec.DecodeError as error:
        raise InvalidSpec(
            f"A stored pipeline spec cannot be read: {error}.", hint="Submit it again."
        ) from None
