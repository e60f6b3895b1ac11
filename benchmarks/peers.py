"""The programs that Headwater is measured beside: git, dvc, and cp followed by fsync.

dvc is installed into an environment of its own, once, in this user's cache
folder. Where that or another program cannot be had, what it would show is
left out by name.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.figures import tell

_DVC = "dvc==3.*"
# What git's documentation names for a repository that must survive a power cut, and is quick for many objects.
GIT_DURABLE = ("-c", "core.fsync=all", "-c", "core.fsyncMethod=batch")
_QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}


def git() -> str | None:
    """Returns the git of this machine."""
    return shutil.which("git")


def dvc() -> str | None:
    """Returns dvc, after installing it where it is not there; none where that fails."""
    known = shutil.which("dvc")
    if known is not None:
        return known
    python = environment("dvc", _DVC)
    return None if python is None else str(python.with_name("dvc"))


def environment(name: str, *packages: str) -> Path | None:
    """Returns the Python of an environment that has these packages, made where it is not there; none where that fails."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "headwater-benchmarks" / name
    python, made = folder / "bin" / "python", folder / ".made"
    if made.exists():
        return python
    tell(f"   installing {name}")
    try:
        run([sys.executable, "-m", "venv", str(folder)])
        uv = Path(sys.executable).with_name("uv")
        pip = [str(python), "-m", "pip", "install", "--quiet", *packages]
        install = (
            [str(uv), "pip", "install", "--quiet", "--python", str(python), *packages] if uv.exists() else pip
        )
        try:
            run(install)
        except subprocess.CalledProcessError:
            run(pip)
    except (OSError, subprocess.CalledProcessError):
        shutil.rmtree(folder, ignore_errors=True)
        return None
    made.touch()
    return python


def run(command: list[str], folder: Path | None = None) -> float:
    """Runs a program to its end; returns the seconds that it took."""
    started = time.perf_counter()
    subprocess.run(command, check=True, cwd=folder, **_QUIET)  # type: ignore[call-overload]
    return time.perf_counter() - started


def git_add_and_commit(folder: Path, *, durable: bool) -> float:
    """Commits all below a folder that is a repository; returns the seconds of `git add` and `git commit`."""
    who = ["-c", "user.name=b", "-c", "user.email=b@localhost", "-c", "gc.auto=0"]
    line = [git() or "git", *who, *(GIT_DURABLE if durable else ())]
    return run([*line, "add", "."], folder) + run([*line, "commit", "--quiet", "-m", "all"], folder)


def copied_and_synced(source: Path, target: Path) -> float:
    """Copies a file with cp and waits until it is on disk; returns the seconds."""
    started = time.perf_counter()
    subprocess.run(["cp", "--reflink=never", str(source), str(target)], check=True)
    descriptor = os.open(target, os.O_RDONLY)
    os.fsync(descriptor)
    taken = time.perf_counter() - started
    os.close(descriptor)
    return taken
