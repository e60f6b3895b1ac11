"""Several processes on one catalog, killed where it hurts, and what a commit costs."""

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from headwater.db import Catalog, Counters
from headwater.db.tables import counters
from tests.servers.postgres import fresh_catalog

COUNT = """
import sys
from headwater.db import Catalog, Counters
catalog = Catalog.open(sys.argv[1])
sys.stdin.readline()
for _ in range(int(sys.argv[2])):
    with catalog.write() as conn:
        Counters.next(conn, "shared")
"""

HALF = """
import sys
from headwater.db import Catalog
from headwater.db.tables import counters
from tests.servers.postgres import fresh_catalog
catalog = Catalog.open(sys.argv[1])
with catalog.write() as conn:
    conn.execute(counters.insert(), [{"name": f"{i:0500d}", "value": i} for i in range(20_000)])
    print("half way", flush=True)
    sys.stdin.readline()
"""


def start(program: str, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_two_processes_write_in_turn_and_lose_nothing(catalog_url: str) -> None:
    catalog = fresh_catalog(catalog_url)
    writers = [start(COUNT, catalog_url, "100") for _ in range(2)]

    for writer in writers:
        writer.communicate("go\n")

    with catalog.write() as conn:
        assert Counters.next(conn, "shared") == 201


def test_a_writer_killed_in_its_transaction_leaves_nothing_and_blocks_nobody(catalog_url: str) -> None:
    catalog = fresh_catalog(catalog_url)
    writer = start(HALF, catalog_url)
    assert writer.stdout is not None
    assert writer.stdout.readline() == "half way\n"

    writer.send_signal(signal.SIGKILL)
    writer.communicate()

    with catalog.write() as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(counters)).scalar() == 0
        assert Counters.next(conn, "after") == 1
        if catalog.dialect == "sqlite":
            assert conn.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace: apt-get install strace")
def test_a_write_transaction_costs_one_fsync(url: str, catalog: Catalog, tmp_path: Path) -> None:
    log = tmp_path / "strace.log"
    tracer = ["strace", "-f", "-y", "-e", "trace=fsync,fdatasync", "-o", str(log)]
    program = [sys.executable, "-c", COUNT, url, "100"]
    with catalog.write() as conn:
        Counters.next(
            conn, "shared"
        )  # the log exists and this process keeps it, so no start and no end is counted

    subprocess.run(tracer + program, input="go\n", text=True, check=True)

    synced = re.findall(r"(?:fsync|fdatasync)\(\d+<.*/(.*)>\)", log.read_text())
    assert synced.count("catalog.db-wal") == 100
    assert len(synced) - 100 <= 2  # a checkpoint syncs the database itself
