"""Jobs on a Ray cluster of three nodes, of which one dies at some moment while its datums run."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from headwater.execution import RayExecutor, Worker
from headwater.workspace import Workspace
from headwater.workspace.handlers import calls, handlers
from tests.conftest import LARGE
from tests.servers.ray_cluster import RayNodes, nodes

_DATUMS, _SET, _NODES = 60, 3, 3
_DEADLINE_S = 60.0
# Each datum notes that it has begun, in a file of the process that it runs in or under. The first
# there goes on once there is one on each node: those that are ready first would else do all the work.
_FUNCTION = """
import os, time

BEGUN = time.monotonic()

def shouted(texts, out):
    with open(os.path.join(os.environ["NOTES"], str(os.getpid())), "a") as notes:
        notes.write(texts.file.name + "\\n")
    until = BEGUN + 10
    while len(os.listdir(os.environ["NOTES"])) < 3 and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(0.04)
    out.write(texts.file.name, texts.file.read_text().upper())
"""
_COMMAND = """
name=$(basename "$texts")
echo "$name" >> "$NOTES/$PPID"
left=500
[ "$(wc -l < "$NOTES/$PPID")" = 1 ] || left=0
while [ $left -gt 0 ] && [ "$(ls "$NOTES" | wc -l)" -lt 3 ]; do sleep 0.02; left=$((left - 1)); done
sleep 0.04
tr a-z A-Z < "$texts" > "$HEADWATER_OUTPUT/$name"
"""


class Notes:
    """What datums have written down of themselves."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder

    def begun(self) -> Counter[str]:
        """Returns how often each datum was begun."""
        return Counter(line for file in self.folder.iterdir() for line in file.read_text().splitlines())


@pytest.fixture(scope="module")
def started() -> Iterator[RayNodes]:
    with nodes(_NODES - 1) as found:
        yield found


@pytest.fixture
def cluster(started: RayNodes) -> RayNodes:
    started.add()  # in place of the one that the test before has killed
    return started


def _spec(kind: str, notes: Notes, code: Path) -> dict[str, Any]:
    transform: dict[str, Any] = {"command": ["sh"], "stdin": _COMMAND.splitlines()}
    if kind == "function":
        code.mkdir()
        (code / "steps.py").write_text(_FUNCTION)
        transform = {"function": "steps:shouted", "code": str(code)}
    return {
        "name": "shouted",
        "input": {"files": {"name": "texts", "repo": "texts", "glob": "/*"}},
        "transform": {**transform, "env": {"NOTES": str(notes.folder)}},
        "datum_set": {"number": _SET},
    }


def _kill_one(cluster: RayNodes, notes: Notes, after: int, *, with_all: bool) -> None:
    """Kills the newest node once some datums have been begun."""
    until_s = time.monotonic() + _DEADLINE_S
    while notes.begun().total() < after:
        assert time.monotonic() < until_s, notes.begun()
        time.sleep(0.005)
    number = len(cluster.nodes) - 1
    if with_all:
        cluster.lose(number)
    else:
        cluster.kill(number)  # what runs there notices within a second or two, and may answer until then


@pytest.mark.parametrize("seed", range(5 if LARGE else 1))
@pytest.mark.parametrize(("kind", "with_all"), [("function", True), ("command", True), ("command", False)])
def test_a_lost_node_costs_its_datum_sets_only_and_each_datum_counts_once(
    cluster: RayNodes, tmp_path: Path, kind: str, with_all: bool, seed: int
) -> None:
    chance, notes = random.Random(f"{kind}-{seed}"), Notes(tmp_path / "notes")
    texts = {f"{number}.txt": f"film {number}" for number in range(_DATUMS)}
    with (
        Workspace.create(str(tmp_path / "workspace")) as workspace,
        RayExecutor(calls(), cluster.address, folder=tmp_path) as executor,
    ):
        workspace.create_repo("texts")
        workspace.pipelines.create(_spec(kind, notes, tmp_path / "code"), allow_empty=True)
        with workspace.repo("texts").commit() as commit:
            for name, text in texts.items():
                commit.put(f"/{name}", text)
        parts = workspace._parts  # noqa: SLF001 - a worker of a thread of this process
        with ThreadPoolExecutor(1) as threads:
            killed = threads.submit(_kill_one, cluster, notes, chance.randrange(5, 40), with_all=with_all)
            Worker(parts.queue, handlers(parts, executor), parts.clock).run(idle_exit_s=0)
            killed.result()

        job = workspace.jobs.newest("shouted")
        assert (job.state, job.error) == ("succeeded", None)
        assert (job.datums.run, job.datums.failed, job.total) == (_DATUMS, 0, _DATUMS)
        view = workspace.repo("shouted").at("main")
        assert {entry.path: view.read(entry.path).decode() for entry in view.tree.entries()} == {
            name: text.upper() for name, text in texts.items()
        }
    begun = notes.begun()
    repeats = begun.total() - _DATUMS
    assert begun.keys() == texts.keys()
    assert repeats <= _SET, begun  # a node of one core runs one set at a time
