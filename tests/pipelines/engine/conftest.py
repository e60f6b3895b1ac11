"""A workspace with pipelines over files, whose datum sets do what their files say (see `calls`)."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from headwater.api.documents import JobInfo
from headwater.clock import Clock, SystemClock
from headwater.db import Catalog
from headwater.execution import Executor, LocalExecutor, Queue, Worker
from headwater.ids import JobId
from headwater.pipelines import (
    TASK_KIND,
    Coordinator,
    Jobs,
    Parts,
    PipelineBonds,
    TransformKind,
    Trigger,
    store,
)
from headwater.pipelines.dag import Wish
from headwater.pipelines.egress import Egress
from headwater.pipelines.engine.records import Known, known_of
from headwater.pipelines.runtime import CALLS
from headwater.pipelines.spec import FilesInput, OutputSpec, PipelineSpec, Transform
from headwater.repos import Repos
from headwater.storage import Storage, open_store
from tests.servers.postgres import fresh_catalog

SYSTEM_CLOCK = SystemClock()
OURS = dict.fromkeys(CALLS, "tests.pipelines.engine.calls:run_set")


@dataclass
class Bench:
    """All that jobs of transforms need, and hands to drive them."""

    catalog: Catalog
    storage: Storage
    repos: Repos
    queue: Queue
    jobs: Jobs
    trigger: Trigger
    executor: Executor
    clock: Clock
    kind: TransformKind

    def put(self, files: Mapping[str, str | None], repo: str = "texts") -> None:
        """Commits files; none deletes one."""
        with self.repos.get(repo).commit("main") as commit:
            for path, text in files.items():
                if text is None:
                    commit.delete(f"/{path}")
                else:
                    commit.put(f"/{path}", text)

    def create(self, code: str = "code-1", **changes: Any) -> None:
        """Makes the pipeline `out` over `texts`, or gives it another version."""
        spec = PipelineSpec(
            name="out",
            kind="transform",
            input=FilesInput(name="texts", repo="texts", glob="/*"),
            output=OutputSpec(repo="out"),
            transform=Transform(function="m:f", working_folder=code),
        )
        spec = msgspec.structs.replace(spec, **changes)
        with self.catalog.write() as conn:
            self.repos.ensure(conn, spec.output.repo, kind="output")
            now_ms = self.clock.now_ms()
            row = store.find_pipeline(conn, spec.name) or store.add_pipeline(conn, spec, now_ms)
            store.add_version(conn, row, spec, store.NewVersion("digest", now_ms, None, code, b"{}"))

    def start(self, **wish: Any) -> JobId:
        """Asks for a job of the pipeline."""
        with self.catalog.write() as conn:
            row = store.find_pipeline(conn, "out")
            assert row is not None
            set_id = self.repos.new_set(conn)
            job = self.trigger.start(conn, self.repos, row, Wish("request", **wish), set_id=set_id)
            assert job is not None
            return job

    @property
    def coordinator(self) -> Coordinator:
        parts = Parts(
            self.catalog,
            self.storage,
            self.repos,
            self.queue,
            lambda: self.executor,
            self.clock,
            self.trigger,
            Egress(self.catalog, self.repos, self.storage, self.clock),
            places=lambda: 2,
        )
        return Coordinator(parts, {self.kind.name: self.kind})

    def work(self, *, ttl_s: float = 15.0, stop: threading.Event | None = None) -> JobInfo:
        """Takes tasks until none is left, and returns the newest job."""
        handlers = {TASK_KIND: self.coordinator.handle}
        Worker(self.queue, handlers, self.clock, ttl_s=ttl_s).run(idle_exit_s=0, stop=stop)
        return self.last()

    def put_and_work(self, files: Mapping[str, str | None]) -> JobInfo:
        self.put(files)
        return self.work()

    def last(self) -> JobInfo:
        return self.jobs.list().items[0]

    def output(self, ref: str = "out@main") -> dict[str, str]:
        view = self.repos.get("out").at(ref.partition("@")[2])
        return {file.path.lstrip("/"): view.read(file.path).decode() for file in view.walk()}

    def records(self, commit: str | None) -> dict[str, Known]:
        """Returns what a commit's meta tree says, by label."""
        meta = self.storage.map_tree(self.repos.commit_by_id(commit or "").roots.meta)
        known = (known_of(entry) for entry in meta.entries())
        return {one.record.label: one for one in known}


@contextmanager
def open_bench(
    folder: Path,
    url: str,
    *,
    create: bool = True,
    calls: Mapping[str, str] = OURS,
    clock: Clock = SYSTEM_CLOCK,
) -> Iterator[Bench]:
    """Opens a workspace's engine; another process may do so at the same time."""
    catalog = fresh_catalog(url, clock=clock) if create else Catalog.open(url, clock=clock)
    storage = Storage(catalog, open_store(f"file:{folder / 'objects'}"), clock=clock)
    queue = Queue(catalog)
    trigger = Trigger(queue, clock)
    bonds = PipelineBonds()
    repos = Repos(catalog, storage, clock=clock, hooks=(trigger,), users=(bonds,), pins=lambda: (bonds,))
    with LocalExecutor(calls, 2, environment={"PYTHONPATH": str(Path.cwd())}) as executor:
        if create:
            repos.create("texts")
        jobs = Jobs(catalog, repos, clock, trigger=trigger)
        kind = TransformKind(storage)
        yield Bench(catalog, storage, repos, queue, jobs, trigger, executor, clock, kind)
    catalog.close()


@pytest.fixture
def bench(tmp_path: Path, catalog_url: str) -> Iterator[Bench]:
    with open_bench(tmp_path, catalog_url) as bench:
        yield bench
