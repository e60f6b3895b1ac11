"""A figure: many measurements of one thing, their spread, and what was promised of it.

A median is not moved by a few disturbed runs; minimum, quartiles and maximum
say how disturbed they were. Things that are compared are measured in turns,
so that a slow minute of the machine hits all of them.
"""

import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

_DIGITS = 4


class Promise(msgspec.Struct, frozen=True):
    """The most that the median may be, or the least, and whether it is; `met` is none where nothing was measured."""

    limit: float
    met: bool | None
    is_least: bool = False


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """Measurements of one thing, in `unit`; without runs there are no values."""

    unit: str
    runs: int
    median: float | None = None
    min: float | None = None
    lower_quartile: float | None = None
    upper_quartile: float | None = None
    max: float | None = None
    promise: Promise | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What one benchmark found: figures by name, what they were measured on, and what a reader must know."""

    figures: dict[str, Figure]
    facts: dict[str, Any] = {}
    notes: list[str] = []


def figure(
    values: Sequence[float], unit: str, *, limit: float | None = None, least: float | None = None
) -> Figure:
    """Returns the figure of these measurements; none at all give one that says that it is missing.

    Args:
        values: The measurements.
        unit: What they count.
        limit: The most that the median is promised to be.
        least: The least that it is promised to be, where more is better.
    """
    if not values:
        return Figure(unit=unit, runs=0, promise=_promise(limit, least, None))
    ordered = sorted(values)
    middle = statistics.median(ordered)
    quartiles = statistics.quantiles(ordered, n=4, method="inclusive") if len(ordered) > 1 else ordered * 3
    return Figure(
        unit=unit,
        runs=len(ordered),
        median=_short(middle),
        min=_short(ordered[0]),
        lower_quartile=_short(quartiles[0]),
        upper_quartile=_short(quartiles[2]),
        max=_short(ordered[-1]),
        promise=_promise(limit, least, middle),
    )


def _promise(limit: float | None, least: float | None, middle: float | None) -> Promise | None:
    if limit is not None:
        return Promise(limit, None if middle is None else middle <= limit)
    if least is not None:
        return Promise(least, None if middle is None else middle >= least, is_least=True)
    return None


def in_turns(
    actions: Mapping[str, Callable[[int], float]], *, runs: int, warm_up: int = 0
) -> dict[str, list[float]]:
    """Runs every action once per round, in an order that turns around each round.

    Args:
        actions: By name; each gets the round's number and returns its measurement.
        runs: Rounds that count.
        warm_up: Rounds before them that do not.

    Returns:
        By name one measurement per round, so that those of one round are a pair.
    """
    measured: dict[str, list[float]] = {name: [] for name in actions}
    for turn in range(warm_up + runs):
        for name in list(actions)[:: 1 if turn % 2 == 0 else -1]:
            value = actions[name](turn)
            if turn >= warm_up:
                measured[name].append(value)
    return measured


def ratios(over: Sequence[float], under: Sequence[float]) -> list[float]:
    """Returns the ratio of each pair."""
    return [one / other for one, other in zip(over, under, strict=True)]


def tell(text: str) -> None:
    """Says on stderr how far the run has come."""
    print(text, file=sys.stderr, flush=True)


def _short(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
