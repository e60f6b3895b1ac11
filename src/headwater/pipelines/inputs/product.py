"""Combines rows of several inputs, and finds which combinations changed without looking at the others.

Combinations are found once by the first of their parts that changed: those
before it stayed the same, those behind it are whatever they are.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Generic, Protocol, TypeVar

from headwater.pipelines.inputs.node import NEW, OLD, Row, RowChange, State, is_same

T = TypeVar("T")
_KEPT = 4_096


class Part(Protocol):
    """One input of a product."""

    def rows(self, state: State) -> Iterator[Row]:
        """Yields its rows."""
        ...

    def changes(self) -> Iterator[RowChange]:
        """Yields what differs."""
        ...

    def find(self, row: Row, state: State) -> Row | None:
        """Returns the row of the same identity in a state."""
        ...


class Replay(Generic[T]):
    """What can be iterated over again and again: a short one is made once, a long one anew each time.

    Nothing is made before it is asked for, and of what is asked for no more than that.
    """

    def __init__(self, make: Callable[[], Iterator[T]]) -> None:
        self._make = make
        self._source: Iterator[T] | None = None
        self._kept: list[T] = []
        self._is_whole = self._is_long = False

    def __iter__(self) -> Iterator[T]:
        """Yields all."""
        return iter(self._kept) if self._is_whole else self._pull()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing."""
        return next(iter(self), None) is None

    def _pull(self) -> Iterator[T]:
        at = 0
        while True:
            if at < len(self._kept):
                yield self._kept[at]
                at += 1
            elif self._is_whole:
                return
            elif self._is_long:
                yield from islice(self._make(), at, None)
                return
            else:
                source = self._source = self._source or self._make()
                if len(self._kept) >= _KEPT:
                    self._source, self._is_long = None, True
                    yield from source
                    return
                self._is_whole = not self._take(source)

    def _take(self, source: Iterator[T]) -> bool:
        for one in source:
            self._kept.append(one)
            return True
        return False


def combine(parts: Sequence[Iterable[Row]]) -> Iterator[Row]:
    """Yields all combinations; each part may be iterated over again."""
    if not parts:
        return
    if len(parts) == 1:
        yield from parts[0]
        return
    rest = Replay(lambda: combine(parts[1:]))
    if rest.is_empty:
        return
    for row in parts[0]:
        for more in rest:
            yield row + more


def combined_rows(parts: Sequence[Part], state: State) -> Iterator[Row]:
    """Yields all combinations of a state."""
    return combine([Replay(partial(part.rows, state)) for part in parts])


def combined_changes(parts: Sequence[Part]) -> Iterator[RowChange]:
    """Yields the combinations that came, went, or hold something else, each once."""
    changes = [Replay(part.changes) for part in parts]
    changed = [not one.is_empty for one in changes]
    for at in range(len(parts)):
        if changed[at]:
            for row in combine([*_gone(parts, changes[at], changed, at)]):
                yield RowChange(row, None)
            yield from _pairs([*_come(parts, changes[at], changed, at)])


def _gone(
    parts: Sequence[Part], changes: Iterable[RowChange], changed: Sequence[bool], at: int
) -> Iterator[Iterable[Row]]:
    for number, part in enumerate(parts):
        if number == at:
            yield Replay(partial(_removed, changes))
        elif number < at and changed[number]:
            yield Replay(partial(_staying, part))
        else:
            yield Replay(partial(part.rows, OLD))


def _come(
    parts: Sequence[Part], changes: Iterable[RowChange], changed: Sequence[bool], at: int
) -> Iterator[Iterable[RowChange]]:
    for number, part in enumerate(parts):
        if number == at:
            yield Replay(partial(_remaining, changes))
        elif not changed[number]:
            yield Replay(partial(_as_they_were, part))
        else:
            yield Replay(partial(_unchanged if number < at else _with_old, part))


def _removed(changes: Iterable[RowChange]) -> Iterator[Row]:
    return (one.old for one in changes if one.new is None and one.old is not None)


def _staying(part: Part) -> Iterator[Row]:
    return (row for row in part.rows(OLD) if part.find(row, NEW) is not None)


def _remaining(changes: Iterable[RowChange]) -> Iterator[RowChange]:
    return (one for one in changes if one.new is not None)


def _as_they_were(part: Part) -> Iterator[RowChange]:
    return (RowChange(row, row) for row in part.rows(NEW))


def _with_old(part: Part) -> Iterator[RowChange]:
    return (RowChange(part.find(row, OLD), row) for row in part.rows(NEW))


def _unchanged(part: Part) -> Iterator[RowChange]:
    for old, new in _with_old(part):
        if old is not None and new is not None and is_same(old, new):
            yield RowChange(old, new)


def _pairs(parts: Sequence[Iterable[RowChange]]) -> Iterator[RowChange]:
    """Yields all combinations of rows that are there, each with what it was if all of it was there."""
    if len(parts) == 1:
        yield from parts[0]
        return
    rest = Replay(lambda: _pairs(parts[1:]))
    if rest.is_empty:
        return
    for before, after in parts[0]:
        for more_before, more_after in rest:
            old = None if before is None or more_before is None else before + more_before
            yield RowChange(old, (after or ()) + (more_after or ()))
