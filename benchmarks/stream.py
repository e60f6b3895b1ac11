"""A hundred one-file commits a second for half a minute through a one-stage pipeline: how far the output lags behind."""

import time
from datetime import datetime
from itertools import pairwise

from benchmarks.figures import Report, figure, tell
from benchmarks.steps import counted
from benchmarks.worked import worked
from headwater.api.documents import JobInfo
from headwater.workspace import Workspace

_MEDIAN_MS, _LAG_MS = 500, 2_000


def measure(*, rate: int = 100, seconds: int = 30, runs: int = 3) -> Report:
    """Commits at an even pace and looks afterwards when each file's result was there."""
    found = []
    for run in range(runs):
        tell(f"   run {run + 1} of {runs}")
        with worked("stream") as workspace:
            found.append(_stream(workspace, rate, seconds))
    return Report(
        figures={
            "commit_to_output_ms": figure([one["median"] for one in found], "ms", limit=_MEDIAN_MS),
            "slowest_99th_ms": figure([one["p99"] for one in found], "ms"),
            "lag_at_the_end_ms": figure([one["lag"] for one in found], "ms", limit=_LAG_MS),
            "lost": figure([one["lost"] for one in found], "files", limit=0),
            "commits_a_second": figure([one["rate"] for one in found], "commits/s"),
            "jobs": figure([one["jobs"] for one in found], "jobs"),
        },
        facts={"rate": rate, "seconds": seconds},
    )


def _stream(workspace: Workspace, rate: int, seconds: int) -> dict[str, float]:
    repo = workspace.create_repo("texts")
    workspace.pipelines.create(counted)
    with repo.commit() as commit:
        commit.put("/warm.txt", "up")
    workspace.jobs.wait(commit.id)
    committed: dict[str, float] = {}
    started = time.time()
    for number in range(rate * seconds):
        time.sleep(max(0.0, started + number / rate - time.time()))
        with repo.commit() as commit:
            commit.put(f"/{number}.txt", "one more")
        committed[f"/{number}.txt"] = time.time()
    taken = time.time() - started
    workspace.jobs.wait(commit.id)
    there, jobs = _arrivals(workspace)
    waits = sorted((there[name] - at) * 1000 for name, at in committed.items() if name in there)
    lag = max(there.values(), default=0.0) - started - taken
    return {
        "median": waits[len(waits) // 2],
        "p99": waits[len(waits) * 99 // 100],
        "lag": lag * 1000,
        "lost": len(committed) - len(waits),
        "rate": len(committed) / taken,
        "jobs": jobs,
    }


def _arrivals(workspace: Workspace) -> tuple[dict[str, float], int]:
    """Returns when each output file was there, by the jobs that made them, and how many jobs ran."""
    made: list[JobInfo] = []
    cursor = None
    while True:
        page = workspace.jobs.list(cursor=cursor)
        made += [job for job in page.items if job.state == "succeeded" and job.datums.run]
        if page.next is None:
            break
        cursor = page.next
    made.reverse()
    there: dict[str, float] = {}
    output = workspace.repo("counted")
    for before, job in pairwise(made):
        for row in output.diff(str(before.commit), str(job.commit)):
            there.setdefault(row.path, datetime.fromisoformat(job.finished or "").timestamp())
    return there, len(made)
