"""One file more: from the commit to the finished output, with a thousand datums there already and with a million.

Beside it `dvc add` and `dvc repro` over a folder of a hundred thousand files,
with the same work as the one stage. The million is written as the trees that
a job over so many files leaves; the hundred thousand are run.
"""

import random
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks import peers
from benchmarks.figures import Figure, Report, figure, tell
from benchmarks.steps import counted
from benchmarks.synthetic import finished_pipeline
from benchmarks.worked import ROOT, worker, workspace
from headwater.workspace import Workspace

_LIMIT_MS, _GROWTH, _TIMES = 150.0, 1.5, 100.0
_STAGE = ROOT / "benchmarks" / "peer_programs" / "stage.py"


def measure(
    *, small: int = 1_000, large: int = 1_000_000, compared: int = 100_000, runs: int = 15, dvc_runs: int = 2
) -> Report:
    """Measures both sizes in turns, then dvc."""
    tell(f"   {large} datums")
    few: list[float] = []
    many: list[float] = []
    with workspace("small") as one, workspace("large") as other:
        finished_pipeline(one, counted, "texts", small)
        finished_pipeline(other, counted, "texts", large)
        with worker(Path(one.url)), worker(Path(other.url)):
            for run in range(-3, runs):  # the first warm the workers up
                few.append(_one_more(one, run))
                many.append(_one_more(other, run))
    few, many = few[3:], many[3:]
    figures = {
        "with_few_ms": figure(few, "ms"),
        "with_many_ms": figure(many, "ms", limit=_LIMIT_MS),
        "growth": figure([statistics.median(many) / statistics.median(few)], "×", limit=_GROWTH),
    }
    figures |= _beside_dvc(compared, runs, dvc_runs)
    return Report(figures=figures, facts={"few": small, "many": large, "compared": compared})


def _one_more(place: Workspace, number: int) -> float:
    """Commits one file more; returns the milliseconds from before the commit to the finished output."""
    started = time.perf_counter()
    with place.repo("texts").commit() as commit:
        commit.put(f"/more/{number}.txt", f"one more film, number {number}")
    job = place.jobs.wait(commit.id)
    taken = (time.perf_counter() - started) * 1000
    if job.datums.run != 1:
        raise RuntimeError(f"{job.datums.run} datums were run for one file")
    return taken


def _beside_dvc(files: int, runs: int, dvc_runs: int) -> dict[str, Figure]:
    theirs = _dvc(files, dvc_runs) if dvc_runs else []
    ours: list[float] = []
    if theirs:
        tell(f"   {files} datums beside dvc")
        with workspace("beside-dvc") as one:
            finished_pipeline(one, counted, "texts", files)
            with worker(Path(one.url)):
                ours = [_one_more(one, run) for run in range(-3, runs)][3:]
    times = [one * 1000 / statistics.median(ours) for one in theirs]
    return {
        "dvc_add_and_repro_s": figure(theirs, "s"),
        "beside_dvc_ms": figure(ours, "ms"),
        "times_dvc": figure(times, "×", least=_TIMES),
    }


def _dvc(files: int, runs: int) -> list[float]:
    """Returns the seconds of `dvc add` and `dvc repro` after one file was added to so many."""
    dvc, git = peers.dvc(), peers.git()
    if dvc is None or git is None:
        return []
    chance = random.Random(3)
    with tempfile.TemporaryDirectory(prefix="headwater-dvc-") as place:
        folder = Path(place)
        peers.run([git, "init", "--quiet"], folder)
        peers.run([dvc, "init", "--quiet"], folder)
        peers.run([dvc, "config", "core.analytics", "false"], folder)
        peers.run(
            [dvc, "config", "cache.type", "hardlink,symlink,copy"], folder
        )  # as its guide for large data says
        for number in range(files):
            file = folder / "texts" / f"{number // 1000:03}" / f"{number}.txt"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"film {number} {chance.random()}")
        peers.run([dvc, "add", "--quiet", "texts"], folder)
        stage = [
            "stage",
            "add",
            "-n",
            "counted",
            "-d",
            "texts",
            "-o",
            "counted",
            f"python3 {_STAGE} texts counted",
        ]
        peers.run([dvc, *stage], folder)
        peers.run([dvc, "repro", "--quiet"], folder)
        found = []
        for run in range(runs):
            tell(f"   dvc run {run + 1} of {runs}")
            (folder / "texts" / f"more-{run}.txt").write_text("one more film")
            found.append(
                peers.run([dvc, "add", "--quiet", "texts"], folder)
                + peers.run([dvc, "repro", "--quiet"], folder)
            )
        return found
