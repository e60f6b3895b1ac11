"""Counts how often a commit waits for the disk, by the system calls of a process under strace.

Between two commits the process asks for a file whose name says where it is;
that question is in strace's record, so each wait belongs to one commit.
SQLite now and then copies its log into the database (a checkpoint) and then
waits for the database file itself: commits in which that happened are counted
apart. Without strace nothing is counted, and the report says so.
"""

import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.filled import change_one
from headwater.workspace import open_workspace

_ROOT = Path(__file__).resolve().parent.parent
_WAITS = "fsync,fdatasync,syncfs,sync,sync_file_range,msync"
_QUESTIONS = "?access,?faccessat,?faccessat2"
_CALL = re.compile(r"^\d+\s+(?P<call>\w+)\((?P<rest>.*)$")
_MARK = re.compile(r'"/headwater-benchmark/(?P<repo>[^/"]+)/(?P<place>[^/"]+)"')
_DATABASE = re.compile(r"^\d+<[^>]*\.db>")
_MISSING = "fsyncs were not counted: strace is not there. On Debian: apt-get install strace"
_FAILED = "fsyncs were not counted: the process under strace failed ({})."


@dataclass
class Waits:
    """How often each commit of a repo waited; those with a checkpoint are in `checkpoints` alone."""

    by_repo: dict[str, list[float]]
    checkpoints: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def count(folder: Path, repos: Mapping[str, int], commits: int) -> Waits:
    """Makes one-file commits in a process under strace, and counts what each waited for.

    Args:
        folder: A workspace.
        repos: Its repos and how many files each has.
        commits: How many commits to make to each.
    """
    strace = shutil.which("strace")
    if strace is None:
        return Waits({name: [] for name in repos}, notes=[_MISSING])
    with tempfile.TemporaryDirectory(prefix="headwater-strace-") as place:
        record = Path(place) / "record"
        trace = [strace, "-f", "-qq", "-y", "-e", f"trace={_WAITS},{_QUESTIONS}", "-o", str(record)]
        work = [sys.executable, "-m", "benchmarks.syncs", str(folder), str(commits)]
        line = [*trace, *work, *(f"{name}={files}" for name, files in repos.items())]
        ended = subprocess.run(line, cwd=_ROOT, capture_output=True, text=True, check=False)
        if ended.returncode != 0:
            told = (ended.stderr.strip().splitlines() or ["no reason given"])[-1]
            return Waits({name: [] for name in repos}, notes=[_FAILED.format(told)])
        return read(record.read_text(errors="replace"), repos)


def read(record: str, repos: Iterable[str]) -> Waits:
    """Returns what strace's record says of the commits of these repos."""
    waits = Waits({name: [] for name in repos})
    waited, checkpoint = 0, False
    for line in record.splitlines():
        call = _CALL.match(line)
        if call is None:
            continue
        mark = _MARK.search(call["rest"])
        if mark is None:
            is_wait = call["call"] in _WAITS.split(",")
            waited += is_wait
            checkpoint |= is_wait and _DATABASE.match(call["rest"]) is not None
        elif mark["place"] == "begin":
            waited, checkpoint = 0, False
        elif checkpoint:
            waits.checkpoints[mark["repo"]] = waits.checkpoints.get(mark["repo"], 0) + 1
        else:
            waits.by_repo[mark["repo"]].append(waited)
    return waits


def _work(folder: str, commits: int, repos: Mapping[str, int]) -> None:
    chance = random.Random()
    with open_workspace(folder) as workspace:
        opened = {name: workspace.repo(name) for name in repos}
        for number in range(commits + 1):
            for name, files in repos.items():
                if number:  # the first commit of a process fills its caches
                    _mark(name, "begin")
                change_one(opened[name], files, chance)
                if number:
                    _mark(name, "end")


def _mark(repo: str, place: str) -> None:
    os.access(f"/headwater-benchmark/{repo}/{place}", os.F_OK)


if __name__ == "__main__":
    sizes = (text.split("=") for text in sys.argv[3:])
    _work(sys.argv[1], int(sys.argv[2]), {name: int(files) for name, files in sizes})
