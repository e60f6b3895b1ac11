"""Ten thousand tiny datums through a Python function, beside the same work with other engines.

The peers read the same texts from a folder and write the same counts into
another. They keep no versions and no provenance; what Headwater costs beyond
them is the price of those. Each is run as its documentation recommends; the
task-per-file form is shown too, since a datum here is a unit that fails, is
retried and is remembered by itself.
"""

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import peers
from benchmarks.figures import Report, figure, tell
from benchmarks.steps import counted
from benchmarks.worked import ROOT, worked
from headwater.workspace import Workspace

_LIMIT_MS = 0.5
_PROGRAMS = ROOT / "benchmarks" / "peer_programs"
_WORDS = [
    "a",
    "fine",
    "film",
    "with",
    "two",
    "good",
    "scenes",
    "and",
    "one",
    "long",
    "dull",
    "hour",
    "in",
    "between",
    "them",
]


def measure(*, datums: int = 10_000, runs: int = 5, with_peers: bool = True) -> Report:
    """Runs everybody in turns."""
    chance = random.Random(7)
    texts = {f"{number:05}.txt": " ".join(chance.choices(_WORDS, k=20)) for number in range(datums)}
    figures: dict[str, list[float]] = {"headwater": []}
    with tempfile.TemporaryDirectory(prefix="headwater-peers-") as place:
        source = Path(place) / "in"
        source.mkdir()
        for name, text in texts.items():
            (source / name).write_text(text)
        lines = _peers(source) if with_peers else {}
        with worked("datums") as workspace:
            workspace.create_repo("texts")
            workspace.pipelines.create(counted)
            _headwater(workspace, {"warm.txt": "up"}, "warm")
            for run in range(runs):
                tell(f"   run {run + 1} of {runs}")
                figures["headwater"].append(_headwater(workspace, texts, f"run{run}"))
                for name, line in lines.items():
                    target = Path(place) / f"{name}-{run}"
                    target.mkdir()
                    told = subprocess.run(
                        [*line[:-1], str(target), "2", line[-1]], check=True, capture_output=True
                    )
                    figures.setdefault(name, []).append(float(told.stdout.split()[-1]) * 1000 / datums)
    shown = {name: figure(values, "ms/datum") for name, values in figures.items()}
    shown["headwater"] = figure(figures["headwater"], "ms/datum", limit=_LIMIT_MS)
    for name in [name for name in figures if name != "headwater"]:
        ratios = [ours / theirs for ours, theirs in zip(figures["headwater"], figures[name], strict=True)]
        shown[f"beside_{name}"] = figure(ratios, "×")
    notes = [] if with_peers else ["peers left out"]
    return Report(figures=shown, facts={"datums": datums, "processes": 2}, notes=notes)


def _headwater(workspace: Workspace, texts: dict[str, str], folder: str) -> float:
    """Commits texts into a folder of their own; returns milliseconds a datum from the commit to the finished output."""
    with workspace.repo("texts").commit() as commit:
        for name, text in texts.items():
            commit.put(f"/{folder}/{name}", text)
    started = time.perf_counter()
    job = workspace.jobs.wait(commit.id)
    taken = time.perf_counter() - started
    if job.datums.run != len(texts):
        raise RuntimeError(f"{job.datums.run} of {len(texts)} datums were run")
    return taken * 1000 / len(texts)


def _peers(source: Path) -> dict[str, list[str]]:
    """Returns the command lines of the peers there are, without the folder to write to and the processes."""
    here = {"process_pool": [sys.executable, str(_PROGRAMS / "pool.py"), str(source), "1"]}
    here["ray_task_each"] = [sys.executable, str(_PROGRAMS / "with_ray.py"), str(source), "1"]
    here["ray_by_hundred"] = [sys.executable, str(_PROGRAMS / "with_ray.py"), str(source), "100"]
    dask = peers.environment("dask", "dask[distributed]")
    if dask is not None:
        here["dask_task_each"] = [str(dask), str(_PROGRAMS / "with_dask.py"), str(source), "1"]
        here["dask_by_hundred"] = [str(dask), str(_PROGRAMS / "with_dask.py"), str(source), "100"]
    return here
