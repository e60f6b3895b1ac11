"""Worker processes killed in the middle of a task."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from headwater.execution import Beat, Claim, Queue, Task, Worker, start_local_worker
from tests.servers.postgres import fresh_catalog

STUCK = """
import sys, threading
from headwater.db import Catalog
from headwater.execution import Queue, Worker

def handle(claim, beat):
    print("holding", flush=True)
    threading.Event().wait()

Worker(Queue(Catalog.open(sys.argv[1])), {"job": handle}, ttl_s=0.6).run()
"""


def test_a_worker_killed_in_its_task_loses_nothing(url: str) -> None:
    queue = Queue(fresh_catalog(url))  # on the machine's clock
    with queue.catalog.write() as conn:
        task_id = queue.enqueue(conn, Task("job", b"a"))
    victim = subprocess.Popen([sys.executable, "-c", STUCK, url], stdout=subprocess.PIPE, text=True)
    assert victim.stdout is not None
    assert victim.stdout.readline() == "holding\n"
    attempts: list[int] = []

    victim.send_signal(signal.SIGKILL)
    victim.communicate()

    def handle(claim: Claim, _: Beat) -> None:
        attempts.append(claim.attempt)

    Worker(queue, {"job": handle}).run(idle_exit_s=0)
    assert attempts == [2]
    assert queue.get(task_id).state == "done"


def test_a_local_worker_is_started_on_its_own_with_a_log_and_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "stub" / "headwater"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(
        "import os, sys\nprint(sys.argv[1:], os.getsid(0), dict(os.environ))\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    monkeypatch.setenv("HEADWATER_TOKEN", "hush")

    worker = start_local_worker(
        log_file=tmp_path / "logs" / "worker.log",
        idle_exit_s=2.5,
        environment={"HEADWATER_WORKSPACE": "postgresql://ann:quiet@host/db"},
    )
    os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)

    (line,) = worker.last_lines()
    assert "['worker', '--idle-exit', '2.5']" in line  # no URL: it may hold a password
    assert str(worker.pid) in line  # a session of its own
    assert "'HEADWATER_WORKSPACE': 'postgresql://ann:quiet@host/db'" in line
    assert "hush" not in line
    assert not worker.is_running
    worker.stop()
