"""Inference over a hundred thousand rows in a pipeline, beside the bare model over the same files.

The bare loop does what a script would: two processes, each reading a file of
rows, predicting them in one call, and writing the result.
"""

import io
import pickle
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.figures import Report, figure, tell
from benchmarks.steps import predicted
from benchmarks.worked import ROOT, worked

_SHARE = 0.8


def measure(*, rows: int = 100_000, files: int = 100, trees: int = 300, runs: int = 5) -> Report:
    """Runs both in turns, each over the same rows."""
    from sklearn.ensemble import RandomForestRegressor

    chance = np.random.default_rng(5)
    known = chance.normal(size=(2_000, 10))
    forest = RandomForestRegressor(trees, max_depth=12, random_state=0, n_jobs=1)
    forest.fit(known, known[:, 0] * known[:, 1] + known[:, 2])
    model = pickle.dumps(forest)
    ours: list[float] = []
    bare: list[float] = []
    with tempfile.TemporaryDirectory(prefix="headwater-bare-") as place, worked("inference") as workspace:
        (Path(place) / "forest").write_bytes(model)
        with workspace.create_repo("forest").commit() as commit:
            commit.put("/forest", model)
        workspace.create_repo("rows")
        workspace.pipelines.create(predicted)
        for run in range(runs + 1):  # the first warms both up
            tell(f"   run {run} of {runs}")
            tables = [_table(chance.normal(size=(rows // files, 10))) for _ in range(files)]
            with workspace.repo("rows").commit() as commit:
                for number, table in enumerate(tables):
                    commit.put(f"/{run:02}-{number:04}.npy", table)
            started = time.perf_counter()
            workspace.jobs.wait(commit.id)
            ours.append(rows / (time.perf_counter() - started))
            bare.append(rows / _bare(Path(place), run, tables))
    shares = [one / other for one, other in zip(ours[1:], bare[1:], strict=True)]
    return Report(
        figures={
            "headwater": figure(ours[1:], "rows/s"),
            "bare": figure(bare[1:], "rows/s"),
            "share": figure(shares, "×", least=_SHARE),
        },
        facts={"rows": rows, "files": files, "trees": trees, "processes": 2},
    )


def _table(rows: np.ndarray) -> bytes:
    into = io.BytesIO()
    np.save(into, rows)
    return into.getvalue()


def _bare(place: Path, run: int, tables: list[bytes]) -> float:
    source, target = place / f"in{run}", place / f"out{run}"
    source.mkdir()
    target.mkdir()
    for number, table in enumerate(tables):
        (source / f"{number:04}.npy").write_bytes(table)
    program = ROOT / "benchmarks" / "peer_programs" / "bare_forest.py"
    line = [sys.executable, str(program), str(source), str(target), "2", str(place / "forest")]
    return float(subprocess.run(line, check=True, capture_output=True).stdout.split()[-1])
