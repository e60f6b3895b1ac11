"""How many megabytes an installation takes: `headwater` alone, and with the extras that people add first.

Each is installed into an environment of its own, from the very lines of
`requirements/run.txt` that belong to it (so every hash is checked) and a wheel
built from this folder. An environment made by uv holds nothing else. What is
promised is the files as they come; Python adds bytecode beside them when they
are first used, or at installation, and that figure is given too.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figures import Report, figure, tell

_ROOT = Path(__file__).resolve().parent.parent
_REQUIREMENTS = _ROOT / "requirements" / "run.txt"
_LIMITS_MB = {"": 120, "serve": 300, "ml": 800}
_NAME = re.compile(r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==")
_MB = 1_000_000


def measure(*, extras: Sequence[str] = tuple(_LIMITS_MB)) -> Report:
    """Installs Headwater with each extra (the empty one: with none) and weighs the result."""
    figures = {}
    packages = {}
    with tempfile.TemporaryDirectory(prefix="headwater-sizes-") as place:
        folder = Path(place)
        _run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder))
        (wheel,) = folder.glob("*.whl")
        for extra in extras:
            name = extra or "core"
            tell(f"   installing {name}")
            names = _needed(extra)
            chosen = folder / f"{name}.txt"
            chosen.write_text(lines_of(_REQUIREMENTS.read_text(encoding="utf-8"), names), encoding="utf-8")
            bare_mb, compiled_mb = _install(folder / name, chosen, wheel)
            figures[f"{name}_mb"] = figure([bare_mb], "MB", limit=_LIMITS_MB[extra])
            figures[f"{name}_with_bytecode_mb"] = figure([compiled_mb], "MB")
            packages[name] = len(list((folder / name).glob("lib/python*/site-packages/*.dist-info"))) - 1
    return Report(figures=figures, facts={"packages_beside_headwater": packages})


def lines_of(requirements: str, names: Sequence[str]) -> str:
    """Returns the entries of a hashed requirements file for these packages, hashes and markers and all."""
    kept: list[str] = []
    is_wanted = False
    for line in requirements.splitlines():
        begins = _NAME.match(line)
        if begins is not None:
            is_wanted = begins["name"] in names
        if is_wanted:
            kept.append(line)
    return "".join(f"{line}\n" for line in kept)


def size_mb(folder: Path) -> float:
    """Returns the megabytes (of a million bytes) that the files below a folder hold."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir()) / _MB


def _needed(extra: str) -> list[str]:
    """Returns the packages that an extra needs, in the versions of the requirements file."""
    chosen = ["--extra", extra] if extra else []
    text = _uv("pip", "compile", "--quiet", "--no-header", "--no-annotate", "--universal",
               "--constraints", str(_REQUIREMENTS), *chosen, str(_ROOT / "pyproject.toml"))  # fmt: skip
    return [found["name"] for line in text.splitlines() if (found := _NAME.match(line))]


def _install(environment: Path, requirements: Path, wheel: Path) -> tuple[float, float]:
    """Returns the megabytes of a fresh installation, without and with bytecode."""
    _uv("venv", "--quiet", "--python", sys.executable, str(environment))
    python = environment / "bin" / "python"
    into = ("pip", "install", "--quiet", "--no-compile-bytecode", "--python", str(python))
    if requirements.read_text(encoding="utf-8"):
        _uv(*into, "--require-hashes", "--requirement", str(requirements))
    _uv(*into, "--no-deps", str(wheel))
    packages = next((environment / "lib").glob("python*")) / "site-packages"
    bare_mb = size_mb(packages)
    _run(str(python), "-m", "compileall", "-q", str(packages))
    return bare_mb, size_mb(packages)


def _uv(*arguments: str) -> str:
    return _run(str(Path(sys.executable).parent / "uv"), *arguments)


def _run(*line: str) -> str:
    """Runs a program and returns its output; what it says on stderr is seen."""
    variables = dict(os.environ)
    for ours, theirs in (("PIP_FIND_LINKS", "UV_FIND_LINKS"), ("PIP_INDEX_URL", "UV_DEFAULT_INDEX")):
        if ours in variables:  # what pip is told about where packages lie, uv is told too
            variables.setdefault(theirs, variables[ours])
    variables.pop("UV_COMPILE_BYTECODE", None)
    return subprocess.run(
        line, cwd=_ROOT, env=variables, stdout=subprocess.PIPE, text=True, check=True
    ).stdout
