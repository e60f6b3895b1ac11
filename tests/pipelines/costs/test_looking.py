"""To look at one datum among many costs what one costs: why its file is there, what it did, what would run."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.synthetic import fill, finish_queued
from headwater.execution import LocalExecutor, Worker
from headwater.workspace import Workspace
from headwater.workspace.handlers import calls, handlers
from tests.pipelines.costs.counting import Cost, counted

SPEC = {
    "name": "looked",
    "input": {"files": {"name": "x", "repo": "texts", "glob": "/*/*.txt"}},
    "transform": {
        "function": "steps:work",
        "code": str(Path(__file__).parents[1] / "oracle" / "steps"),
    },
}


@pytest.fixture(params=[1_000, 20_000])
def changed(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, int]:
    """Returns a workspace where a job over so many datums has run, and one over a new file after it."""
    place, count = tmp_path / "workspace", int(request.param)
    with Workspace.create(str(place)) as workspace:
        workspace.create_repo("texts")
        fill(workspace, "texts", count)
        workspace.pipelines.create(SPEC)
        finish_queued(workspace, "looked")
        with workspace.repo("texts").commit() as commit:
            commit.put("/0000/new.txt", "one more")
        parts = workspace._parts  # noqa: SLF001 - a worker's own parts
        with LocalExecutor(calls(), 1) as executor:
            Worker(parts.queue, handlers(parts, executor, processes=1), parts.clock).run(idle_exit_s=0)
        assert workspace.jobs.newest("looked").datums.run == 1
    return place, count


def test_one_datum_is_looked_at_at_the_cost_of_one(changed: tuple[Path, int]) -> None:
    place, count = changed
    with Workspace.open(str(place)) as workspace:
        job = workspace.jobs.newest("looked").id
        [written] = [
            row.path for row in workspace.diff("looked@main^", "looked@main") if row.change == "added"
        ]

    asked: dict[str, Callable[[Workspace], object]] = {
        "why": lambda one: one.why(f"looked@main:{written}"),
        "datums": lambda one: list(one.jobs.datums(job)),
        "logs": lambda one: list(one.jobs.logs(job)),
        "plan": lambda one: one.pipelines.plan("looked"),
        "rows": lambda one: list(one.pipelines.plan_rows("looked")),
    }
    costs = {name: _counted(place, act) for name, act in asked.items()}

    levels = math.ceil(math.log(count, 64)) + 1
    assert costs["rows"].statements <= costs["plan"].statements  # either goes through the plan once
    for name, cost in costs.items():
        assert cost.nodes <= 12 * levels, (name, cost)
        assert cost.statements <= 60, (name, cost)
    with Workspace.open(str(place)) as workspace:
        assert "texts@" in " ".join(step.ref for step in workspace.why(f"looked@main:{written}"))
        assert [one.job for one in workspace.jobs.datums(job)] == [job]


def _counted(place: Path, act: Callable[[Workspace], object]) -> Cost:
    with Workspace.open(str(place)) as workspace:
        with counted(workspace._parts.storage) as cost:  # noqa: SLF001 - what is counted is not for users
            act(workspace)
        return cost
