"""A pipeline whose one datum prints line by line, each when a gate is opened for it, and somebody who listens."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from headwater.clock import SystemClock
from headwater.execution import Executor, Worker
from headwater.pipelines import Jobs
from headwater.pipelines.engine import DatumReader, live, printed
from headwater.pipelines.errors import JobEnded
from headwater.storage import ObjectNotFound, ObjectStore
from headwater.workspace import Workspace
from headwater.workspace.handlers import handlers

TOKEN = "very-secret-token"
# Says half of its secret, and goes on when the gate is opened, and closed: the next time is not the same one.
FUNCTION = """
import os
import sys

def wait():
    with open(os.environ["GATE"]) as gate:
        gate.read()

def talk(texts, out):
    print("first")
    sys.stdout.write(os.environ["TOKEN"][:6])
    sys.stdout.flush()
    wait()
    print(os.environ["TOKEN"][6:])
    print("second")
    wait()
    print("last")
    out.write("said", "all")
"""
COMMAND = """
echo first
printf %.6s "$TOKEN"
cat "$GATE" > /dev/null
echo "${TOKEN#very-s}"
echo second
cat "$GATE" > /dev/null
echo last
"""


@dataclass
class Talk:
    """A workspace in which the datum talks, and the hands to drive it."""

    workspace: Workspace
    gate: Path
    worker: threading.Thread

    @property
    def objects(self) -> ObjectStore:
        found: ObjectStore = self._parts.storage.objects
        return found

    @property
    def reader(self) -> DatumReader:
        return DatumReader(self._parts, self._parts.kinds)

    @property
    def jobs(self) -> Jobs:
        """Returns the jobs as the workspace has them, but for a worker that would come when somebody waits."""
        return Jobs(self._parts.catalog, self._parts.repos, SystemClock(), reader=lambda: self.reader)

    @property
    def job(self) -> str:
        return self.workspace.jobs.newest("talk").id

    @property
    def _parts(self) -> Any:
        return self.workspace._parts  # noqa: SLF001 - a worker's own parts

    def open_gate(self) -> None:
        """Lets the datum go on, once it waits."""
        self.gate.write_text("go\n")

    def shown(self) -> list[bytes]:
        """Returns what is shown now."""
        found = []
        for key in self.objects.list("live/"):
            with suppress(ObjectNotFound):  # the next one has just taken its place
                found.append(self.objects.get(key))
        return found


@contextmanager
def talking(folder: Path, executor: Executor, kind: str, objects: str | None = None) -> Iterator[Talk]:
    """Lets a worker run the pipeline, whose datum shows itself soon, and often."""
    with pytest.MonkeyPatch.context() as patch, Workspace.create(str(folder), objects=objects) as workspace:
        patch.setattr(live, "EVERY_S", 0.05)
        patch.setattr(printed, "_LOOK_S", 0.0)
        patch.setenv("TALK_TOKEN", TOKEN)
        os.mkfifo(folder / "gate")
        workspace.create_repo("texts")
        with workspace.repo("texts").commit() as commit:
            commit.put("/a.txt", "text")
        workspace.pipelines.create(_spec(folder, kind))
        parts = workspace._parts  # noqa: SLF001 - a worker of a thread of this process
        one = Worker(parts.queue, handlers(parts, executor, processes=1), parts.clock)
        worker = threading.Thread(target=one.run, kwargs={"idle_exit_s": 0})
        worker.start()
        try:
            yield Talk(workspace, folder / "gate", worker)
        finally:
            with suppress(JobEnded):
                workspace.jobs.cancel(workspace.jobs.newest("talk").id)
            worker.join()


def _spec(folder: Path, kind: str) -> dict[str, Any]:
    transform: dict[str, Any] = {"command": ["sh"], "stdin": COMMAND.splitlines()}
    if kind == "function":
        code = folder / "code"
        code.mkdir()
        (code / "talks.py").write_text(FUNCTION)
        transform = {"function": "talks:talk", "code": str(code)}
    return {
        "name": "talk",
        "input": {"files": {"name": "texts", "repo": "texts", "glob": "/*"}},
        "transform": {
            **transform,
            "env": {"GATE": str(folder / "gate")},
            "secrets": {"TOKEN": "env:TALK_TOKEN"},
        },
    }
