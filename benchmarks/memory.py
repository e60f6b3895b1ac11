"""How much memory a process needs to commit and to list a million files.

Each runs in a process of its own; what is measured is the most that it had at
any time, interpreter and libraries included.
"""

import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.figures import Report, figure, tell
from benchmarks.filled import fill
from headwater.workspace import open_workspace

_LIMIT_MB = 300
_PER_FOLDER = 1_000


def measure(*, files: int = 1_000_000, runs: int = 1) -> Report:
    """Commits and lists so many files, and puts a folder of them."""
    peaks: dict[str, list[float]] = {"commit": [], "list": [], "put": [], "get": []}
    with tempfile.TemporaryDirectory(prefix="headwater-memory-") as place:
        tell(f"   making {files} files")
        _make(Path(place) / "source", files)
        for run in range(runs):
            workspace = Path(place) / f"w{run}"
            for what, values in peaks.items():
                tell(f"   {what}")
                values.append(_peak_mb(what, workspace, files, Path(place) / "source"))
    return Report(
        figures={f"{what}_mb": figure(values, "MB", limit=_LIMIT_MB) for what, values in peaks.items()},
        facts={"files": files},
    )


def _peak_mb(what: str, workspace: Path, files: int, source: Path) -> float:
    line = [sys.executable, "-m", "benchmarks.memory", what, str(workspace), str(files), str(source)]
    done = subprocess.run(line, check=True, stdout=subprocess.PIPE, cwd=Path(__file__).parent.parent)
    return float(done.stdout)


def _make(folder: Path, files: int) -> None:
    for number in range(files):
        parent = folder / f"{number // _PER_FOLDER:04d}"
        if number % _PER_FOLDER == 0:
            parent.mkdir(parents=True)
        (parent / f"{number % _PER_FOLDER:03d}.txt").write_bytes(b"%08d" % number)


def _work(what: str, place: Path, files: int, source: Path) -> None:
    with open_workspace(place, create=True) as workspace:
        if what == "commit":
            fill(workspace.create_repo("r"), files, random.Random(1))
        elif what == "list":
            assert sum(1 for _ in workspace.repo("r").at("main").walk("/")) == files, "all are listed"
        elif what == "put":
            workspace.create_repo("put")
            workspace.put("put@main", [str(source)])
        else:
            workspace.get("put@main", place.with_name(f"{place.name}-out"))


def _high_water_mb() -> float:
    """Returns the most memory that this process had; what a parent had before it does not count."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / 1e6 if sys.platform == "darwin" else used * 1024 / 1e6


if __name__ == "__main__":
    _work(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
    print(_high_water_mb())
