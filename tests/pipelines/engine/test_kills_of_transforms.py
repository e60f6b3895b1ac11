"""Coordinators of transforms killed at each of their transactions, with successes, failures and a finish to lose."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from headwater.pipelines import store
from headwater.pipelines.engine import store as rows
from headwater.pipelines.spec import DatumSet
from tests.pipelines.engine.conftest import open_bench

# Works on the queue, and kills itself as the n-th transaction of a coordinator is about to be committed.
VICTIM = """
import contextlib, os, signal, sys
from pathlib import Path
from headwater.pipelines.coordinator import Coordinator
from headwater.pipelines.engine import compute
from tests.pipelines.engine.conftest import open_bench

last = int(sys.argv[3])
compute._SHORT_S = 0.0
with open_bench(Path(sys.argv[1]), sys.argv[2], create=False) as bench:
    write, handle, seen = bench.catalog.write, Coordinator.handle, []

    @contextlib.contextmanager
    def counted(**named):
        with write(**named) as conn:
            yield conn
            seen.append(1)
            if len(seen) == last:
                os.kill(os.getpid(), signal.SIGKILL)

    def handled(self, claim, beat):
        bench.catalog.write = counted
        handle(self, claim, beat)
        bench.catalog.write = write

    Coordinator.handle = handled
    bench.work(ttl_s=0.5)
"""


@pytest.mark.parametrize("catalog_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("last", range(1, 9))
def test_a_failed_job_survives_the_death_of_its_coordinator(
    tmp_path: Path, catalog_url: str, last: int
) -> None:
    with open_bench(tmp_path, catalog_url) as bench:
        bench.create(datum_tries=1, datum_set=DatumSet(number=1), parallelism=2)
        bench.put({"a.txt": "one", "b.txt": "poison", "c.txt": "one two", "d.txt": "many"})

        command = [sys.executable, "-c", VICTIM, str(tmp_path), catalog_url, str(last)]
        ended = subprocess.run(command, check=False, timeout=60).returncode

        assert ended in (-signal.SIGKILL, 0)
        job = bench.work()
        assert (job.state, job.datums.run, job.datums.failed, job.total) == ("failed", 3, 1, 4)
        job = bench.put_and_work({"b.txt": "cured"})
        assert (job.state, job.datums.run, job.datums.kept) == ("succeeded", 1, 3)
        assert len(bench.output()) == 24
        with bench.catalog.read() as conn:
            assert store.jobs_in(conn, 1, store.TAKEN) == []
            assert list(rows.parts_of(conn, job.id)) == []
