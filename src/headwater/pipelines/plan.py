"""Decides what a job runs, keeps and drops: values in, values out.

A datum is kept when the last finished commit has it under the same memo key,
recalled when the memo knows its key from any earlier job, and run otherwise.
Reasons are found here, where both sides are at hand, so that `pipeline plan`
and a running job say the same.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from headwater.pipelines.kind import Datum
from headwater.pipelines.records import Known

Reason = Literal["new", "input-changed", "code-changed", "failed-before", "forced", "kept", "dropped"]


@dataclass(frozen=True)
class Step:
    """What happens to one datum, and why.

    `known` is the record of its result where there is one already; `was` the
    record that the last finished commit has under its datum key.
    """

    datum: Datum
    key: bytes
    memo: bytes
    reason: Reason
    known: Known | None
    was: Known | None

    @property
    def runs(self) -> bool:
        """Whether the datum's code has to run."""
        return self.known is None


@dataclass(frozen=True)
class Plan:
    """The steps of a job in the order of its datums, and the keys of datums that are no more."""

    steps: tuple[Step, ...]
    dropped: tuple[bytes, ...]

    @property
    def changes_nothing(self) -> bool:
        """Whether the result would be what the last finished commit already is."""
        return not self.dropped and all(
            step.was is not None and step.was.record.memo == step.memo for step in self.steps
        )


def decide(
    datums: Iterable[tuple[Datum, bytes, bytes]],
    previous: Mapping[bytes, Known],
    recall: Callable[[bytes], Known | None],
    *,
    forced: bool = False,
) -> Plan:
    """Returns what to run, keep and drop.

    Args:
        datums: Each datum with its datum key and memo key.
        previous: The last finished commit's records by datum key.
        recall: Looks a memo key up; asked only for new and changed datums.
        forced: Everything runs, whatever is known.
    """
    steps = []
    seen = set()
    for datum, key, memo in datums:
        seen.add(key)
        was = previous.get(key)
        steps.append(_step(datum, key, memo, was, recall, forced=forced))
    return Plan(tuple(steps), tuple(key for key in previous if key not in seen))


def _step(
    datum: Datum,
    key: bytes,
    memo: bytes,
    was: Known | None,
    recall: Callable[[bytes], Known | None],
    *,
    forced: bool,
) -> Step:
    if forced:
        return Step(datum, key, memo, "forced", None, was)
    if was is not None and was.record.memo == memo and was.record.state == "succeeded":
        return Step(datum, key, memo, "kept", was, was)
    known = recall(memo)
    if known is not None and known.record.state == "succeeded":
        return Step(datum, key, memo, "kept", known, was)
    if was is None:
        reason: Reason = "new"
    elif was.record.state == "failed":
        reason = "failed-before"
    else:
        reason = "code-changed" if was.record.code != datum.code else "input-changed"
    return Step(datum, key, memo, reason, None, was)
