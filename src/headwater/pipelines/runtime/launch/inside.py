"""Becomes a program that sees `/pfs`, where that is possible: `python -m headwater.pipelines.runtime.launch.inside BINDS PROGRAM…`."""

import os
import sys
from pathlib import Path

import msgspec

from headwater.pipelines.runtime.launch.namespace import Bind, NamespaceRefused, enter


def main(arguments: list[str]) -> None:
    """Enters a file system of its own and starts the program; without one it starts it all the same."""
    root, binds = msgspec.json.decode(arguments[0], type=tuple[str, list[Bind]])
    folder = Path.cwd()
    pid = os.fork()  # what a refused attempt has changed must not be kept
    if pid == 0:
        os._exit(1 if _refused(root, binds) else 0)
    if os.waitpid(pid, 0)[1] == 0:
        _refused(root, binds)
    os.chdir(folder)
    os.execv(arguments[1], arguments[1:])  # noqa: S606 - a shell is what was asked for


def _refused(root: str, binds: list[Bind]) -> bool:
    try:
        enter(Path(root), binds)
    except (NamespaceRefused, OSError):
        return True
    return False


if __name__ == "__main__":
    main(sys.argv[1:])
