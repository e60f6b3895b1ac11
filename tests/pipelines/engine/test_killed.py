"""Coordinators killed at each of their transactions; a successor finishes once and repeats nothing accepted."""

import signal
from pathlib import Path

import pytest

from headwater.api.documents import JobInfo
from headwater.pipelines import Datum, DatumInput, store
from headwater.pipelines.engine import store as engine_store
from headwater.pipelines.engine.accepted import read_set
from headwater.pipelines.keys import datum_key
from headwater.storage import PortableFile
from tests.pipelines.conftest import Engine, open_engine
from tests.pipelines.engine.dying import die_at

# Take, reserve, run, accept (a few), number, accept, finishing, finish, release, end: at most.
TRANSACTIONS = 12


def accepted(engine: Engine, job: JobInfo) -> set[str]:
    """Returns the files whose datums have been accepted."""
    with engine.catalog.read() as conn:
        sets = [read_set(part.results) for part in engine_store.parts_of(conn, job.id)]
    keys = {result.key for one in sets for result in one.results}
    names = {f"{name}.txt" for name in "abc"}
    return {name for name in names if datum_key(datum_over(name)) in keys}


def datum_over(name: str) -> Datum:
    file = DatumInput("texts", "texts", "main", name, bytes(32), PortableFile(bytes(32), 0, False, ()))
    return Datum(name, (file,), "count", b"", b"", "")


@pytest.mark.parametrize(
    ("catalog_url", "last"),
    [("sqlite", last) for last in range(1, TRANSACTIONS + 1)] + [("postgresql", last) for last in (2, 8)],
    indirect=["catalog_url"],
)
def test_a_coordinator_killed_at_any_transaction_leaves_all_to_its_successor(
    tmp_path: Path, catalog_url: str, last: int
) -> None:
    log = tmp_path / "log"
    with open_engine(tmp_path, catalog_url) as engine:
        engine.put(**dict.fromkeys("abc", f"logged in {log}"))
        job = engine.submit()

        ended = die_at(last, "tests.pipelines.conftest:open_engine", tmp_path, catalog_url)

        kept = accepted(engine, job)
        engine.work()
        done = engine.jobs.wait(job.id)
        assert (done.state, done.datums.run) == ("succeeded", 4)
        assert [commit.id for commit in engine.repos.get("count").log().items] == [job.commit]
        assert engine.output()["/total.txt"] == "9"
        runs = log.read_text().split()
        assert {name for name in kept if runs.count(name) > 1} == set()
        assert set(runs) == {"a.txt", "b.txt", "c.txt"}
        with engine.catalog.read() as conn:
            assert store.jobs_in(conn, 1, store.TAKEN) == []
            assert list(engine_store.parts_of(conn, job.id)) == []
        assert engine.queue.counts()["running"] == engine.queue.counts()["ready"] == 0
        assert ended == -signal.SIGKILL or (ended == 0 and last > 8)
