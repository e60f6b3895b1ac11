"""What can be wrong with a pipeline or one of its jobs."""

from collections.abc import Iterable, Sequence
from typing import Any

from headwater.errors import Error, InvalidInput, NotFound, Unavailable


class InvalidSpec(InvalidInput):
    """A pipeline's spec cannot be used."""

    kind = "invalid-spec"


class PipelineNotFound(NotFound):
    """No pipeline has this name."""

    kind = "pipeline-not-found"

    def __init__(self, name: str, known: Iterable[str]) -> None:
        """Names the pipeline and those that exist."""
        names = ", ".join(sorted(known)) or "none"
        super().__init__(f"There is no pipeline {name!r}.", hint=f"Pipelines here: {names}.")


class JobNotFound(NotFound):
    """No job has this id."""

    kind = "job-not-found"

    def __init__(self, job: str) -> None:
        """Names the id."""
        super().__init__(
            f"There is no job {job!r}.", hint="`headwater request list` shows the jobs there are."
        )


class JobFailed(Error):
    """A job ended without a result."""

    kind = "job-failed"

    def __init__(
        self, job: str, message: str, *, hint: str = "", details: Sequence[dict[str, Any]] = ()
    ) -> None:
        """Names the job and what went wrong in it."""
        shown = hint or f"`headwater request show {job}` has the details; nothing was changed."
        super().__init__(message, hint=shown, details=details)
        self.job = job


class UnknownKind(InvalidSpec):
    """A pipeline is of a kind that this worker does not know."""

    kind = "unknown-kind"

    def __init__(self, name: str, *, pipeline: str, known: Iterable[str]) -> None:
        """Names the kind, the pipeline and the kinds that are known."""
        super().__init__(
            f"The pipeline {pipeline!r} is of the kind {name!r}, which this worker does not know.",
            hint=f"Kinds here: {', '.join(sorted(known)) or 'none'}. Mend `kind`, or start a worker that knows it.",
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
        self, label: str, *, kind: str, message: str, hint: str, details: Sequence[dict[str, Any]] = ()
    ) -> None:
        """Names the datum and what its code reported."""
        named = message if label in message else f"{shortened(label)}: {message}"
        super().__init__(
            named,
            hint=hint,
            details=[{"datum": label, "kind": kind, "message": message, "hint": hint}, *details],
        )
        self.label = label


class DatumsFailed(Error):
    """Several datums of a job failed; `details` names each."""

    kind = "datums-failed"


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
