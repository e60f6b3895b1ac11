"""Decides what a job runs, keeps and drops, one datum after the other.

A datum is kept when the job that the plan starts from has it under the same
memo key, recalled when the memo knows its key from any earlier job, and run
otherwise. Reasons are found here, where both sides are at hand, so that
`pipeline plan` and a running job say the same.

Where the inputs' difference from that job says all that may have changed,
nothing else is looked at: O(changes · log n). Else all datums are gone
through, still one at a time, and what is no more comes out of comparing both
lists of keys at the end.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from headwater.pipelines.engine.records import Known, fitting_locator, known_of, locator_of
from headwater.pipelines.engine.runs import Runs
from headwater.pipelines.errors import DatumTwice
from headwater.pipelines.kind import Datum, Planner
from headwater.storage import MapTree

Reason = Literal["new", "input-changed", "code-changed", "failed-before", "forced", "kept", "dropped"]
Recall = Callable[[bytes], Known | None]
Keys = Callable[[Datum], tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Step:
    """What happens to one datum, and why.

    `known` is the record of its result where there is one already; `was` the
    record under its datum key that the plan starts from.
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

    @property
    def changes(self) -> bool:
        """Whether anything about the datum has to be written; of another spec, inputs may have other places."""
        if self.known is None or self.known is not self.was:
            return True
        return self.known.record.locator != fitting_locator(self.datum.locator)


@dataclass(frozen=True, slots=True)
class Drop:
    """A datum that is no more, and what it had produced."""

    key: bytes
    was: Known


def decide(
    datum: Datum, key: bytes, memo: bytes, was: Known | None, recall: Recall, *, forced: bool = False
) -> Step:
    """Returns what happens to one datum.

    Args:
        datum: The datum.
        key: Its datum key.
        memo: Its memo key.
        was: What the plan starts from has under its datum key.
        recall: Looks a memo key up; asked only for new and changed datums.
        forced: It runs, whatever is known.
    """
    if forced:
        return Step(datum, key, memo, "forced", None, was)
    if was is not None and was.record.memo == memo and was.record.state == "succeeded":
        return Step(datum, key, memo, "kept", was, was)
    known = recall(memo)
    if known is not None and known.record.state == "succeeded":
        return Step(datum, key, memo, "kept", known, was)
    if was is None:
        reason: Reason = "new"
    elif was.record.state != "succeeded":
        reason = "failed-before"
    else:
        reason = "code-changed" if was.record.code != datum.code else "input-changed"
    return Step(datum, key, memo, reason, None, was)


@dataclass
class Plan:
    """The steps of a job, found while they are asked for.

    `meta` and `unfinished` are the trees that the plan starts from; `whole`
    says that all datums are to be gone through. Afterwards `changes_nothing`
    tells whether the result is what was there before.
    """

    planner: Planner
    keys: Keys
    meta: MapTree
    unfinished: MapTree
    recall: Recall
    whole: bool
    forced: bool = False
    apart: bytes | None = None
    """A datum key that is planned otherwise, and so neither new nor dropped here."""
    changes_nothing: bool = True

    def steps(self) -> Iterator[Step | Drop]:
        """Yields what happens to each datum that may have changed, and to those that are no more."""
        found = self._all() if self.whole else self._changed()
        for step in found:
            if isinstance(step, Drop) or step.was is None or step.was.record.memo != step.memo or step.runs:
                self.changes_nothing = False
            yield step

    def again(self) -> Iterator[Step | Drop]:
        """Yields the steps anew, for one who only counts: what is no more is left out where all datums are gone through."""
        if self.whole:
            return (self._step(datum, *self.keys(datum)) for datum in self.planner.every())
        return self._changed()

    def _all(self) -> Iterator[Step | Drop]:
        labels: Runs[str] = Runs(str)
        try:
            for datum in self.planner.every():
                key, memo = self.keys(datum)
                labels.add(key, datum.label)
                yield self._step(datum, key, memo)
            yield from self._gone(labels)
        finally:
            labels.close()

    def _gone(self, labels: Runs[str]) -> Iterator[Drop]:
        """Yields what was there and is no more, by going through both lists of keys side by side."""
        before = self.meta.entries()
        entry = next(before, None)
        last: tuple[bytes, str] | None = None
        for key, label in labels.sorted():
            if last is not None and last[0] == key:
                raise DatumTwice(last[1], label)
            last = key, label
            while entry is not None and entry.key < key:
                if entry.key != self.apart:
                    yield Drop(entry.key, known_of(entry))
                entry = next(before, None)
            if entry is not None and entry.key == key:
                entry = next(before, None)
        while entry is not None:
            if entry.key != self.apart:
                yield Drop(entry.key, known_of(entry))
            entry = next(before, None)

    def _changed(self) -> Iterator[Step | Drop]:
        owed = self.unfinished.root is not None
        seen: set[bytes] = set()
        for key, datum in self.planner.changes():
            if owed and self.unfinished.entry(key) is not None:
                seen.add(key)
            if datum is not None:
                yield self._step(datum, *self.keys(datum))
                continue
            was = self._was(key)
            if was is not None:
                yield Drop(key, was)
        for entry in self.unfinished.entries():
            if entry.key in seen:
                continue
            datum = self.planner.find(locator_of(entry.value))
            if datum is not None:
                yield self._step(datum, *self.keys(datum))
            elif (was := self._was(entry.key)) is not None:
                yield Drop(entry.key, was)

    def _step(self, datum: Datum, key: bytes, memo: bytes) -> Step:
        return decide(datum, key, memo, self._was(key), self.recall, forced=self.forced)

    def _was(self, key: bytes) -> Known | None:
        entry = None if self.meta.root is None else self.meta.entry(key)
        return None if entry is None else known_of(entry)


@dataclass
class Tally:
    """What a plan comes to, counted while its steps go by.

    A plan from the inputs' difference does not speak of what stays as it was,
    and one that is gone through `again` not of what is no more where all datums
    are: either follows from how many there were.
    """

    plan: Plan
    _seen: Counter[Reason] = field(default_factory=Counter)
    _were: int = 0  # those of them that were there before

    def add(self, step: Step | Drop) -> None:
        """Counts a step."""
        if isinstance(step, Drop):
            self._seen["dropped"] += 1
        else:
            self._seen[step.reason] += 1
            self._were += step.was is not None

    def counts(self) -> Counter[Reason]:
        """Returns how many datums there are for each reason, once all steps have gone by."""
        counts, before = self._seen.copy(), self._before()
        if self.plan.whole:
            counts["dropped"] = before - self._were
        else:
            counts["kept"] += before - counts["dropped"] - self._were
        return counts

    def _before(self) -> int:
        plan = self.plan
        is_apart = plan.apart is not None and plan.meta.root is not None and plan.meta.entry(plan.apart)
        return plan.meta.count - bool(is_apart)
