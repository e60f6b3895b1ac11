"""Gates: what can be written, and how test results are judged."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.models.gates import (
    Deployed,
    GateSpec,
    TargetScores,
    compared_with,
    failures,
    gate_mistakes,
    judge,
    limit_beside,
)
from headwater.models.scores import METRICS

LENGTH = TargetScores("Length", "regression", "rmse", {"rmse": 2.0, "r2": 0.8})
WIDTH = TargetScores("Width", "regression", "rmse", {"rmse": 5.0, "r2": 0.3})
SPECIES = TargetScores("Species", "classification", "log_loss", {"accuracy": 0.9, "log_loss": 0.4})
ALL = [LENGTH, WIDTH, SPECIES]

numbers = st.floats(-1e6, 1e6)


def spec(**fields: Any) -> GateSpec:
    return msgspec.convert(fields, GateSpec)


def passed(gate: GateSpec, deployed: Deployed | str | None = None) -> dict[str, bool]:
    there = {} if deployed is None else {gate.no_worse_than or "": deployed}
    return {row.target: row.passed for row in judge([gate], ALL, there)}


@pytest.mark.parametrize(
    ("gate", "expected"),
    [
        (spec(target="Length", metric="rmse", max=2.5), {"Length": True}),
        (spec(target="Length", metric="rmse", max=1.5), {"Length": False}),
        (spec(metric="rmse", max=3), {"Length": True, "Width": False}),
        (spec(metric="r2", min=0.5), {"Length": True, "Width": False}),
        (spec(metric="accuracy", min=0.9), {"Species": True}),
        (spec(metric="rmse", min=3), {"Length": False, "Width": True}),
    ],
)
def test_a_limit_is_for_the_target_it_names_or_all_of_fitting_task(
    gate: GateSpec, expected: dict[str, bool]
) -> None:
    assert passed(gate) == expected


def test_a_result_says_what_was_asked_what_was_found_and_where_the_limit_is() -> None:
    rows = judge([spec(metric="rmse", max=4.5)], ALL, {})

    assert [(row.gate, row.target, row.passed, row.value, row.limit) for row in rows] == [
        ("rmse at most 4.5", "Length", True, 2.0, 4.5),
        ("rmse at most 4.5", "Width", False, 5.0, 4.5),
    ]
    assert list(failures(rows)) == ["Width: rmse at most 4.5 (is 5)"]


@pytest.mark.parametrize(
    ("gate", "reason"),
    [
        (
            spec(target="Weight", metric="rmse", max=1),
            "the version has no such target, only Length, Width, Species",
        ),
        (spec(target="Length", metric="accuracy", min=0.5), "accuracy is not a metric of regression"),
        (spec(target="Length", metric="mae", max=1), "mae is not defined for these test rows"),
        (spec(target="Weight", no_worse_than="prod"), "the version has no such target"),
    ],
)
def test_a_gate_that_cannot_be_decided_fails_and_says_why(gate: GateSpec, reason: str) -> None:
    rows = judge([gate], ALL, {"prod": Deployed(None)})

    assert [row.passed for row in rows] == [False]
    assert reason in rows[0].gate


def test_a_gate_for_a_task_that_no_target_has_fails() -> None:
    rows = judge([spec(metric="accuracy", min=0.1)], [LENGTH], {})

    assert (rows[0].passed, rows[0].target) == (False, "")
    assert "no target that accuracy is for" in rows[0].gate


def test_a_comparison_knows_for_each_metric_which_way_is_better() -> None:
    there = Deployed(
        3,
        {
            "Length": {"rmse": 1.9, "r2": 0.9},
            "Width": {"rmse": 5.1, "r2": 0.1},
            "Species": {"accuracy": 0.95, "log_loss": 0.5},
        },
    )

    assert passed(spec(no_worse_than="prod"), there) == {"Length": False, "Width": True, "Species": True}
    assert passed(spec(no_worse_than="prod", metric="r2"), there) == {"Length": False, "Width": True}
    assert passed(spec(no_worse_than="prod", metric="accuracy"), there) == {"Species": False}


def test_tolerance_is_a_share_of_the_score_that_is_there() -> None:
    there = Deployed(3, {"Length": {"rmse": 1.9}, "Width": {"rmse": 4.0}})

    rows = judge([spec(no_worse_than="prod", metric="rmse", tolerance=0.1)], ALL, {"prod": there})

    assert [row.passed for row in rows] == [True, False]
    assert rows[0].limit == pytest.approx(2.09)
    assert rows[0].gate == "rmse no worse than prod (version 3), 10 % allowed"


def test_where_nothing_is_deployed_yet_a_comparison_passes_and_says_so() -> None:
    rows = judge([spec(no_worse_than="prod")], ALL, {"prod": Deployed(None)})

    assert [(row.passed, row.limit) for row in rows] == [(True, None)] * 3
    assert rows[0].gate == "rmse no worse than prod: nothing is there yet"


@pytest.mark.parametrize(
    ("there", "reason"),
    [
        ("its artifact is damaged", "its artifact is damaged"),
        (Deployed(3, {"Length": "it needs the field Weight"}), "it needs the field Weight"),
        (Deployed(3, {"Width": {"rmse": 1.0}}), "that version has no such target"),
        (Deployed(3, {"Length": {"mae": 1.0}}), "rmse is not defined"),
    ],
)
def test_a_comparison_that_is_not_possible_fails_and_says_why(there: Deployed | str, reason: str) -> None:
    rows = judge([spec(target="Length", no_worse_than="prod")], ALL, {"prod": there})

    assert [row.passed for row in rows] == [False]
    assert reason in rows[0].gate


def test_a_comparison_with_an_unknown_environment_fails() -> None:
    rows = judge([spec(target="Length", no_worse_than="porduction")], ALL, {})

    assert "no such environment" in rows[0].gate
    assert not rows[0].passed


@pytest.mark.parametrize(
    ("gate", "fields"),
    [
        (spec(metric="rmse"), [""]),
        (spec(metric="rmse", min=1, max=2), [""]),
        (spec(metric="rmse", max=1, no_worse_than="prod"), [""]),
        (spec(max=4), ["metric"]),
        (spec(metric="rsme", max=4), ["metric"]),
        (spec(metric="rmse", max=float("nan")), ["max"]),
        (spec(no_worse_than="prod", tolerance=-0.1), ["tolerance"]),
        (spec(no_worse_than="prod", tolerance=float("inf")), ["tolerance"]),
        (spec(metric="rmse", max=4, tolerance=0.1), ["tolerance"]),
        (spec(metric="rmse", max=4), []),
        (spec(no_worse_than="prod"), []),
    ],
)
def test_mistakes_in_a_gate_are_found_field_by_field(gate: GateSpec, fields: list[str]) -> None:
    assert [field for field, _ in gate_mistakes(gate)] == fields


def test_a_mistyped_metric_is_answered_with_the_one_that_was_meant() -> None:
    assert "Did you mean 'rmse'?" in gate_mistakes(spec(metric="rsme", max=4))[0][1]


def test_environments_that_are_compared_with_are_named_once() -> None:
    gates = [spec(no_worse_than="prod"), spec(metric="rmse", max=1), spec(no_worse_than="prod", metric="r2")]

    assert compared_with(gates) == ["prod"]


@given(value=numbers, metric=st.sampled_from(list(METRICS.values())), tolerance=st.floats(0, 1))
def test_what_scores_the_same_is_no_worse(value: float, metric: Any, tolerance: float) -> None:
    result = TargetScores("t", metric.task, metric.name, {metric.name: value})
    gate = spec(no_worse_than="prod", tolerance=tolerance)

    rows = judge([gate], [result], {"prod": Deployed(1, {"t": {metric.name: value}})})

    assert [row.passed for row in rows] == [True]


@given(
    other=numbers,
    metric=st.sampled_from(list(METRICS.values())),
    first=st.floats(0, 1),
    second=st.floats(0, 1),
)
def test_more_tolerance_never_forbids_what_less_allows(
    other: float, metric: Any, first: float, second: float
) -> None:
    strict, loose = (limit_beside(other, metric, share) for share in sorted((first, second)))

    assert loose <= strict if metric.greater_is_better else loose >= strict


@given(value=numbers, limit=numbers)
def test_a_limit_passes_exactly_when_it_is_kept(value: float, limit: float) -> None:
    result = TargetScores("t", "regression", "rmse", {"rmse": value})

    low, high = judge([spec(metric="rmse", min=limit), spec(metric="rmse", max=limit)], [result], {})

    assert (low.passed, high.passed) == (value >= limit, value <= limit)
