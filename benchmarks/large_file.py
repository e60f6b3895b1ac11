"""How fast a large file comes in and goes out, beside cp and fsync of the same file on the same disk.

The file lies in the page cache for all of them, so what is measured is how
fast bytes get through, chunked and hashed or not, and onto the disk.
"""

import os
import shutil
import tempfile
import time
from pathlib import Path

from benchmarks import machine, peers
from benchmarks.figures import Report, figure, in_turns, ratios, tell
from headwater.workspace import open_workspace

_SHARE = 0.7
_BLOCK = 8 * 1024 * 1024


def measure(*, size_bytes: int = 2_000_000_000, runs: int = 5) -> Report:
    """Puts and gets one file, and copies it, in turns."""
    with tempfile.TemporaryDirectory(prefix="headwater-large-") as place:
        bench = _Bench(Path(place), size_bytes)
        seconds = in_turns({"cp": bench.copy, "put": bench.put, "get": bench.get}, runs=runs, warm_up=1)
        file_system = machine.file_system(Path(place))
    speed = {name: [size_bytes / one / 1e6 for one in values] for name, values in seconds.items()}
    return Report(
        figures={
            "put_share": figure(ratios(speed["put"], speed["cp"]), "of cp", least=_SHARE),
            "get_share": figure(ratios(speed["get"], speed["cp"]), "of cp", least=_SHARE),
            **{f"{name}_mb_s": figure(values, "MB/s") for name, values in speed.items()},
        },
        facts={"bytes": size_bytes, "file_system": file_system, "peer": "cp --reflink=never, then fsync"},
    )


class _Bench:
    """The file, and the ways that it takes."""

    def __init__(self, place: Path, size_bytes: int) -> None:
        self._place = place
        self._file = place / "file"
        tell(f"   making a file of {size_bytes / 1e6:.0f} MB")
        with self._file.open("wb") as file:
            for at in range(0, size_bytes, _BLOCK):
                file.write(os.urandom(min(_BLOCK, size_bytes - at)))
        self._workspace = place / "workspace"
        self.put(0)

    def copy(self, _: int) -> float:
        """Copies the file."""
        os.sync()
        taken = peers.copied_and_synced(self._file, self._place / "copy")
        (self._place / "copy").unlink()
        return taken

    def put(self, _: int) -> float:
        """Puts the file into a new workspace."""
        shutil.rmtree(self._workspace, ignore_errors=True)
        with open_workspace(self._workspace, create=True) as workspace:
            workspace.create_repo("large")
            os.sync()
            started = time.perf_counter()
            workspace.put("large@main:/file", [str(self._file)])
            return time.perf_counter() - started

    def get(self, _: int) -> float:
        """Gets the file out again."""
        target = self._place / "out"
        with open_workspace(self._workspace) as workspace:
            os.sync()
            started = time.perf_counter()
            workspace.get("large@main:/file", target)
            taken = time.perf_counter() - started
        target.unlink()
        return taken
