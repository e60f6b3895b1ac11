"""Matches names with a glob's translation, in time that no pattern can blow up.

A regular expression tries one alternative after the other, and where several
wildcards follow one another it tries every way of sharing a name among them:
eight of them take hours over sixty letters, and no other thread runs
meanwhile. So a pattern has two forms. The expression is used for names so
short that all ways together are few, which is nearly always; else `search`
walks through the same alternatives in the same order and remembers from which
step and place it got nowhere, so it takes no more than steps × places.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from math import comb
from typing import Literal, NamedTuple

_MOST_WAYS = 500_000  # some milliseconds
_MOST_FREE = 20

Test = str | re.Pattern[str] | None  # one sign, or what one sign has to match; nothing for any


class Step(NamedTuple):
    """One step: take a sign, or go on at another step (`to` further on), or note the place in the name."""

    do: Literal["sign", "one", "any", "fork", "jump", "note"]
    test: Test = None
    to: int = 0


def sign(test: Test) -> list[Step]:
    """Takes one sign."""
    return [Step("any" if test is None else "sign" if isinstance(test, str) else "one", test)]


def many(body: Sequence[Step]) -> list[Step]:
    """Takes any number of something that is not empty, as many as possible first."""
    return [Step("fork", to=len(body) + 2), *body, Step("jump", to=-len(body) - 1)]


def either(choices: Sequence[Sequence[Step]]) -> list[Step]:
    """Takes one of several, the first that leads to the end."""
    *first, steps = [list(choice) for choice in choices]
    for choice in reversed(first):
        steps = [Step("fork", to=len(choice) + 2), *choice, Step("jump", to=len(steps) + 1), *steps]
    return steps


class Ways:
    """Counts in how many ways a pattern can share a name of some length among its wildcards."""

    def __init__(self) -> None:
        """Begins with nothing."""
        self._free, self._here = 0, 0
        self._choices = self._most = 1

    def star(self, *, deep: bool) -> None:
        """Adds a wildcard, which stays within one folder or does not."""
        if deep:
            self._free += 1
        else:
            self._here += 1

    def slash(self) -> None:
        """Ends a part: the last wildcard in it has to reach the slash, so it has no choice."""
        self._free += max(0, self._here - 1)
        self._here = 0

    def choices(self, number: int) -> None:
        """Adds a bracket of alternatives; that with the most of them counts not, it is tried once along its length."""
        self._choices *= min(number, self._most)
        self._most = max(number, self._most)

    def longest(self) -> int:
        """Returns how long names may be that have few ways; -1 where there are always too many."""
        free = self._free + max(0, self._here - 1) + 1  # one more for the part in which a name is refused
        if free > _MOST_FREE:
            return -1
        lengths = range(_MOST_WAYS + 1)
        few = bisect_right(lengths, _MOST_WAYS, key=lambda length: comb(length + free, free) * self._choices)
        return few - 1


class Pattern:
    """A pattern in both forms."""

    def __init__(self, expression: str, steps: Sequence[Step], longest: int) -> None:
        """Takes the forms, and up to which length of names the expression is tried."""
        self.expression, self.steps, self.longest = re.compile(expression, re.DOTALL), tuple(steps), longest
        self.groups = self.expression.groups
        self._fullmatch = self.expression.fullmatch

    def fits(self, name: str) -> bool:
        """Tells whether a whole name matches."""
        if len(name) <= self.longest:
            return self._fullmatch(name) is not None
        return search(self.steps, name, 0, set()) is not None

    def captured(self, name: str) -> tuple[str, ...] | None:
        """Returns what each `(…)` holds of a whole name that matches; none where it does not."""
        if len(name) <= self.longest:
            found = self._fullmatch(name)
            return None if found is None else tuple(group or "" for group in found.groups())
        return search(self.steps, name, self.groups, set())


def search(steps: Sequence[Step], name: str, groups: int, tried: set[int]) -> tuple[str, ...] | None:
    """Walks through the steps, and returns what the groups hold; none where no way leads to the end.

    Args:
        steps: The pattern.
        name: What is to match as a whole.
        groups: Of how many groups the places are wanted.
        tried: Gets each step and place that was come to; nothing is tried twice.
    """
    last, end = len(steps), len(name)
    places = [-1] * (2 * groups)
    todo = [(0, 0)]  # where to go on, the next one last; below 0, a place to be as it was
    while todo:
        at, place = todo.pop()
        if at < 0:
            places[~at] = place
            continue
        while (state := at * (end + 1) + place) not in tried:
            tried.add(state)
            if at == last:
                if place == end:
                    return _held(name, places)
                break
            do, test, to = steps[at]
            if do == "fork":
                todo.append((at + to, place))
            elif do == "jump":
                at += to
                continue
            elif do == "note":
                if to < len(places):
                    todo.append((~to, places[to]))
                    places[to] = place
            elif place < end and _takes(do, test, name[place]):
                place += 1
            else:
                break
            at += 1
    return None


def _takes(do: str, test: Test, letter: str) -> bool:
    if isinstance(test, str):
        return letter == test
    return do == "any" or (test is not None and test.match(letter) is not None)


def _held(name: str, places: Sequence[int]) -> tuple[str, ...]:
    return tuple(
        name[begin:end] if begin >= 0 else "" for begin, end in zip(places[::2], places[1::2], strict=True)
    )
