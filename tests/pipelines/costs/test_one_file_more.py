"""One file more costs the same among a thousand datums as among a million, but for the depth of the trees.

The state before it is written as the job over so many datums would have left
it; then a workspace that has read nothing yet plans and runs the change.
"""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.synthetic import fill, finish_queued
from headwater.execution import LocalExecutor, Worker
from headwater.workspace import Workspace
from headwater.workspace.handlers import calls, handlers
from tests.pipelines.costs.counting import Cost, counted

_FOLDER = 1_000 // 32  # leaves of a tree, twice their mean number
STEPS = Path(__file__).parents[1] / "oracle" / "steps"
_LARGE = [pytest.mark.large, pytest.mark.timeout(1_200)]
SIZES = [1_000, 10_000, *(pytest.param(size, marks=_LARGE) for size in (100_000, 1_000_000))]


def _leaf(name: str, repo: str, glob: str, **more: Any) -> dict[str, Any]:
    return {"files": {"name": name, "repo": repo, "glob": glob, **more}}


_TEXTS = "/*/*.txt"
INPUTS: dict[str, dict[str, Any]] = {
    "files": _leaf("x", "texts", _TEXTS),
    "folders": _leaf("x", "texts", "/*"),
    "cross": {"cross": [_leaf("x", "texts", _TEXTS), _leaf("y", "other", "/")]},
    "union": {"union": [_leaf("x", "texts", _TEXTS), _leaf("x", "other", "/*")]},
    "join": {
        "join": [
            _leaf("x", "texts", "/(*)/(*).txt", join_on="$1-$2"),
            _leaf("y", "pairs", "/(*)/(*).txt", join_on="$1-$2"),
        ]
    },
    "outer": {
        "join": [
            _leaf("x", "texts", "/(*)/(*).txt", join_on="$1-$2", outer_join=True),
            _leaf("y", "other", "/(*)-(*).txt", join_on="$1-$2"),
        ]
    },
    "group": {"group": [_leaf("x", "texts", "/(*)/*.txt", group_by="$1")]},
}


@pytest.fixture(scope="module")
def executor() -> Iterator[LocalExecutor]:
    with LocalExecutor(calls(), 1) as found:
        yield found


@pytest.fixture(scope="module", params=SIZES)
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """Makes the repos once for each size; pipelines come and go."""
    place, count = tmp_path_factory.mktemp("filled") / "workspace", int(request.param)
    with Workspace.create(str(place)) as workspace:
        for repo in ("texts", "pairs", "other"):
            workspace.create_repo(repo)
        fill(workspace, "texts", count)
        fill(workspace, "pairs", count)
        with workspace.repo("other").commit() as commit:
            commit.put("/one.txt", "one")
    return place, count


@pytest.mark.parametrize("name", INPUTS)
def test_one_file_more_costs_what_the_depth_of_the_trees_does(
    name: str, filled: tuple[Path, int], executor: LocalExecutor
) -> None:
    place, count = filled
    with Workspace.open(str(place)) as workspace:
        document = {
            "name": name,
            "input": INPUTS[name],
            "transform": {"function": "steps:work", "code": str(STEPS)},
        }
        workspace.pipelines.create(document, allow_empty=True)
        finish_queued(workspace, name)
    _work(place, executor)  # tells what the first job does not know yet: its task, and caches of code

    with Workspace.open(str(place)) as workspace:
        path = "/0000/001.txt" if name == "join" else f"/0000/{name}.txt"  # a new one would have no match
        commit = _change(workspace, path, f"new for {name}")
    planning = _counted(place, lambda one: one.pipelines.plan(name))
    working = _counted(place, lambda one: _run(one, executor))

    with Workspace.open(str(place)) as workspace:
        job = workspace.jobs.newest(name)
        assert (job.state, job.datums.run) == ("succeeded", 1), job.error
        assert job.set == commit.set_id
        workspace.pipelines.delete(name, keep_repo=False)
    # A folder or group of a thousand files is read by the code that sees it, so its leaves are too.
    seen = _FOLDER if name in ("folders", "group") else 0
    for cost in (planning, working):
        _holds(cost, count, seen)


def _holds(cost: Cost, count: int, seen: int) -> None:
    levels = math.ceil(math.log(count, 64)) + 1
    assert cost.nodes <= 10 * levels + seen, cost
    assert cost.reads <= 10 * levels + seen, cost
    assert cost.statements <= 170, cost
    assert cost.rows <= 170, cost


def _counted(place: Path, act: Callable[[Workspace], object]) -> Cost:
    with Workspace.open(str(place)) as workspace:
        storage = workspace._parts.storage  # noqa: SLF001 - what is counted is not for users
        with counted(storage) as cost:
            act(workspace)
    return cost


def _work(place: Path, executor: LocalExecutor) -> None:
    with Workspace.open(str(place)) as workspace:
        _run(workspace, executor)


def _run(workspace: Workspace, executor: LocalExecutor) -> None:
    parts = workspace._parts  # noqa: SLF001
    Worker(parts.queue, handlers(parts, executor, processes=1), parts.clock).run(idle_exit_s=0)


def _change(workspace: Workspace, path: str, text: str) -> Any:
    with workspace.repo("texts").commit() as commit:
        commit.put(path, text)
    return workspace.repo("texts").at("main").commit
