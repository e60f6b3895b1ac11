"""A workspace whose spouts and services run under a worker, which is a thread here, or a process to be killed."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3
from sqlalchemy import Connection

from headwater.clock import SystemClock
from headwater.db import Catalog
from headwater.execution import Queue, Worker
from headwater.pipelines import store as rows
from headwater.pipelines.dag import Trigger
from headwater.pipelines.longrun import KINDS, log_of
from headwater.pipelines.longrun import store as longrun_store
from headwater.pipelines.longrun.service import ServiceHandler
from headwater.pipelines.longrun.spout import SpoutHandler
from headwater.pipelines.longrun.store import Status
from headwater.pipelines.spec import Egress, FilesInput, OutputSpec, PipelineSpec, Service, Spout, Transform
from headwater.repos import Commit, Repos
from headwater.storage import Put, Storage, open_store
from tests.servers.postgres import fresh_catalog
from tests.waiting import PATIENCE_S

BACK_OFF_S = 0.05


@dataclass
class Place:
    """What spouts and services need, in a folder, with a catalog that other processes may open."""

    folder: Path
    catalog: Catalog
    storage: Storage
    repos: Repos
    queue: Queue
    clock: SystemClock
    files_at: Path

    def spout(
        self,
        code: Mapping[str, str],
        *,
        overwrite: bool = False,
        egress: Egress | None = None,
        **transform: Any,
    ) -> None:
        """Makes the spout `s`, or gives it a new version; it writes the repo `s`."""
        self._save(
            code,
            name="s",
            kind="spout",
            input=None,
            output=OutputSpec(repo="s"),
            transform=Transform(**transform),
            spout=Spout(overwrite=overwrite),
            egress=egress,
        )

    def service(self, code: Mapping[str, str], *, port: int = 0, glob: str = "/", **transform: Any) -> None:
        """Makes the service `s` over the repo `data`, or gives it a new version."""
        self._save(
            code,
            name="s",
            kind="service",
            input=FilesInput(name="data", repo="data", glob=glob),
            output=OutputSpec(repo="s"),
            transform=Transform(**transform),
            service=Service(port=port),
        )

    def _save(self, code: Mapping[str, str], **fields: Any) -> None:
        spec = PipelineSpec(**fields)
        writer = self.storage.writer()
        tree = writer.edit(
            self.storage.tree(None),
            [
                Put(path, writer.add(text.encode(), executable=text.startswith("#!")))
                for path, text in code.items()
            ],
        )
        writer.seal()
        digest = blake3(spec.canonical() + tree.root_hash).hexdigest()
        with self.catalog.write() as conn:
            if code:
                writer.publish(conn)
            root = None if tree.root is None else tree.root.encode()
            self.repos.ensure(conn, spec.output.repo, kind="output")
            row = rows.find_pipeline(conn, spec.name) or rows.add_pipeline(conn, spec, self.clock.now_ms())
            version = rows.NewVersion(digest, self.clock.now_ms(), code_root=root, code=digest)
            self._wake(conn, rows.add_version(conn, row, spec, version))

    def set_state(self, state: str) -> None:
        with self.catalog.write() as conn:
            row = rows.find_pipeline(conn, "s")
            assert row is not None
            rows.set_state(conn, row.id, state)
            if state == "running":
                self._wake(conn, row)

    def _wake(self, conn: Connection, row: rows.PipelineRow) -> None:
        Trigger(self.queue, self.clock).wake_long(conn, row)

    def put(self, files: Mapping[str, str | None]) -> Commit:
        """Commits to the repo `data`."""
        with self.repos.get("data").commit("main") as commit:
            for path, text in files.items():
                if text is None:
                    commit.delete(path)
                else:
                    commit.put(path, text)
        return commit.commit

    def commits(self) -> list[Commit]:
        """Returns the commits of the spout, oldest first."""
        with self.catalog.read() as conn:
            head = self.repos.head(conn, "s", "main")
        found: list[Commit] = []
        while head is not None:
            found.append(self.repos.commit_by_id(head))
            head = found[-1].parent
        return found[::-1]

    def files(self) -> dict[str, str]:
        """Returns the files of the spout's last commit."""
        view = self.repos.get("s").at("main")
        return {one.path[1:]: view.read(one.path).decode() for one in view.walk()}

    def status(self) -> Status | None:
        with self.catalog.read() as conn:
            row = rows.find_pipeline(conn, "s")
            return None if row is None else longrun_store.status(conn, row.id)

    def state(self) -> str:
        found = self.status()
        return "" if found is None else found.state

    def log(self) -> str:
        return "\n".join(log_of(self.catalog, self.files_at, "s") or [])

    def worker(self, *, ttl_s: float = 15.0) -> Worker:
        kinds = (SpoutHandler, ServiceHandler)
        handlers = {one.kind: one(self, self.files_at, back_off_s=BACK_OFF_S).handle for one in kinds}
        return Worker(self.queue, handlers, self.clock, ttl_s=ttl_s, lasting=KINDS)

    @contextmanager
    def working(self, *, ttl_s: float = 15.0) -> Iterator[None]:
        """Has a worker work during the block."""
        stop = threading.Event()
        thread = threading.Thread(target=self.worker(ttl_s=ttl_s).run, kwargs={"stop": stop})
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(PATIENCE_S)
            assert not thread.is_alive()


def open_place(folder: Path, url: str, *, create: bool = True) -> Place:
    """Opens the workspace in a folder."""
    clock = SystemClock()
    catalog = fresh_catalog(url) if create else Catalog.open(url)
    storage = Storage(catalog, open_store(f"file:{folder / 'objects'}"), clock=clock)
    repos = Repos(catalog, storage, clock=clock)
    if create:
        repos.create("data")
    return Place(folder, catalog, storage, repos, Queue(catalog), clock, folder / "longrun")


@pytest.fixture
def place(tmp_path: Path, catalog_url: str) -> Iterator[Place]:
    place = open_place(tmp_path, catalog_url)
    yield place
    place.catalog.close()
