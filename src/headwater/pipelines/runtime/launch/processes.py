"""The processes below a process, as the kernel tells: who they are, and what memory they take."""

import ctypes
import os
import sys
from collections import deque
from pathlib import Path

_PR_SET_DUMPABLE = 4


def descendants(pid: int) -> list[int]:
    """Returns the processes that a process started, and those that these started; none where nobody can tell."""
    found: list[int] = []
    waiting = deque([pid])
    while waiting:
        children = _children(waiting.popleft())
        found += children
        waiting += children
    return found


def resident_bytes(pids: list[int], most: int) -> int:
    """Returns the memory that processes take together.

    What they share counts once for each, unless they would exceed `most`
    that way: then the exact share of each is asked for, which takes longer.
    """
    quick = sum(map(_resident, pids))
    if quick <= most:
        return quick
    return sum(map(_proportional, pids))


def memory_limit() -> int:
    """Returns how much memory this machine, or the control group of this process, has."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *_group_limits()])


def hide_this_process() -> None:
    """Keeps other processes of this user from reading the variables and memory of this one, which hold credentials.

    Those of an administrator can read them all the same.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def _children(pid: int) -> list[int]:
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return []
    found: list[int] = []
    for thread in threads:
        try:
            text = (thread / "children").read_bytes()
        except OSError:
            continue  # ended meanwhile
        found += map(int, text.split())
    return found


def _resident(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/statm").read_bytes().split()
    except OSError:
        return 0
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") if len(fields) > 1 else 0


def _proportional(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_bytes().splitlines()
    except OSError:
        return _resident(pid)
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(b"Pss:")), 0)


def _group_limits() -> list[int]:
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    limits: list[int] = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            names = [f"/sys/fs/cgroup{folder}/memory.max" for folder in _with_parents(path)]
        elif "memory" in controllers.split(","):
            names = [f"/sys/fs/cgroup/memory{folder}/memory.limit_in_bytes" for folder in _with_parents(path)]
        else:
            continue
        limits += [limit for name in names if (limit := _number_in(name)) is not None]
    return limits


def _with_parents(path: str) -> list[str]:
    folders = [path.rstrip("/")]
    while folders[-1]:
        folders.append(folders[-1].rpartition("/")[0])
    return folders


def _number_in(name: str) -> int | None:
    try:
        text = Path(name).read_text(encoding="utf-8").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None
