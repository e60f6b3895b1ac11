"""A catalog of a version in which a pipeline had one input gets the tables of today, with what it held."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from headwater.db import Catalog, schema
from headwater.pipelines import store
from headwater.pipelines.dag.store import newest_attempt

BEFORE = "0010"
ROWS = (
    """INSERT INTO pipelines
    (id, name, kind, version, output_repo, output_branch, salt, state, created_ms)
    VALUES (1, 'm', 'train', 1, 'models/iris', 'main', 's', 'running', 5)""",
    """INSERT INTO pipeline_inputs (pipeline_id, name, repo, branch, follow)
    VALUES (1, 'data', 'iris', 'main', TRUE)""",
    """INSERT INTO jobs
    (id, number, pipeline_id, version, set_id, commit_id, state, cause, run, kept, dropped, failed,
    created_ms, memory)
    VALUES ('j', 1, 1, 1, 's', 'c', 'queued', 'commit', 0, 0, 0, 0, 5, '{}')""",
    """INSERT INTO job_inputs (job_id, name, repo, branch, commit_id)
    VALUES ('j', 'data', 'iris', 'main', 'd')""",
)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/catalog.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


def test_what_was_there_keeps_its_meaning(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def begin(self: Catalog) -> None:
        with self._backend.migrating() as conn:
            schema.migrate(conn, now_ms=0, to=BEFORE)

    with monkeypatch.context() as patch:
        patch.setattr(Catalog, "_migrate", begin)
        old = Catalog.create(empty_url)
    with old.write() as conn:
        for statement in ROWS:
            conn.execute(sa.text(statement))
    old.close()

    catalog = Catalog.open(empty_url)

    with catalog.read() as conn:
        job = store.job_by_id(conn, "j")
        assert job is not None
        assert (job.repo, job.branch, job.waits, job.forced) == ("models/iris", "main", 0, False)
        assert store.inputs_of(conn, "j") == [store.JobInput(0, "data", "iris", "main", "d")]
        attempt = newest_attempt(conn, 1, ("models/iris", "main"))
        assert attempt is not None
        assert attempt.id == "j"
    catalog.close()
