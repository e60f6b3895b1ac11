"""Inference over a hundred thousand rows in a pipeline, beside the bare model over the same files.

The bare loop does what a script would: two processes, each reading four files
of rows, predicting them in one call, and writing the results. Both sides have
the same rows in the same files, as many processes, one thread in each, and
their model loaded and used before the clock starts. Ours is timed from the
finished commit of the rows to the finished commit of the results.
"""

import io
import os
import pickle
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.figures import Report, figure, ratios, tell
from benchmarks.steps import predicted
from benchmarks.worked import ROOT, worked
from headwater.workspace import Workspace

_SHARE = 0.8
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def measure(*, rows: int = 100_000, files: int = 100, trees: int = 300, runs: int = 5) -> Report:
    """Runs both in turns, each over the same rows."""
    from sklearn.ensemble import RandomForestRegressor

    chance = np.random.default_rng(5)
    known = chance.normal(size=(2_000, 10))
    forest = RandomForestRegressor(trees, max_depth=12, random_state=0, n_jobs=1)
    forest.fit(known, known[:, 0] * known[:, 1] + known[:, 2])
    model = pickle.dumps(forest)
    rates: dict[str, list[float]] = {"headwater": [], "bare": []}
    with tempfile.TemporaryDirectory(prefix="headwater-bare-") as place, worked("inference") as workspace:
        (Path(place) / "forest").write_bytes(model)
        with workspace.create_repo("forest").commit() as commit:
            commit.put("/forest", model)
        workspace.create_repo("rows")
        workspace.pipelines.create(predicted)
        for run in range(runs + 1):  # the first warms both up
            tell(f"   run {run} of {runs}")
            tables = [_table(chance.normal(size=(rows // files, 10))) for _ in range(files)]
            for name in list(rates)[:: 1 if run % 2 else -1]:
                took_s = (
                    _ours(workspace, run, tables) if name == "headwater" else _bare(Path(place), run, tables)
                )
                rates[name].append(rows / took_s)
    measured = {name: values[1:] for name, values in rates.items()}
    shares = ratios(measured["headwater"], measured["bare"])
    return Report(
        figures={name: figure(values, "rows/s") for name, values in measured.items()}
        | {"share": figure(shares, "×", least=_SHARE)},
        facts={"rows": rows, "files": files, "trees": trees, "processes": 2, "threads_each": 1},
    )


def _table(rows: np.ndarray) -> bytes:
    into = io.BytesIO()
    np.save(into, rows)
    return into.getvalue()


def _ours(workspace: Workspace, run: int, tables: list[bytes]) -> float:
    with workspace.repo("rows").commit() as commit:
        for number, table in enumerate(tables):
            commit.put(f"/{run:02}-{number:04}.npy", table)
    started = time.perf_counter()
    workspace.jobs.wait(commit.id)
    return time.perf_counter() - started


def _bare(place: Path, run: int, tables: list[bytes]) -> float:
    source, target = place / f"in{run}", place / f"out{run}"
    source.mkdir()
    target.mkdir()
    for number, table in enumerate(tables):
        (source / f"{number:04}.npy").write_bytes(table)
    program = ROOT / "benchmarks" / "peer_programs" / "bare_forest.py"
    line = [sys.executable, str(program), str(source), str(target), "2", str(place / "forest")]
    environment = {**os.environ, **_ONE_THREAD}  # as users' code has it in a pipeline
    told = subprocess.run(line, check=True, capture_output=True, env=environment)
    return float(told.stdout.split()[-1])
