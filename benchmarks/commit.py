"""Whether a commit of one file costs what it changes, and not what the repo holds.

Two repos in one workspace, one with a thousand times as many files, take
commits in turns; then what the last of them changed is asked for. How often each waits for the disk is counted apart (`syncs`),
since counting makes everything slower.
"""

import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import machine, syncs
from benchmarks.figures import Report, figure, in_turns, ratios, tell
from benchmarks.filled import change_one, fill
from headwater.repos import Repo
from headwater.workspace import open_workspace

_RATIO = 1.5
_LARGE_MS = 25
_DIFF_MS = 5
_SYNCS = 1
_SEED = 27


def measure(
    *, small: int = 1_000, large: int = 1_000_000, runs: int = 300, warm_up: int = 20, counted: int = 100
) -> Report:
    """Commits one changed file at a time to a small and a large repo, then again under strace."""
    sizes = {"small": small, "large": large}
    filled_s: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="headwater-commit-") as folder:
        with open_workspace(folder, create=True) as workspace:
            for name, files in sizes.items():
                tell(f"   filling a repo with {files} files")
                started = time.perf_counter()
                fill(workspace.repo(name, create=True), files, random.Random(_SEED))
                filled_s[name] = round(time.perf_counter() - started, 2)
            commits = {name: _timed(workspace.repo(name), files) for name, files in sizes.items()}
            measured = in_turns(commits, runs=runs, warm_up=warm_up)
            diffs = [_diff_ms(workspace.repo("large")) for _ in range(max(runs // 10, 2))]
        tell("   counting fsyncs")
        waits = syncs.count(Path(folder), sizes, counted)
        file_system = machine.file_system(Path(folder))
    return Report(
        figures={
            "ratio": figure(ratios(measured["large"], measured["small"]), "×", limit=_RATIO),
            "small_ms": figure(measured["small"], "ms"),
            "large_ms": figure(measured["large"], "ms", limit=_LARGE_MS),
            "diff_ms": figure(diffs, "ms", limit=_DIFF_MS),
            "fsyncs_small": figure(waits.by_repo["small"], "fsyncs", limit=_SYNCS),
            "fsyncs_large": figure(waits.by_repo["large"], "fsyncs", limit=_SYNCS),
        },
        facts={
            "files": sizes,
            "file_system": file_system,
            "filled_s": filled_s,
            "commits_with_checkpoint": waits.checkpoints,
        },
        notes=waits.notes,
    )


def _timed(repo: Repo, files: int) -> Callable[[int], float]:
    chance = random.Random(_SEED)

    def one(_: int) -> float:
        started = time.perf_counter()
        change_one(repo, files, chance)
        return (time.perf_counter() - started) * 1000

    return one


def _diff_ms(repo: Repo) -> float:
    started = time.perf_counter()
    rows = list(repo.diff("main^", "main"))
    taken = (time.perf_counter() - started) * 1000
    assert len(rows) == 1, "a commit of one file differs in one"
    return taken
