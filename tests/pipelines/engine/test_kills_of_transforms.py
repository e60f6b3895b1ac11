"""Coordinators of transforms killed at each of their transactions, with successes, failures and a finish to lose."""

import signal
from pathlib import Path

import pytest

from headwater.pipelines import store
from headwater.pipelines.engine import store as rows
from headwater.pipelines.spec import DatumSet
from tests.pipelines.engine.conftest import open_bench
from tests.pipelines.engine.dying import die_at


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("last", range(1, 9))
def test_a_failed_job_survives_the_death_of_its_coordinator(
    tmp_path: Path, catalog_url: str, last: int
) -> None:
    with open_bench(tmp_path, catalog_url) as bench:
        bench.create(datum_tries=1, datum_set=DatumSet(number=1), parallelism=2)
        bench.put({"a.txt": "one", "b.txt": "poison", "c.txt": "one two", "d.txt": "many"})

        ended = die_at(last, "tests.pipelines.engine.conftest:open_bench", tmp_path, catalog_url)

        assert ended in (-signal.SIGKILL, 0)
        job = bench.work()
        assert (job.state, job.datums.run, job.datums.failed, job.total) == ("failed", 3, 1, 4)
        job = bench.put_and_work({"b.txt": "cured"})
        assert (job.state, job.datums.run, job.datums.kept) == ("succeeded", 1, 3)
        assert len(bench.output()) == 24
        with bench.catalog.read() as conn:
            assert store.jobs_in(conn, 1, store.TAKEN) == []
            assert list(rows.parts_of(conn, job.id)) == []
