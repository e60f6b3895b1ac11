"""What can be wrong with a pipeline or one of its jobs."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from headwater.errors import AlreadyExists, Error, InvalidInput, NotFound, Refused, Unavailable, did_you_mean

TRAINING_REQUEST = "training request"
"""What a job that trains is called by whoever sent it."""

_SHOWN = 12


_LOG_CHARACTERS = 2_000


class InvalidSpec(InvalidInput):
    """A pipeline's spec cannot be used."""

    kind = "invalid-spec"


class PipelineNotFound(NotFound):
    """No pipeline has this name."""

    kind = "pipeline-not-found"

    def __init__(self, name: str, known: Iterable[str]) -> None:
        """Names the pipeline and those that exist."""
        none = "No pipeline has been created yet: `headwater pipeline create -f SPEC`."
        super().__init__(f"There is no pipeline {name!r}.", hint=did_you_mean(name, sorted(known), none=none))


class JobNotFound(NotFound):
    """No job has this id."""

    kind = "job-not-found"

    def __init__(self, job: str, what: str = "job", *, is_pipeline: bool = False) -> None:
        """Names the id, and what else was looked for under it; a pipeline is called so, perhaps."""
        group = "request" if what == TRAINING_REQUEST else "job"
        hint = f"`headwater {group} list` shows the {group}s there are, with their ids."
        if is_pipeline:
            hint = f"It is a pipeline: `headwater job list --pipeline {job}` shows its jobs, with their ids."
        super().__init__(f"There is no {what} {job!r}.", hint=hint)


class JobEnded(Refused):
    """A job was to be cancelled that has ended otherwise."""

    kind = "job-ended"

    def __init__(self, job: str, *, state: str, what: str = "job", covered_by: str | None = None) -> None:
        """Names the job, how it ended, and the one that it was taken together with."""
        group = "request" if what == TRAINING_REQUEST else "job"
        hint = f"`headwater {group} show {job[:_SHOWN]}` shows what became of it."
        if covered_by is not None:
            hint = (
                f"It was taken together with a newer one: `headwater {group} cancel {covered_by[:_SHOWN]}`."
            )
        super().__init__(f"The {what} {job} has ended already: {state}. Nothing was cancelled.", hint=hint)


class AmbiguousJob(InvalidInput):
    """Several jobs have ids that begin with what was written."""

    kind = "ambiguous-job"

    def __init__(self, beginning: str, jobs: Iterable[str]) -> None:
        """Names the beginning and some of the jobs."""
        super().__init__(
            f"Several jobs have ids that begin with {beginning!r}.",
            hint=f"Write more of the id: {', '.join(jobs)}.",
        )


class JobFailed(Error):
    """A job ended without a result."""

    kind = "job-failed"

    def __init__(
        self, job: str, message: str, *, hint: str = "", details: Sequence[dict[str, Any]] = ()
    ) -> None:
        """Names the job and what went wrong in it."""
        shown = hint or f"`headwater job show {job}` has the details; nothing was changed."
        super().__init__(message, hint=shown, details=details)
        self.job = job


class UnknownKind(InvalidSpec):
    """A pipeline is of a kind that this version does not know."""

    kind = "unknown-kind"

    def __init__(self, name: str, *, pipeline: str, known: Iterable[str]) -> None:
        """Names the kind, the pipeline and the kinds that are known."""
        super().__init__(
            f"The pipeline {pipeline!r} is of the kind {name!r}, which this worker does not know.",
            hint=f"Kinds here: {', '.join(sorted(known)) or 'none'}. Mend `kind`, or start a worker that knows it.",
        )


class SpecTooNew(Unavailable):
    """A stored spec says what this version of Headwater does not know; a newer one made it."""

    kind = "spec-too-new"

    def __init__(self, what: str) -> None:
        """Says what is not known."""
        from importlib.metadata import version

        own = version("headwater")
        super().__init__(
            f"Headwater {own} does not know {what}, so a newer version made this pipeline.",
            hint=f"Upgrade this machine: whatever runs the pipeline has to be newer than {own}.",
        )


class DatumTwice(InvalidSpec):
    """Two datums of one job are the same datum."""

    kind = "datum-twice"

    def __init__(self, first: str, second: str) -> None:
        """Names both by their labels."""
        super().__init__(
            f"The datums {first!r} and {second!r} see the same files and have the same part.",
            hint="Name each file in one datum, or give datums over the same files parts of their own.",
        )


class OutputCollision(InvalidInput):
    """Two datums of one job wrote the same path, or one a file where the other has a folder."""

    kind = "output-collision"

    def __init__(self, path: str, first: str, second: str, *, below: str | None = None) -> None:
        """Names the path and both datums; with `below`, `path` is the first one's file and the second's folder."""
        super().__init__(
            f"The datums {first!r} and {second!r} both wrote {path!r}."
            if below is None
            else f"The datum {first!r} wrote the file {path!r}, and {second!r} wrote {below!r} below it.",
            hint="Give each datum output paths of its own.",
        )


class DatumFailed(Error):
    """A datum of a job failed."""

    kind = "datum-failed"

    def __init__(
        self,
        label: str,
        *,
        kind: str,
        message: str,
        hint: str,
        details: Sequence[dict[str, Any]] = (),
        more: Mapping[str, Any] | None = None,
    ) -> None:
        """Names the datum and what its code reported; `more` is told of it beside that."""
        named = message if label in message else f"{shortened(label)}: {message}"
        super().__init__(
            named,
            hint=hint,
            details=[
                {"datum": label, "kind": kind, "message": message, "hint": hint, **(more or {})},
                *details,
            ],
        )
        self.label = label


class DatumsFailed(Error):
    """Several datums of a job failed; equal failures are told once, and `details` names some of each sort."""

    kind = "datums-failed"


class OfEveryDatum:
    """Marks errors that keep a pipeline's code from running at all, whatever the datum; some may pass by themselves."""

    passes = False


class JobCannotRun(Error):
    """No datum of a job can run: its image, command or function is not to be had."""

    kind = "job-cannot-run"

    def __init__(
        self, kind: str, message: str, *, hint: str, details: Sequence[dict[str, Any]] = (), log: bytes = b""
    ) -> None:
        """Says what the first datum met with; `log` is what was printed."""
        printed = log.decode(errors="replace")[-_LOG_CHARACTERS:]
        told = {"kind": kind, "message": message, "hint": hint, "log": printed}
        super().__init__(
            f"No datum can run: {message}",
            hint=f"{hint}\nNothing was tried again for each datum; what had succeeded before is kept.",
            details=[told, *details],
        )


class DatumInterrupted(Unavailable):
    """The machine kept a datum from its result; nothing is wrong with the datum, and it is tried again."""

    kind = "datum-interrupted"

    def __init__(self, label: str, *, message: str, hint: str) -> None:
        """Names the datum and what the machine said."""
        super().__init__(f"{shortened(label)} could not be computed: {message}", hint=hint)
        self.label = label


class Lost(Exception):
    """The job was ended by somebody else, such as by a cancellation: stop, and change nothing more of it."""


def shortened(label: str, most_bytes: int = 200) -> str:
    """Returns a datum's label for a sentence or a record, cut where it is too long."""
    encoded = label.encode()
    if len(encoded) <= most_bytes:
        return label
    return encoded[: most_bytes - 3].decode(errors="ignore") + "…"


class JobTimedOut(Error):
    """A job has taken longer than its spec allows."""

    kind = "job-timed-out"

    def __init__(self, job: str) -> None:
        """Names the job."""
        super().__init__(
            f"Job {job} has taken longer than `job_timeout` allows, and was ended.",
            hint="What its datums have produced so far is remembered; raise `job_timeout`, or split the work.",
        )


class InputFailed(Error):
    """A job cannot run, because one that makes an input of it has failed, was cancelled or is blocked itself."""

    kind = "input-failed"

    def __init__(self, job: str, *, pipeline: str, how: str) -> None:
        """Names the job upstream, its pipeline and how it ended."""
        ended = {"cancelled": "was cancelled", "blocked": "is blocked"}.get(how, "failed")
        super().__init__(
            f"Job {job} of the pipeline {pipeline!r} {ended}, and this one reads its output.",
            hint=f"`headwater job show {job}` says more. The next job of {pipeline!r} that succeeds starts this one anew;"
            f" `headwater pipeline rerun {pipeline}` makes one.",
        )


class InputTooLong(InvalidInput):
    """The paths of a datum do not fit into the index of a join or group."""

    kind = "input-too-long"

    def __init__(self, label: str, *, size: int, most: int) -> None:
        """Names the datum and how much there would be to keep of it."""
        super().__init__(
            f"{shortened(label)} cannot be joined or grouped: its paths make {size:,} bytes, more than {most:,}.",
            hint="Give the files shorter paths, or combine fewer inputs below the join or group.",
        )


class InvalidSchedule(InvalidSpec):
    """A schedule says no moments."""

    kind = "invalid-schedule"

    def __init__(self, text: str, *, why: str) -> None:
        """Names the text and what is wrong with it."""
        super().__init__(
            f"{text!r} cannot be a schedule: {why}.",
            hint="Write `0 3 * * *` (daily at three, UTC), `@hourly`, `@daily`, `@every 10m`, or `never`.",
        )


class InvalidTrigger(InvalidSpec):
    """A branch cannot follow another one as asked."""

    kind = "invalid-trigger"

    def __init__(self, branch: str, *, why: str, hint: str) -> None:
        """Names the branch, why it cannot, and what to do."""
        super().__init__(f"{branch} cannot follow a branch so: {why}.", hint=hint)


class SecretMissing(InvalidInput):
    """A secret that a spec names is not where its jobs run."""

    kind = "secret-missing"

    def __init__(self, name: str, reference: str) -> None:
        """Names the secret and where it was looked for; never its value."""
        super().__init__(
            f"The secret {name!r} is not here: {reference} is not set, or is empty.",
            hint="Set it where the worker runs, and start the worker anew.",
        )


class DatumNotFound(NotFound):
    """A job has no such datum."""

    kind = "datum-not-found"

    def __init__(self, key: str, *, job: str) -> None:
        """Names the key and the job."""
        super().__init__(
            f"Job {job} has no datum {key!r}, or what it saw is there no more.",
            hint=f"`headwater job datums {job} --all` lists those it has.",
        )


class AmbiguousDatum(InvalidInput):
    """Several datums' keys begin as was given."""

    kind = "ambiguous-datum"

    def __init__(self, key: str, candidates: Sequence[str]) -> None:
        """Names the beginning, and some that it may mean."""
        super().__init__(
            f"Several datums begin with {key!r}.", hint=f"Give more digits: {', '.join(candidates)}."
        )


class PipelineExists(AlreadyExists):
    """There is a pipeline of this name."""

    kind = "pipeline-exists"

    def __init__(self, name: str) -> None:
        """Names the pipeline."""
        super().__init__(
            f"There is a pipeline {name!r} already.",
            hint="`headwater pipeline update` gives it a new version; or choose another name.",
        )


class PipelineInUse(Refused):
    """A pipeline was to be deleted whose output, or whose ticks, others read."""

    kind = "pipeline-in-use"

    def __init__(self, name: str, readers: Mapping[str, Iterable[str]]) -> None:
        """Names the pipeline, and who reads each of its repos."""
        read = ", ".join(
            f"{repo!r} is read by {', '.join(map(repr, names))}" for repo, names in readers.items()
        )
        super().__init__(
            f"The pipeline {name!r} cannot be deleted: its repo {read}.",
            hint=f"Delete or change those first; `headwater pipeline delete {name} --force` leaves them what they read.",
        )


class PipelinePaused(Refused):
    """A paused pipeline was to run."""

    kind = "pipeline-paused"

    def __init__(self, name: str) -> None:
        """Names the pipeline."""
        super().__init__(
            f"The pipeline {name!r} is paused.", hint=f"`headwater pipeline resume {name}` lets it go on."
        )


class JobHeldUp(Refused):
    """A job is waited for that cannot begin, for a pipeline is paused."""

    kind = "job-held-up"

    def __init__(self, job: str, *, pipeline: str, paused: Sequence[str]) -> None:
        """Names the job, its pipeline, and those that are paused."""
        if list(paused) == [pipeline]:
            why = "that pipeline is paused"
        else:
            why = f"it waits for {', '.join(repr(one) for one in paused)}, which {'are' if len(paused) > 1 else 'is'} paused"
        super().__init__(
            f"The job {job} of the pipeline {pipeline!r} cannot begin: {why}.",
            hint="\n".join(
                f"`headwater pipeline resume {one}` lets it go on; then wait again." for one in paused
            ),
            details=[{"paused": one} for one in paused],
        )


class InvalidRun(InvalidInput):
    """A pipeline cannot be run as asked."""

    kind = "invalid-run"
