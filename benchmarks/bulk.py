"""How fast a folder of many small files comes in, and one more file after that, beside git and dvc.

Every run takes a fresh copy of the folder, so that nothing is known of it, and
whole commands are timed: what starting a program takes belongs to it.
Headwater and git in its durable setting have everything on disk when they
return. git as it is installed syncs its packs and index only, and dvc nothing.

One more file is timed inside an open workspace, and as a command too.
"""

import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import machine, peers
from benchmarks.figures import Report, figure, in_turns, ratios, tell
from headwater.workspace import open_workspace

_SEED = 27
_PER_FOLDER = 1_000
_OVER_DVC, _OVER_GIT = 5, 2
_ONE_MORE_MS = 50


def measure(*, files: int = 100_000, runs: int = 3, dvc_runs: int = 1, more: int = 20) -> Report:
    """Brings a folder in with each program, in turns, then files one by one."""
    dvc = peers.dvc() if dvc_runs else None
    with tempfile.TemporaryDirectory(prefix="headwater-bulk-") as place:
        bench = _Bench(Path(place), files, dvc)
        actions: dict[str, Callable[[int], float]] = {"headwater": bench.headwater}
        if peers.git():
            actions |= {"git": bench.git, "git_durable": bench.git_durable}
        measured = in_turns(actions, runs=runs)
        by_dvc = in_turns({"headwater": bench.headwater, "dvc": bench.dvc}, runs=dvc_runs) if dvc else {}
        one_more, one_more_command = bench.one_more(more)
        file_system = machine.file_system(Path(place))
    seconds = measured | {"dvc": by_dvc.get("dvc", [])}
    over_git = ratios(seconds["git"], seconds["headwater"]) if "git" in seconds else []
    over_durable = ratios(seconds["git_durable"], seconds["headwater"]) if "git" in seconds else []
    over_dvc = ratios(by_dvc["dvc"], by_dvc["headwater"]) if by_dvc else []
    return Report(
        figures={
            **{f"{name}_s": figure(values, "s") for name, values in seconds.items()},
            "over_dvc": figure(over_dvc, "×", least=_OVER_DVC),
            "over_git": figure(over_git, "×", least=_OVER_GIT),
            "over_git_durable": figure(over_durable, "×"),
            "one_more_ms": figure(one_more, "ms", limit=_ONE_MORE_MS),
            "one_more_command_ms": figure(one_more_command, "ms"),
            "dvc_one_more_s": figure(bench.dvc_one_more, "s"),
        },
        facts={
            "files": files,
            "bytes": bench.size_bytes,
            "file_system": file_system,
            "git_durable": " ".join(peers.GIT_DURABLE),
            "dvc": bool(dvc),
        },
        notes=[] if dvc or not dvc_runs else ["dvc could not be installed, so it was not measured."],
    )


class _Bench:
    """The folder, and each program's way to bring it in."""

    def __init__(self, place: Path, files: int, dvc: str | None) -> None:
        self._place, self._dvc = place, dvc
        self._source = place / "source"
        self.dvc_one_more: list[float] = []
        tell(f"   making {files} files")
        self.size_bytes = _make(self._source, files)
        self._workspace = place / "workspace"

    def headwater(self, _: int) -> float:
        shutil.rmtree(self._workspace, ignore_errors=True)
        with open_workspace(self._workspace, create=True) as workspace:
            workspace.create_repo("bulk")
        os.sync()
        return peers.run([*self._line, "put", "bulk@main", str(self._source)])

    def git(self, _: int) -> float:
        return self._git(durable=False)

    def git_durable(self, _: int) -> float:
        return self._git(durable=True)

    def dvc(self, _: int) -> float:
        assert self._dvc is not None, "it is only measured where it is"
        folder = self._copy()
        peers.run([self._dvc, "init", "--quiet", "--no-scm"], folder)
        os.sync()
        taken = peers.run([self._dvc, "add", "--quiet", "data"], folder)
        (folder / "data" / "one-more").write_bytes(b"one more")
        self.dvc_one_more.append(peers.run([self._dvc, "add", "--quiet", "data"], folder))
        shutil.rmtree(folder)
        return taken

    def one_more(self, count: int) -> tuple[list[float], list[float]]:
        """Returns milliseconds of putting one file into the whole, in an open workspace and as a command."""
        file = self._place / "one-more"
        inside, command = [], []
        with open_workspace(self._workspace) as workspace:
            for number in range(count + 1):
                file.write_bytes(os.urandom(230))
                started = time.perf_counter()
                workspace.put(f"bulk@main:/000/more-{number}", [str(file)])
                inside.append((time.perf_counter() - started) * 1000)
        for number in range(max(count // 4, 1)):
            file.write_bytes(os.urandom(230))
            taken = peers.run([*self._line, "put", f"bulk@main:/000/again-{number}", str(file)])
            command.append(taken * 1000)
        return inside[1:], command

    @property
    def _line(self) -> list[str]:
        return [sys.executable, "-m", "headwater", "--workspace", str(self._workspace), "--quiet"]

    def _git(self, *, durable: bool) -> float:
        folder = self._copy()
        peers.run([peers.git() or "git", "init", "--quiet", "."], folder)
        os.sync()
        taken = peers.git_add_and_commit(folder, durable=durable)
        shutil.rmtree(folder)
        return taken

    def _copy(self) -> Path:
        folder = self._place / "copy"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        shutil.copytree(self._source, folder / "data")
        return folder


def _make(folder: Path, files: int) -> int:
    chance, total = random.Random(_SEED), 0
    for number in range(files):
        parent = folder / f"{number // _PER_FOLDER:03d}"
        if number % _PER_FOLDER == 0:
            parent.mkdir(parents=True)
        data = chance.randbytes(chance.randint(200, 260))
        (parent / f"{number % _PER_FOLDER:03d}.txt").write_bytes(data)
        total += len(data)
    return total
