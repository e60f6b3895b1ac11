"""A workspace's engine with real parts and a small kind: one datum per file, and one that counts them."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection

from headwater.api.documents import JobInfo, Provenance
from headwater.clock import SystemClock
from headwater.db import Catalog
from headwater.execution import Executor, LocalExecutor, Queue, Task, Worker
from headwater.ids import CommitId
from headwater.pipelines import (
    TASK_KIND,
    Coordinator,
    Datum,
    DatumInput,
    Due,
    FilesInput,
    Jobs,
    JobView,
    Listed,
    OutputSpec,
    Parts,
    PipelineBonds,
    Pipelines,
    PipelineSpec,
    Trigger,
)
from headwater.repos import Repos
from headwater.storage import Storage, open_store
from tests.servers.postgres import fresh_catalog


@dataclass
class CountWords(Listed):
    """Counts the words of each file, and sums them up in a closing datum."""

    storage: Storage
    code: str = "code-1"
    name: str = "count"
    finished_commits: list[str] = field(default_factory=list)

    def due(self, job: JobView) -> Due:
        return Due(run=True, memory={"files": job.views["texts"].files})

    def datums(self, job: JobView) -> Iterable[Datum]:
        for entry in job.views["texts"].entries():
            file = DatumInput("texts", "texts", "main", entry.path, entry.hash, self.storage.portable(entry))
            yield Datum(entry.path, (file,), "count", b"", b"", self.code)

    def claimed(self, conn: Connection, job: JobView) -> Mapping[str, Any]:
        return {}

    def closing(self, job: JobView) -> Datum | None:
        return Datum("sum", (), "sum", b"", b"", self.code, part="sum")

    def seal(self, written: Mapping[str, bytes]) -> Mapping[str, bytes]:
        return {"sealed.txt": b"sealed " + written["total.txt"]}

    def provenance(self, job: JobView) -> list[Provenance]:
        return [Provenance("code", "", self.code, "code")]

    def message(self, job: JobView) -> str:
        return "counted"

    def unchanged(self, job: JobView) -> str:
        return "nothing has changed"

    def finished(self, conn: Connection, job: JobView, commit: CommitId) -> str:
        self.finished_commits.append(commit)
        return f"done {commit[:8]}"


@dataclass
class Engine:
    """Everything of one workspace that pipelines need."""

    catalog: Catalog
    storage: Storage
    repos: Repos
    queue: Queue
    pipelines: Pipelines
    jobs: Jobs
    trigger: Trigger
    kind: CountWords
    executor: Executor
    clock: SystemClock

    def put(self, **texts: str | None) -> None:
        """Commits texts; none deletes a file."""
        with self.repos.get("texts").commit("main") as commit:
            for name, text in texts.items():
                if text is None:
                    commit.delete(f"/{name}.txt")
                else:
                    commit.put(f"/{name}.txt", text)

    def submit(self, **changes: Any) -> JobInfo:
        """Asks for a job; `changes` are fields of the spec."""
        spec = PipelineSpec(
            name="count",
            kind="count",
            input=FilesInput(name="texts", repo="texts", glob="/*"),
            output=OutputSpec(repo="count"),
        )
        return self.pipelines.submit(msgspec.structs.replace(spec, **changes))

    @cached_property
    def parts(self) -> Parts:
        """What jobs run with."""
        return Parts(
            self.catalog,
            self.storage,
            self.repos,
            self.queue,
            lambda: self.executor,
            self.clock,
            self.trigger,
        )

    @property
    def coordinator(self) -> Coordinator:
        """What a worker advances the pipeline with."""
        return Coordinator(self.parts, {"count": self.kind})

    def work(self, *, ttl_s: float = 15.0, stop: threading.Event | None = None) -> None:
        """Takes tasks until none is left, or until told to stop."""
        handlers = {TASK_KIND: self.coordinator.handle}
        Worker(self.queue, handlers, self.clock, ttl_s=ttl_s).run(idle_exit_s=0, stop=stop)

    def output(self) -> dict[str, str]:
        """Returns the files of the pipeline's output."""
        view = self.repos.get("count").at("main")
        return {file.path: view.read(file.path).decode() for file in view.walk()}

    def last(self) -> JobInfo:
        return self.jobs.list().items[0]


@contextmanager
def open_engine(folder: Path, url: str, *, create: bool = True) -> Iterator[Engine]:
    """Opens a workspace's engine with its objects in a folder; another process may do so at the same time."""
    clock = SystemClock()
    catalog = fresh_catalog(url) if create else Catalog.open(url)
    storage = Storage(catalog, open_store(f"file:{folder / 'objects'}"), clock=clock)
    hooks: list[Callable[[Connection, Task, str], None]] = []

    def abandon(conn: Connection, task: Task, error: str) -> None:
        hooks[0](conn, task, error)

    queue = Queue(catalog, on_failure={TASK_KIND: abandon})
    trigger = Trigger(queue, clock)
    bonds = PipelineBonds()
    repos = Repos(catalog, storage, clock=clock, hooks=(trigger,), users=(bonds,), pins=lambda: (bonds,))
    pipelines = Pipelines(catalog, repos, trigger, clock, storage)
    hooks.append(pipelines.abandon)
    calls = {name: f"tests.pipelines.calls:{name}" for name in ("count", "sum")}
    with LocalExecutor(calls, 2, environment={"PYTHONPATH": str(Path.cwd())}) as executor:
        if create:
            repos.create("texts")
        jobs = Jobs(catalog, repos, clock)
        yield Engine(
            catalog, storage, repos, queue, pipelines, jobs, trigger, CountWords(storage), executor, clock
        )
    catalog.close()


@pytest.fixture
def engine(tmp_path: Path, catalog_url: str) -> Iterator[Engine]:
    with open_engine(tmp_path, catalog_url) as engine:
        yield engine
