"""The machine and the programs that the figures belong to."""

import os
import platform
from pathlib import Path
from typing import Any

import headwater
from headwater.settings import cores


def facts() -> dict[str, Any]:
    """Returns what a reader needs to compare figures with those of another run."""
    return {
        "cpus": os.cpu_count(),
        "cpus_usable": cores(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "headwater": headwater.__version__,
        "load_before": [round(load, 2) for load in os.getloadavg()],
    }


def file_system(folder: Path) -> str:
    """Returns the type of the file system that a folder lies on, where the machine tells."""
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return "unknown"
    found = ("", "unknown")
    for line in mounts.read_text(encoding="utf-8").splitlines():
        _, place, kind, *_ = line.split()
        if folder.is_relative_to(place) and len(place) >= len(found[0]):
            found = (place, kind)
    return found[1]
