"""What a pipeline's code runs on, by name and version, so that a change of it is seen.

Nothing is imported to find out: the installed distributions' metadata say what
they bring. Reading all of it takes a tenth of a second, so it is remembered
until a folder on the search path changes.
"""

import importlib.metadata
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path, PurePosixPath

from headwater.pipelines.code.errors import PackageMissing
from headwater.pipelines.code.fingerprint import TransformCode

PYTHON, IMAGE = "python", "image"
_TOOLS = ("podman", "docker")
_PYTHON_NAME = re.compile(r"python[\d.]*w?(\.exe)?", re.IGNORECASE)
_SHELL_PYTHON = re.compile(r"(?:^|[\s;&|(/])python[\d.]*(?=$|\s)")
_DIGEST_S = 10.0


def environment(transform: TransformCode, imports: Iterable[str] = ()) -> dict[str, str]:
    """Returns the interpreter and distributions that a transform's results depend on, with their versions.

    For a function these are the interpreter, what its stored code imports, and
    the packages that it declares; for a command the interpreter only if a word
    of it is Python; in an image nothing of this machine but the image itself.

    Raises:
        PackageMissing: A declared package is not installed here.
    """
    if transform.image:
        return {IMAGE: image_digest(transform.image) or transform.image}
    found: dict[str, str] = {}
    if transform.function or _names_python(transform.command):
        found[PYTHON] = _interpreter()
    for name in transform.packages:
        version = _version(name)
        if version is None:
            raise PackageMissing(name)
        found[_normal(name)] = version
    brought = _bringers(_search_path())
    for module in imports:
        for distribution in brought.get(module, ()):
            found[_normal(distribution)] = _version(distribution) or ""
    return found


def environment_now(stored: Mapping[str, str], *, image: str = "") -> dict[str, str]:
    """Returns what stands for a stored environment on this machine now, without reading any code.

    What is not installed any more has the empty version. `image` is the
    transform's, whose tag may mean another image by now.
    """
    now: dict[str, str] = {}
    for name in stored:
        if name == PYTHON:
            now[name] = _interpreter()
        elif name == IMAGE:
            now[name] = (image_digest(image) if image else None) or image or stored[name]
        else:
            now[name] = _version(name) or ""
    return now


def image_digest(image: str) -> str | None:
    """Returns the id of an image as a container tool on this machine knows it; none if no tool does."""
    for tool in _TOOLS:
        program = shutil.which(tool)
        if program is None:
            continue
        call = [program, "image", "inspect", "--format", "{{.Id}}", "--", image]
        try:
            ended = subprocess.run(call, capture_output=True, timeout=_DIGEST_S, check=False)  # noqa: S603 - no shell, and the image stands behind --
        except (OSError, subprocess.TimeoutExpired):
            continue
        if ended.returncode == 0 and ended.stdout.strip():
            return ended.stdout.decode(errors="replace").strip()
    return None


def _interpreter() -> str:
    return f"{platform.python_implementation()} {platform.python_version()}"


def _names_python(command: tuple[str, ...]) -> bool:
    """Tells whether a command starts Python: by its first words, or somewhere in a line for a shell."""
    if any(_PYTHON_NAME.fullmatch(PurePosixPath(word).name) or word.endswith(".py") for word in command):
        return True
    return any(_SHELL_PYTHON.search(word) for word in command[1:] if " " in word)


def _normal(name: str) -> str:
    """Returns a distribution's name as all its spellings are compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _search_path() -> tuple[tuple[str, int], ...]:
    """Returns the folders that distributions are found in, and when each last changed."""
    state = []
    for folder in sys.path:
        try:
            state.append((folder, Path(folder or ".").stat().st_mtime_ns))
        except OSError:
            continue
    return tuple(state)


@lru_cache(maxsize=2)
def _bringers(search_path: tuple[tuple[str, int], ...]) -> Mapping[str, list[str]]:  # noqa: ARG001 - what the memory of it goes by
    """Returns which distributions bring a top-level module."""
    return importlib.metadata.packages_distributions()


def _version(name: str) -> str | None:
    return _versions(_normal(name), _search_path())


@lru_cache(maxsize=1_024)
def _versions(name: str, search_path: tuple[tuple[str, int], ...]) -> str | None:  # noqa: ARG001 - as above
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
