"""What a job says of its failed datums: each with its input files and the end of its log."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from headwater.errors import Error
from headwater.pipelines.engine.payload import each_input
from headwater.pipelines.engine.plan import Step
from headwater.pipelines.errors import DatumFailed, DatumsFailed, shortened
from headwater.pipelines.kind import Datum
from headwater.pipelines.sets import DatumResult

_NAMED = 20
_INPUTS = 20
_LOG_LINES, _LOG_CHARACTERS = 20, 2_000


class Failures:
    """The failed datums of a job: all are counted, the first ones named."""

    def __init__(self) -> None:
        """Begins with none."""
        self.count = 0
        self._named: list[tuple[str, bytes, DatumFailed]] = []

    def add(self, step: Step, result: DatumResult) -> None:
        """Takes a datum that has failed for good."""
        self.count += 1
        if len(self._named) >= _NAMED:
            return
        told = result.error
        assert told is not None, "a failed datum says why"
        label = shortened(step.datum.label)
        more = {
            "key": step.key.hex(),
            "inputs": list(islice(inputs_of(step), _INPUTS)),
            "log": log_end(result.log),
        }
        one = DatumFailed(
            label, kind=told.kind, message=told.message, hint=told.hint, details=told.details, more=more
        )
        self._named.append((step.datum.label, step.key, one))

    def error(self) -> Error:
        """Returns the error that the job ends with."""
        named = [one for _, _, one in sorted(self._named, key=lambda found: found[:2])]
        if self.count == 1:
            return named[0]
        lines = [one.message for one in named]
        if self.count > len(named):
            lines.append(f"… and {self.count - len(named):,} datums more.")
        hint = "\n".join(dict.fromkeys(one.hint for one in named))
        return DatumsFailed(
            "\n".join(lines), hint=hint, details=[detail for one in named for detail in one.details]
        )


def inputs_of(step: Step) -> Iterator[str]:
    """Yields what a step's code sees, as refs that people may type."""
    return inputs_of_datum(step.datum)


def inputs_of_datum(datum: Datum) -> Iterator[str]:
    """Yields what a datum's code sees, as refs that people may type."""
    for one in each_input(datum):
        where = f"{one.repo}@{one.branch}:" if one.repo else ""
        yield f"{where}/{one.path.lstrip('/')}"


def log_end(log: bytes) -> str:
    """Returns the last lines of what a datum's code printed."""
    text = log.decode(errors="replace")[-_LOG_CHARACTERS:]
    return "\n".join(text.splitlines()[-_LOG_LINES:])


def told(error: Error) -> dict[str, Any]:
    """Returns an error as a job keeps it."""
    return {"kind": error.kind, "message": error.message, "hint": error.hint, "details": error.details}
