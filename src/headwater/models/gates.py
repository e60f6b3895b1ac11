"""Gates: what a version's test results must show before it may enter an environment.

A gate is a line of a document: `{target, metric, min | max}` sets a limit,
`{no_worse_than: prod, tolerance: 0.02}` compares with what is deployed there,
on the same test rows. Judging takes results and returns results; where they
come from is the work of `trial`.

A gate that cannot be decided does not pass: no such target, no target of the
metric's task, a metric that is not defined for these rows. The one exception
is a comparison with an environment in which there is nothing yet.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite

import msgspec

from headwater.api.documents import GateResult
from headwater.errors import did_you_mean
from headwater.models.artifact import Task
from headwater.models.scores import METRICS, Metric


class GateSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One gate as it is written; no target means all whose task fits the metric.

    Exactly one of `min`, `max` and `no_worse_than` is given. A comparison
    without a metric goes by the one that the request judges results by.
    """

    target: str | None = None
    metric: str | None = None
    min: float | None = None
    max: float | None = None
    no_worse_than: str | None = None
    tolerance: float = 0.0


class TargetScores(msgspec.Struct, frozen=True):
    """What a version scores at one target on test rows, or why that is not known.

    `metric` is what results of this task are judged by first.
    """

    target: str
    task: Task
    metric: str
    scores: Mapping[str, float] | str


class Deployed(msgspec.Struct, frozen=True):
    """What is in an environment that gates compare with, and what it scores on the candidate's test rows.

    `scores` holds, by target, scores by metric or the reason why there are none.
    """

    version: int | None
    scores: Mapping[str, Mapping[str, float] | str] = {}


def gate_mistakes(gate: GateSpec) -> list[tuple[str, str]]:
    """Returns what is wrong with a gate as pairs of field and sentence."""
    found = []
    given = [name for name in ("min", "max", "no_worse_than") if getattr(gate, name) is not None]
    if not given:
        found.append(("", "sets no limit. Give one of min, max and no_worse_than."))
    elif len(given) > 1:
        found.append(("", f"has {' and '.join(given)}. Write one gate for each."))
    if gate.metric is not None and gate.metric not in METRICS:
        found.append(("metric", f"{gate.metric!r} is not a metric. {did_you_mean(gate.metric, METRICS)}"))
    if gate.metric is None and gate.no_worse_than is None:
        found.append(("metric", f"is missing. There are: {', '.join(METRICS)}."))
    found += [
        (name, "is not a finite number.")
        for name in ("min", "max", "tolerance")
        if (value := getattr(gate, name)) is not None and not isfinite(value)
    ]
    if gate.tolerance < 0:
        found.append(("tolerance", "is a share, such as 0.02 for two percent, and not below 0."))
    if gate.tolerance != 0 and gate.no_worse_than is None:
        found.append(("tolerance", "goes with no_worse_than only. A limit is exact."))
    return found


def compared_with(gates: Sequence[GateSpec]) -> list[str]:
    """Returns the environments that the gates compare with, once each."""
    return list(dict.fromkeys(gate.no_worse_than for gate in gates if gate.no_worse_than is not None))


def judge(
    gates: Sequence[GateSpec], results: Sequence[TargetScores], deployed: Mapping[str, Deployed | str]
) -> list[GateResult]:
    """Returns one result per gate and target that the gate is for.

    Args:
        gates: Gates that `gate_mistakes` has nothing against.
        results: The candidate's scores on its own test rows, target by target.
        deployed: For each environment that gates compare with, what is there, or why that is not known.
    """
    rows: list[GateResult] = []
    for gate in gates:
        chosen = [result for result in results if _is_for(gate, result)]
        rows += [_judge_one(gate, result, deployed) for result in chosen] or [_for_nothing(gate, results)]
    return rows


def _is_for(gate: GateSpec, result: TargetScores) -> bool:
    fits = gate.metric is None or METRICS[gate.metric].task == result.task
    return fits and gate.target in (None, result.target)


def _for_nothing(gate: GateSpec, results: Sequence[TargetScores]) -> GateResult:
    named = next((result for result in results if result.target == gate.target), None)
    if named is not None:
        reason = f"{gate.metric} is not a metric of {named.task}"
    elif gate.target is not None:
        reason = f"the version has no such target, only {', '.join(result.target for result in results)}"
    else:
        reason = f"the version has no target that {gate.metric} is for"
    return _undecided(gate, gate.metric or "score", gate.target or "", reason)


def _judge_one(gate: GateSpec, result: TargetScores, deployed: Mapping[str, Deployed | str]) -> GateResult:
    metric = METRICS[gate.metric or result.metric]
    if isinstance(result.scores, str):
        return _undecided(gate, metric.name, result.target, result.scores)
    value = result.scores.get(metric.name)
    if value is None:
        return _undecided(gate, metric.name, result.target, _not_defined(metric))
    if gate.no_worse_than is None:
        return _judge_limit(gate, result.target, value)
    there = deployed.get(gate.no_worse_than, "there is no such environment")
    if isinstance(there, str):
        return _undecided(gate, metric.name, result.target, there, value)
    return _judge_comparison(gate, metric, result.target, value, there)


def _judge_limit(gate: GateSpec, target: str, value: float) -> GateResult:
    low, high = gate.min, gate.max
    passed = (low is None or value >= low) and (high is None or value <= high)
    limit = low if high is None else high
    return GateResult(_text(gate, gate.metric or ""), target, passed=passed, value=value, limit=limit)


def _judge_comparison(
    gate: GateSpec, metric: Metric, target: str, value: float, there: Deployed
) -> GateResult:
    if there.version is None:
        name = f"{_text(gate, metric.name)}: nothing is there yet"
        return GateResult(name, target, passed=True, value=value, limit=None)
    theirs = there.scores.get(target, "that version has no such target")
    if isinstance(theirs, str):
        return _undecided(gate, metric.name, target, theirs, value, version=there.version)
    if metric.name not in theirs:
        return _undecided(gate, metric.name, target, _not_defined(metric), value, version=there.version)
    limit = limit_beside(theirs[metric.name], metric, gate.tolerance)
    passed = value >= limit if metric.greater_is_better else value <= limit
    return GateResult(
        _text(gate, metric.name, there.version), target, passed=passed, value=value, limit=limit
    )


def limit_beside(other: float, metric: Metric, tolerance: float) -> float:
    """Returns the worst score that still counts as no worse than `other`.

    other ± tolerance · |other|, to the worse side; so a share of a negative
    r2 loosens the limit too.
    """
    slack = tolerance * abs(other)
    return other - slack if metric.greater_is_better else other + slack


def _undecided(
    gate: GateSpec,
    metric: str,
    target: str,
    reason: str,
    value: float | None = None,
    *,
    version: int | None = None,
) -> GateResult:
    limit = gate.min if gate.max is None else gate.max
    return GateResult(
        f"{_text(gate, metric, version)}: {reason}", target, passed=False, value=value, limit=limit
    )


def _not_defined(metric: Metric) -> str:
    return f"{metric.name} is not defined for these test rows"


def _text(gate: GateSpec, metric: str, version: int | None = None) -> str:
    if gate.no_worse_than is None:
        return f"{metric} at least {gate.min:g}" if gate.min is not None else f"{metric} at most {gate.max:g}"
    place = gate.no_worse_than if version is None else f"{gate.no_worse_than} (version {version})"
    share = f", {gate.tolerance * 100:.4g} % allowed" if gate.tolerance else ""
    return f"{metric} no worse than {place}{share}"


def failures(rows: Sequence[GateResult]) -> Iterator[str]:
    """Yields a short sentence for each result that did not pass."""
    for row in rows:
        if not row.passed:
            target = f"{row.target}: " if row.target else ""
            yield f"{target}{row.gate}{_numbers(row)}"


def _numbers(row: GateResult) -> str:
    if row.value is None:
        return ""
    limit = "" if row.limit is None or f"{row.limit:g}" in row.gate else f", limit {row.limit:.6g}"
    return f" (is {row.value:.6g}{limit})"
