"""A workspace in a folder with a worker process of its own, as a user would have running."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headwater.workspace import Workspace, open_workspace

ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def workspace(name: str) -> Iterator[Workspace]:
    """Gives an empty workspace in a folder of its own."""
    with (
        tempfile.TemporaryDirectory(prefix=f"headwater-{name}-") as place,
        open_workspace(place, create=True) as found,
    ):
        yield found


@contextmanager
def worked(name: str, *, processes: int = 2) -> Iterator[Workspace]:
    """Gives an empty workspace whose worker is up."""
    with workspace(name) as found, worker(Path(found.url), processes=processes):
        yield found


@contextmanager
def worker(place: Path, *, processes: int = 2) -> Iterator[int]:
    """Runs a worker for a workspace meanwhile; gives its process id."""
    command = [sys.executable, "-P", "-m", "headwater", "worker", "--processes", str(processes)]
    environment = {**os.environ, "HEADWATER_WORKSPACE": str(place)}
    with (Path(place) / "worker.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=ROOT)
    try:
        _wait_until_up(place, process)
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


def _wait_until_up(place: Path, process: subprocess.Popen[bytes]) -> None:
    """Waits for the worker to be seen: who waits for a job before that would start a second one."""
    with open_workspace(place) as workspace:
        parts = workspace._parts  # noqa: SLF001 - what no user does
        while process.poll() is None:
            with parts.catalog.read() as conn:
                if parts.roster.live(conn):
                    return
            time.sleep(0.05)
    raise RuntimeError("the worker has ended; its log lies in the workspace's folder")
