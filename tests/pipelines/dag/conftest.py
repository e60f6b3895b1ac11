"""Pipelines without an engine: a job's commit says, as its only file, what went into it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from headwater.api.documents import PipelineInfo, Provenance
from headwater.clock import Clock, SystemClock
from headwater.db import Catalog
from headwater.execution import Beat, Queue
from headwater.ids import CommitId, SetId
from headwater.pipelines import store
from headwater.pipelines.dag import Trigger, Wish, take
from headwater.pipelines.dag.store import Place
from headwater.pipelines.roots import PipelineBonds
from headwater.pipelines.service import Pipelines
from headwater.pipelines.spec import CrossInput, FilesInput, LoadedSpec, OutputSpec, PipelineSpec
from headwater.pipelines.store import JobRow
from headwater.repos import Repos, Trees
from headwater.storage import Content, Put, Storage, open_store
from tests.servers.postgres import fresh_catalog


def place_of(ref: str) -> Place:
    repo, _, branch = ref.partition("@")
    return repo, branch or "main"


def spec_over(name: str, *inputs: str, **changes: Any) -> PipelineSpec:
    """Returns a spec that reads these branches and writes a repo of its own name."""
    leaves = [
        FilesInput(f"in{at}", place_of(ref)[0], place_of(ref)[1], "/*") for at, ref in enumerate(inputs)
    ]
    whole = leaves[0] if len(leaves) == 1 else CrossInput(tuple(leaves))
    spec = PipelineSpec(name=name, kind="test", input=whole, output=OutputSpec(name))
    return msgspec.structs.replace(spec, **changes)


@dataclass
class Flow:
    """The parts that jobs are made of, and the hands that end them."""

    catalog: Catalog
    storage: Storage
    repos: Repos
    queue: Queue
    trigger: Trigger
    clock: Clock
    pipelines: Pipelines

    def create(self, name: str, *inputs: str, **changes: Any) -> PipelineInfo:
        """Creates a pipeline as people do."""
        return self.pipelines.create(LoadedSpec(spec_over(name, *inputs, **changes)))

    def work(self) -> None:
        """Does what waits for a moment that has come, and for a transaction of its own."""
        handlers = dict(self.pipelines.ticker.handlers)
        while claim := self.queue.claim("worker", handlers):
            handlers[claim.task.kind](claim, Beat(threading.Event()))

    def add(self, name: str, *inputs: str, **changes: Any) -> int:
        """Adds a pipeline, without a first job."""
        spec = spec_over(name, *inputs, **changes)
        with self.catalog.write() as conn:
            self.repos.ensure(conn, spec.output.repo, kind="output")
            now_ms = self.clock.now_ms()
            row = store.add_pipeline(conn, spec, now_ms)
            version = store.NewVersion("digest", now_ms)
            return store.add_version(conn, row, spec, version).id

    def source(self, *names: str) -> None:
        for name in names:
            self.repos.create(name)

    def put(self, ref: str, text: str) -> SetId:
        """Commits a text to a branch."""
        repo, branch = place_of(ref)
        with self.repos.get(repo).commit(branch) as commit:
            commit.put("/file", text)
        return self.repos.resolve(f"{repo}@{branch}").set_id

    def request(self, name: str, wish: Wish | None = None) -> str | None:
        with self.catalog.write() as conn:
            pipeline = store.find_pipeline(conn, name)
            assert pipeline is not None
            set_id = self.repos.new_set(conn)
            return self.trigger.start(conn, self.repos, pipeline, wish or Wish("request"), set_id=set_id)

    def take(self, name: str) -> JobRow | None:
        """Begins the next job of a pipeline."""
        with self.catalog.write() as conn:
            pipeline = store.find_pipeline(conn, name)
            assert pipeline is not None
            return take(conn, self.repos, pipeline, self.trigger, self.clock)

    def finish(self, job: JobRow) -> None:
        """Makes a job's commit of what it reads."""
        with self.catalog.read() as conn:
            inputs = store.inputs_of(conn, job.id)
            head = self.repos.head(conn, job.repo, job.branch)
        said = {f"{one.repo}@{one.branch}": self.saw(one.commit_id) for one in inputs}
        writer = self.storage.writer()
        content = writer.add(msgspec.json.encode(said, order="sorted"))
        assert isinstance(content, Content)
        tree = writer.edit(self.storage.tree(None), [Put("saw.json", content)])
        writer.seal()
        with self.catalog.write() as conn:
            commit = CommitId(job.commit_id or "")
            went_in = [Provenance("commit", one.repo, one.commit_id, one.name) for one in inputs]
            self.repos.complete(
                conn,
                commit,
                state="finished",
                trees=Trees(tree),
                writer=writer,
                expect=head,
                provenance=went_in,
            )
            self.end(conn, job, "succeeded")

    def fail(self, job: JobRow, how: Literal["failed", "cancelled"] = "failed") -> None:
        with self.catalog.write() as conn:
            self.repos.complete(conn, CommitId(job.commit_id or ""), state="failed")
            self.end(conn, job, how)

    def skip(self, job: JobRow) -> None:
        """Ends a job as one that was not due."""
        with self.catalog.write() as conn:
            self.repos.complete(conn, CommitId(job.commit_id or ""), state="covered")
            self.end(conn, job, "skipped")

    def end(self, conn: Connection, job: JobRow, how: Any) -> None:
        store.change_job(conn, job.id, state=how, finished_ms=self.clock.now_ms())
        self.trigger.ended(conn, self.repos, job, how)

    def run(self, name: str) -> JobRow | None:
        """Takes a job of a pipeline and finishes it."""
        job = self.take(name)
        if job is not None:
            self.finish(job)
        return job

    def drain(self, *names: str) -> int:
        """Runs pipelines until none has anything to do; returns how many jobs ran."""
        ran = 0
        while done := sum(self.run(name) is not None for name in names):
            ran += done
        return ran

    def saw(self, commit: str) -> Any:
        """Returns what a commit is made of: its text, or what its job read."""
        view = self.repos.view(self.repos.commit_by_id(commit))
        *_, file = view.walk()
        data = view.read(file.path)
        return msgspec.json.decode(data) if file.path == "/saw.json" else data.decode()

    def output(self, name: str) -> Any:
        return self.saw(self.repos.resolve(f"{name}@main").id)

    def states(self, name: str) -> list[str]:
        """Returns the states of a pipeline's jobs, oldest first."""
        return [job.state for job in self.jobs(name)]

    def jobs(self, name: str) -> list[JobRow]:
        with self.catalog.read() as conn:
            found = [
                row for row, of in store.list_jobs(conn, kind=None, before=None, limit=10_000) if of == name
            ]
        return found[::-1]

    def woken(self) -> set[str]:
        """Returns the pipelines whose task waits."""
        return {name for name in self._names() if self.queue.is_unfinished(f"pipeline:{self._id(name)}")}

    def _names(self) -> list[str]:
        with self.catalog.read() as conn:
            return store.pipeline_names(conn)

    def _id(self, name: str) -> int:
        with self.catalog.read() as conn:
            row = store.find_pipeline(conn, name)
        assert row is not None
        return row.id


@contextmanager
def counted(catalog: Catalog) -> Iterator[list[str]]:
    """Gives the statements that the block runs."""
    statements: list[str] = []

    def count(*given: Any) -> None:
        statements.append(given[2])

    sa.event.listen(catalog.engine, "before_cursor_execute", count)
    try:
        yield statements
    finally:
        sa.event.remove(catalog.engine, "before_cursor_execute", count)


@contextmanager
def open_flow(
    folder: Path, url: str, *, create: bool = True, most_at_once: int = 1_000, clock: Clock | None = None
) -> Iterator[Flow]:
    """Opens a workspace's parts; several may do so at the same time."""
    clock = clock or SystemClock()
    catalog = fresh_catalog(url, clock=clock) if create else Catalog.open(url, clock=clock)
    storage = Storage(catalog, open_store(f"file:{folder / 'objects'}"), clock=clock)
    queue = Queue(catalog)
    trigger = Trigger(queue, clock, most_at_once=most_at_once)
    bonds = PipelineBonds()
    repos = Repos(catalog, storage, clock=clock, hooks=(trigger,), users=(bonds,), owners=(bonds,))
    pipelines = Pipelines(catalog, repos, trigger, clock, storage)
    try:
        yield Flow(catalog, storage, repos, queue, trigger, clock, pipelines)
    finally:
        catalog.close()


@pytest.fixture
def flow(tmp_path: Path, catalog_url: str) -> Iterator[Flow]:
    with open_flow(tmp_path, catalog_url) as flow:
        yield flow
