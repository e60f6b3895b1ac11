"""A workspace with one repo and the row of one pipeline that copies out what is committed to it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from headwater.clock import SystemClock
from headwater.db import Catalog
from headwater.pipelines.egress import Egress, Sent
from headwater.pipelines.spec import Egress as EgressSpec
from headwater.pipelines.spec import OutputSpec, PipelineSpec
from headwater.pipelines.tables import pipelines
from headwater.repos import Commit, Repos
from headwater.storage import Storage, open_store
from tests.servers.postgres import fresh_catalog


@dataclass
class Sending:
    """What egress needs, and a repo `out` to fill."""

    catalog: Catalog
    storage: Storage
    repos: Repos
    egress: Egress

    def commit(self, files: Mapping[str, str | bytes | None]) -> Commit:
        """Commits files; none deletes one."""
        with self.repos.get("out").commit("main", allow_empty=True) as commit:
            for path, content in files.items():
                if content is None:
                    commit.delete(path)
                else:
                    commit.put(path, content)
        return commit.commit

    def send(self, commit: Commit, url: str, *, look: Callable[[], object] = int, **options: Any) -> Sent:
        """Sends a commit as pipeline 1."""
        spec = PipelineSpec(
            name="p",
            kind="transform",
            input=None,
            output=OutputSpec(repo="out"),
            egress=EgressSpec(url=url, **options),
        )
        sent = self.egress.send(1, spec, commit, look=look)
        assert sent is not None
        return sent


@pytest.fixture
def sending(tmp_path: Path) -> Iterator[Sending]:
    clock = SystemClock()
    catalog = fresh_catalog(f"sqlite:///{tmp_path}/catalog.db")
    storage = Storage(catalog, open_store(f"file:{tmp_path / 'objects'}"), clock=clock)
    repos = Repos(catalog, storage, clock=clock)
    repos.create("out")
    row = {"id": 1, "name": "p", "kind": "transform", "version": 1, "output_repo": "out"}
    row |= {"output_branch": "main", "salt": "", "state": "running", "created_ms": 0}
    with catalog.write() as conn:
        known = {name: value for name, value in row.items() if name in pipelines.c}
        conn.execute(sa.insert(pipelines).values(**known))
    yield Sending(catalog, storage, repos, Egress(catalog, repos, storage, clock))
    catalog.close()
