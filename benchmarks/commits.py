"""How many one-file commits one process makes in a second, and how long writers wait for one another.

Every commit is durable when it returns. In the second part, processes commit
to one branch at once as fast as they can; then each file of each of them must
be there, in one line of history, and no commit may have waited long.
"""

import multiprocessing
import tempfile
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path

from benchmarks import machine
from benchmarks.figures import Report, figure, tell
from headwater.workspace import open_workspace

_RATE = 100
_WAIT_MS = 1_000


def measure(*, commits: int = 1_000, runs: int = 5, writers: int = 16, commits_each: int = 50) -> Report:
    """Commits one file after the other, then with many processes."""
    with tempfile.TemporaryDirectory(prefix="headwater-commits-") as place:
        rates = [_rate(Path(place) / f"one-{run}", commits) for run in range(runs)]
        tell(f"   {writers} processes")
        together = [
            _together(Path(place) / f"many-{run}", writers, commits_each) for run in range(min(runs, 3))
        ]
        file_system = machine.file_system(Path(place))
    return Report(
        figures={
            "one_process": figure(rates, "commits/s", least=_RATE),
            "together": figure([one[0] for one in together], "commits/s"),
            "longest_wait_ms": figure([one[1] for one in together], "ms", limit=_WAIT_MS),
            "lost_updates": figure([one[2] for one in together], "commits", limit=0),
        },
        facts={
            "commits": commits,
            "writers": writers,
            "commits_each": commits_each,
            "file_system": file_system,
        },
    )


def _rate(place: Path, commits: int) -> float:
    with open_workspace(place, create=True) as workspace:
        repo = workspace.create_repo("r")
        started = time.perf_counter()
        for number in range(commits + 1):
            if number == 1:  # the first opens everything
                started = time.perf_counter()
            with repo.commit() as commit:
                commit.put(f"/{number % 50:02d}/{number}", b"%d" % number)
        return commits / (time.perf_counter() - started)


def _together(place: Path, writers: int, commits_each: int) -> tuple[float, float, float]:
    """Returns commits a second, the longest one in milliseconds, and how many are missing afterwards."""
    with open_workspace(place, create=True) as workspace:
        workspace.create_repo("r")
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(writers + 1)
    with context.Pool(writers, initializer=_begin, initargs=(start,)) as pool:
        work = pool.starmap_async(
            _write, [(str(place), number, commits_each) for number in range(writers)], chunksize=1
        )
        start.wait()
        started = time.perf_counter()
        longest = work.get()
        taken = time.perf_counter() - started
    with open_workspace(place) as workspace:
        view = workspace.repo("r").at("main")
        found = {file.path for file in view.walk("/")}
        wanted = {f"/{writer}/{number}" for writer in range(writers) for number in range(commits_each)}
        line = sum(1 for _ in workspace.repo("r").log("main", limit=1_000_000).items)
    lost = len(wanted - found) + abs(line - len(wanted))
    return len(wanted) / taken, max(longest) * 1000, lost


_state: dict[str, Barrier] = {}


def _begin(start: Barrier) -> None:
    _state["start"] = start


def _write(place: str, writer: int, count: int) -> float:
    longest = 0.0
    with open_workspace(place) as workspace:
        repo = workspace.repo("r")
        _state["start"].wait()
        for number in range(count):
            started = time.perf_counter()
            with repo.commit() as commit:
                commit.put(f"/{writer}/{number}", b"%d" % number)
            longest = max(longest, time.perf_counter() - started)
    return longest
