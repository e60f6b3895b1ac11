"""Finds the user's own modules that a module imports, without running any of them.

Own is what is neither part of Python nor installed: what lies in a folder of
packages has a version, which stands for it. A project that is installed in
place (`pip install -e`) is own, since its version says nothing of its edits.
"""

import ast
import sys
import sysconfig
from collections.abc import Iterator
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from headwater.errors import InvalidInput
from headwater.pipelines.code.source import PACKAGE, Imported, imports_in

_INSTALLED = frozenset({"site-packages", "dist-packages"})


class Closure:
    """The files that were reached so far, by their paths, and the modules of others that they import."""

    def __init__(self, root: Path) -> None:
        """Looks for modules below `root` first, then where Python looks."""
        self.files: dict[str, bytes] = {}
        self.imports: set[str] = set()
        self._root = root
        self._seen: set[str] = set()

    def add_module(self, name: str) -> bool:
        """Adds a module, the packages that it lies in, and what they import; returns whether it is an own one."""
        if name in self._seen:
            return True
        parts = name.split(".")
        spec = self._top(parts[0])
        if spec is None or not is_own(spec):
            self._note_foreign(parts[0])
            return False
        for depth in range(1, len(parts) + 1):
            inner = ".".join(parts[:depth])
            if depth > 1:
                places = spec.submodule_search_locations
                spec = None if places is None else PathFinder.find_spec(inner, list(places))
            if spec is None:
                return False
            if inner not in self._seen:
                self._seen.add(inner)
                self._add_file(inner, spec)
        return True

    def add_source(self, module: str, source: bytes, path: str) -> None:
        """Adds a source under the path and follows what it imports."""
        self._seen.add(module)
        self.files[path] = source
        self.follow(module, source, is_package=path.endswith("__init__.py"))

    def follow(self, module: str, source: bytes, *, is_package: bool = False) -> None:
        """Adds what a source imports."""
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError) as error:
            raise InvalidInput(
                f"The module {module!r} is no Python that this interpreter reads: {error}.",
                hint="Mend it, or do not import it.",
            ) from None
        for found in imports_in(tree):
            for name in _absolute(found, module, is_package=is_package):
                self.add_module(name)

    def _top(self, name: str) -> ModuleSpec | None:
        if name == PACKAGE or name in sys.stdlib_module_names:
            return None
        beside = PathFinder.find_spec(name, [str(self._root)])
        if beside is not None and beside.origin:
            return beside
        try:
            return find_spec(name) or beside  # a plain folder is a package only where nothing else is
        except (ValueError, ImportError):  # a module without a spec, such as one made by hand
            return beside

    def _note_foreign(self, top: str) -> None:
        if top != PACKAGE and top not in sys.stdlib_module_names:
            self.imports.add(top)

    def _add_file(self, name: str, spec: ModuleSpec) -> None:
        if spec.origin is None or not Path(spec.origin).is_file():
            return  # a folder without __init__.py is a package too
        file = Path(spec.origin)
        is_package = file.stem == "__init__"
        path = name.replace(".", "/") + ("/" + file.name if is_package else _ending(file))
        data = file.read_bytes()
        self.files[path] = data
        if file.suffix == ".py":
            self.follow(name, data, is_package=is_package)


class Home(NamedTuple):
    """Where a module is: its name, the folder that it is imported from, and its file."""

    module: str
    root: Path
    file: Path


def home_of(file: Path, module: str = "") -> Home:
    """Returns where a file is imported from; folders with an `__init__.py` above it are its packages."""
    file = file.resolve()
    parts = module.split(".")
    inner = file.parent if file.name == "__init__.py" else file.with_suffix("")
    if module and list(inner.parts[-len(parts) :]) == parts:
        return Home(module, inner.parents[len(parts) - 1], file)
    names = [] if file.name == "__init__.py" else [file.stem]
    folder = file.parent
    while (folder / "__init__.py").is_file():
        names.insert(0, folder.name)
        folder = folder.parent
    return Home(".".join(names), folder, file)


def is_own(spec: ModuleSpec) -> bool:
    """Tells whether a module is neither Python's nor installed nor this package's."""
    places = [spec.origin] if spec.origin not in {None, "namespace"} else spec.submodule_search_locations
    return all(is_own_path(Path(place)) for place in places or () if place) and bool(places)


def is_own_path(path: Path) -> bool:
    """Tells the same of the place of a module."""
    if not path.is_absolute() or _INSTALLED.intersection(path.parts):
        return False
    return not any(path.is_relative_to(folder) for folder in _not_own())


@cache
def _not_own() -> tuple[Path, ...]:
    paths = sysconfig.get_paths()
    own_package = Path(__file__).parents[2]
    return (Path(paths["stdlib"]), Path(paths["platstdlib"]), own_package)


def _ending(file: Path) -> str:
    return ".py" if file.suffix == ".py" else "." + file.name.partition(".")[2]


def _absolute(found: Imported, module: str, *, is_package: bool) -> Iterator[str]:
    """Yields the full names of what an import may bring."""
    base = found.module
    if found.level:
        parts = module.split(".")
        above = parts[: len(parts) - found.level + (1 if is_package else 0)]
        base = ".".join([*above, *([base] if base else [])])
    if base:
        yield base
        yield from (f"{base}.{name}" for name in found.names if name != "*")
    else:
        yield from (name for name in found.names if found.level)
