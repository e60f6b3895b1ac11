"""How long a command line takes before it does anything: whole processes, from their start to their end.

The interpreter alone is measured beside them, in the same turns, because its
own start is part of both figures and no code of ours can make it shorter.
"""

import importlib.util
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import headwater
from benchmarks.figures import Report, figure, in_turns

_HELP_MS = 200
_IMPORT_MS = 100
_LIMITS = {"help_ms": _HELP_MS, "import_ms": _IMPORT_MS}
_NOT_COMPILED = "Bytecode is not compiled, so Python compiles the source in every process: run `make bench`."


def measure(*, runs: int = 25, warm_up: int = 3) -> Report:
    """Starts `headwater --help`, `import headwater` and the bare interpreter in turns."""
    commands = {
        "help_ms": [str(Path(sys.executable).parent / "headwater"), "--help"],
        "import_ms": [sys.executable, "-c", "import headwater"],
        "interpreter_ms": [sys.executable, "-c", "pass"],
    }
    measured = in_turns(
        {name: partial(_process_ms, command) for name, command in commands.items()},
        runs=runs,
        warm_up=warm_up,
    )
    compiled = _is_compiled()
    return Report(
        figures={name: figure(values, "ms", limit=_LIMITS.get(name)) for name, values in measured.items()},
        facts={
            "bytecode_compiled": compiled,
            "commands": {name: line[1:] for name, line in commands.items()},
        },
        notes=[] if compiled else [_NOT_COMPILED],
    )


def _process_ms(command: list[str], _: int) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - started) * 1000


def _is_compiled() -> bool:
    sources = list(Path(headwater.__path__[0]).rglob("*.py"))
    for source in sources:
        compiled = Path(importlib.util.cache_from_source(str(source)))
        if not compiled.exists() or compiled.stat().st_mtime < source.stat().st_mtime:
            return False
    return True
