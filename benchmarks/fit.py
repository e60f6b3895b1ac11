"""What training through Headwater costs beside the fits themselves, on the request of the Iris demo.

Two promises. Inside: the fit calls of a job take as long as the same calls
written by hand (`by_hand`), in processes started and loaded in the same way,
as many at once, with the same rows, folds, parameters and threads; that both
fit equal trees is checked in every round. Around: from the moment a worker
takes the job to the version, everything but these calls, by a worker that has
just been started (version 1) and by the same one afterwards (version 2).

Fits run on several processes at once, so what they take of a job's time is at
least their sum divided by the number of processes; only that is taken off.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from benchmarks import by_hand
from benchmarks.figures import Report, figure, in_turns, ratios, tell
from headwater.api.documents import JobInfo
from headwater.demos.iris import FIRST_ROWS, REQUEST, csv_bytes, iris_rows
from headwater.execution import LocalExecutor, PureCall
from headwater.ids import CommitId
from headwater.models import TargetInfo
from headwater.pipelines import JobFailed
from headwater.pipelines.engine.records import decode_record
from headwater.settings import cores
from headwater.training import TrainingRequest, read_request_file
from headwater.workspace import Workspace, open_workspace

_RATIO = 1.1
_AROUND_S = 8.0
# The demo's request for two of its columns, one of each task.
SHORT_REQUEST = REQUEST.replace("targets: all ", "targets: [PetalWidth, Species] ")
_ROOT = Path(__file__).resolve().parent.parent
_IDLE_EXIT_S = 60
_INSIDE = ("fit", "calibration")


class DifferentWork(AssertionError):
    """The fits by hand gave other trees than Headwater's, so their times cannot be compared."""


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One training job: seconds in the queue, from start to end and inside the fit calls, and what was fitted."""

    queued_s: float
    job_s: float
    fit_s: float
    steps_s: dict[str, float]
    params: dict[str, dict[str, Any]]
    trees: dict[str, str]


def measure(*, request: str = REQUEST, runs: int = 11, warm_up: int = 1) -> Report:
    """Trains two versions through Headwater and fits the same by hand, in turns."""
    with tempfile.TemporaryDirectory(prefix="headwater-fit-") as folder:
        bench = _Bench(Path(folder), request)
        actions = {"fit_s": bench.headwater, "by_hand_s": bench.by_hand}
        measured = in_turns(actions, runs=runs, warm_up=warm_up)
    cold, warm = ([pair[place] for pair in bench.pairs[warm_up:]] for place in (0, 1))
    return Report(
        figures={
            "ratio": figure(ratios(measured["fit_s"], measured["by_hand_s"]), "×", limit=_RATIO),
            **{name: figure(values, "s") for name, values in measured.items()},
            "around_cold_s": figure([bench.around(one) for one in cold], "s", limit=_AROUND_S),
            "around_warm_s": figure([bench.around(one) for one in warm], "s", limit=_AROUND_S),
            "queued_cold_s": figure([one.queued_s for one in cold], "s"),
            "job_cold_s": figure([one.job_s for one in cold], "s"),
            "job_warm_s": figure([one.job_s for one in warm], "s"),
        },
        facts={
            "processes": bench.processes,
            "threads_per_fit": bench.threads(cold[0]),
            "fit_calls": 2 * len(cold[0].params) * (by_hand.FOLDS + 1),
            "params": cold[0].params,
            "same_trees": True,
            "steps_cold_s": _rounded(cold[-1].steps_s),
            "steps_warm_s": _rounded(warm[-1].steps_s),
        },
        notes=[
            "`fit_s` and `by_hand_s` are sums over the fit calls of both versions.",
            "`queued_cold_s` is the time until a worker, started for the request, has taken it.",
            "`steps_…_s` are sums over all processes of the last round, so they overlap.",
        ],
    )


class _Bench:
    """The demo's two data files and its request, to be trained on in either way."""

    def __init__(self, folder: Path, request: str) -> None:
        rows = iris_rows()
        self._folder = folder
        self._files = (csv_bytes(rows[:FIRST_ROWS]), csv_bytes(rows))
        self._request = folder / "request.yaml"
        self._request.write_text(request)
        self.request: TrainingRequest = read_request_file(self._request)
        self.processes = cores()
        self.pairs: list[tuple[Version, Version]] = []

    def threads(self, version: Version) -> int:
        """Returns the threads that one fit gets of a worker where the request does not say."""
        return max(1, self.processes // len(version.params))

    def around(self, version: Version) -> float:
        """Returns the seconds of a job that are not the fit calls'."""
        return version.job_s - version.fit_s / min(self.processes, len(version.params))

    def headwater(self, turn: int) -> float:
        """Makes both versions in a new workspace with a worker of its own; returns seconds in fit calls."""
        place = self._folder / f"round-{turn}"
        with open_workspace(place, create=True) as workspace:
            repo = workspace.repo("iris", create=True)
            with repo.commit("main") as commit:
                commit.put("/iris.csv", self._files[0])
            asked = workspace.train(self._request)
            with _worker(place):
                first = workspace.jobs.wait(asked.job)
                with repo.commit("main") as commit:
                    commit.put("/iris.csv", self._files[1])
                (caused,) = workspace.jobs.of_set(commit.set)
                second = workspace.jobs.wait(caused)
            pair = (_version(workspace, first, 1), _version(workspace, second, 2))
        self.pairs.append(pair)
        return sum(version.fit_s for version in pair)

    def by_hand(self, _: int) -> float:
        """Makes the fits of both versions on a new pool like a worker's; returns seconds in fit calls."""
        with LocalExecutor(
            {"fit": "benchmarks.by_hand:fit"},
            self.processes,
            environment={"PYTHONPATH": str(_ROOT)},
            warm=("fit",),
        ) as pool:
            return sum(
                self._fit_all(pool, data, version)
                for data, version in zip(self._files, self.pairs[-1], strict=True)
            )

    def _fit_all(self, pool: LocalExecutor, data: bytes, version: Version) -> float:
        split = self.request.split
        threads = {"n_jobs": self.threads(version)}
        running = {}
        for target, params in version.params.items():
            work = by_hand.Work(
                data=data,
                target=target,
                params=threads | params,
                test=split.test,
                seed=split.seed,
            )
            running[target] = pool.submit(PureCall(call="fit", payload=msgspec.msgpack.encode(work)))
        seconds = 0.0
        for target, future in running.items():
            done = msgspec.msgpack.decode(future.result(), type=by_hand.Done)
            if done.trees != version.trees[target]:
                raise DifferentWork(f"{target}: other trees by hand than through Headwater")
            seconds += done.seconds
        return seconds


@contextmanager
def _worker(workspace: Path) -> Iterator[None]:
    """Runs `headwater worker` while a block runs; its log lies in the workspace."""
    line = [sys.executable, "-m", "headwater", "--workspace", str(workspace), "worker"]
    with (workspace / "worker.log").open("wb") as log:
        process = subprocess.Popen([*line, "--idle-exit", str(_IDLE_EXIT_S)], stderr=log)
    try:
        yield
    except JobFailed:
        tell((workspace / "worker.log").read_text(errors="replace"))
        raise
    finally:
        process.terminate()
        process.wait()


def _version(workspace: Workspace, job: JobInfo, number: int) -> Version:
    import xgboost

    parts = workspace._parts  # noqa: SLF001 - no door shows how long the steps of a job took
    steps: dict[str, float] = {}
    commit = parts.repos.commit_by_id(CommitId(job.commit or ""))
    for entry in parts.storage.map_tree(commit.roots.meta).entries():
        for step, seconds in decode_record(entry.value).stats["seconds"].items():
            steps[step] = steps.get(step, 0.0) + seconds
    view = workspace.repo("models/iris").at(str(number))
    params, trees = {}, {}
    for file in view.glob("/targets/*/target.json"):
        info = TargetInfo.from_json(view.read(file.path))
        model = view.read(file.path.replace("target.json", info.file))
        params[info.target] = info.params
        trees[info.target] = by_hand.trees_digest(xgboost.Booster(model_file=bytearray(model)))
    return Version(
        queued_s=_seconds_between(job.created, job.started),
        job_s=_seconds_between(job.started, job.finished),
        fit_s=sum(steps[step] for step in _INSIDE),
        steps_s=steps,
        params=params,
        trees=trees,
    )


def _seconds_between(start: str | None, end: str | None) -> float:
    return (datetime.fromisoformat(end or "") - datetime.fromisoformat(start or "")).total_seconds()


def _rounded(steps: dict[str, float]) -> dict[str, float]:
    return {step: round(seconds, 3) for step, seconds in steps.items()}
