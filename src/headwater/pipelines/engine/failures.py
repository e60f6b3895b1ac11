"""What a job says of its failed datums: equal failures as one, with their input files and the end of their logs.

Ten thousand rows without a column are one mistake. Failures are equal where
kind and message are, but for numbers, paths and the datum's own name; and
where many differ in more than that, those that were raised at one place. So
what is held and said is bounded, however many fail; each of them stands in
the job's trees.
"""

import re
from collections.abc import Iterator
from heapq import nsmallest
from itertools import islice
from typing import Any

from headwater.errors import Error
from headwater.pipelines.engine.payload import each_input
from headwater.pipelines.engine.plan import Step
from headwater.pipelines.errors import DatumFailed, DatumsFailed, shortened
from headwater.pipelines.kind import Datum
from headwater.pipelines.sets import CallError, DatumResult

_GROUPS, _OF_ONE_PLACE = 20, 3
_EXAMPLES = 3
_INPUTS = 20
_LOG_LINES, _LOG_CHARACTERS = 20, 2_000
_MESSAGE_CHARACTERS = 1_000  # of each of several
# Looked for where words begin only, or a long word would be gone through once for each of its letters.
_PATHS = re.compile(r"(?<![^\s'\"()=,])[^\s'\"()=,]*/[^\s'\"(),]+")
_HASHES = re.compile(r"\b(?=[0-9a-f]*\d)[0-9a-f]{8,}\b")
_NUMBERS = re.compile(r"\d+(?:[.,]\d+)*")
_PLACE = re.compile(r"\([^()\s]+:\d+\)$")
_Name = tuple[str, str]
_Example = tuple[str, bytes, DatumFailed]


class _Group:
    """Failures that are equal: how many, and those whose datums come first by name."""

    def __init__(self, place: _Name) -> None:
        self.place, self.count = place, 0
        self.examples: list[_Example] = []

    def add(self, count: int, examples: list[_Example]) -> None:
        self.count += count
        self.examples = nsmallest(_EXAMPLES, [*self.examples, *examples], key=lambda one: one[:2])

    @property
    def first(self) -> _Example:
        return self.examples[0]

    def line(self) -> str:
        """Returns what is said of them."""
        error = self.first[2]
        if self.count == 1:
            return error.message
        names = [shortened(label) for label, _, _ in self.examples]
        more = ", …" if self.count > len(names) else ""
        message = str(error.details[0]["message"])
        if len(message) > _MESSAGE_CHARACTERS:
            message = f"{message[:_MESSAGE_CHARACTERS]}…"
        return f"{self.count:,} datums: {message.rstrip('.')}, e.g. {', '.join(names)}{more}"


class Failures:
    """The failed datums of a job: all are counted, a few of each sort named."""

    def __init__(self) -> None:
        """Begins with none."""
        self.count = 0
        self._groups: dict[_Name, _Group] = {}
        self._gathered: set[_Name] = set()  # places of which all failures count as equal
        self._others = 0

    def add(self, step: Step, result: DatumResult) -> None:
        """Takes a datum that has failed for good."""
        self.count += 1
        told = result.error
        assert told is not None, "a failed datum says why"
        name, place = _names(told, step.datum.label)
        if place in self._gathered:
            name = place
        group = self._groups.get(name) or self._new(name, place)
        if group is None:
            self._others += 1
            return
        is_shown = len(group.examples) < _EXAMPLES or (step.datum.label, step.key) < group.examples[-1][:2]
        group.add(1, [_example(step, result, told)] if is_shown else [])

    def error(self) -> Error:
        """Returns the error that the job ends with."""
        groups = sorted(self._groups.values(), key=lambda one: (-one.count, one.first[:2]))
        if self.count == 1:
            return groups[0].first[2]
        lines = [one.line() for one in groups]
        if self._others:
            lines.append(f"… and {self._others:,} datums more, which failed otherwise.")
        named = [example for group in groups for _, _, example in group.examples]
        hint = "\n".join(dict.fromkeys(one.first[2].hint for one in groups))
        return DatumsFailed(
            "\n".join(lines), hint=hint, details=[detail for one in named for detail in one.details]
        )

    def _new(self, name: _Name, place: _Name) -> _Group | None:
        """Begins a group; where there are several of one place already, they become one first."""
        alike = [key for key, one in self._groups.items() if one.place == place]
        if len(alike) >= _OF_ONE_PLACE:
            self._gathered.add(place)
            whole = _Group(place)
            for key in alike:
                one = self._groups.pop(key)
                whole.add(one.count, one.examples)
            name = place
            self._groups[name] = whole
        elif len(self._groups) >= _GROUPS:
            return None
        return self._groups.setdefault(name, _Group(place))


def _example(step: Step, result: DatumResult, told: CallError) -> _Example:
    more = {
        "key": step.key.hex(),
        "inputs": list(islice(inputs_of(step), _INPUTS)),
        "log": log_end(result.log),
    }
    label = shortened(step.datum.label)
    failed = DatumFailed(
        label, kind=told.kind, message=told.message, hint=told.hint, details=told.details, more=more
    )
    return step.datum.label, step.key, failed


def _names(told: CallError, label: str) -> tuple[_Name, _Name]:
    """Returns what equal failures have in common, and what those of one place have: the sort and the line of code."""
    message = told.message[:_MESSAGE_CHARACTERS].replace(label, "…")
    found = _PLACE.search(told.message.rstrip())
    for pattern, sign in ((_PATHS, "…"), (_HASHES, "#"), (_NUMBERS, "#")):
        message = pattern.sub(sign, message)
    sort = re.split(r"[:.] ", message, maxsplit=1)[0]
    return (told.kind, message), (told.kind, f"{sort} {found[0] if found else ''}")


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
