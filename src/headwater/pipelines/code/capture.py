"""Takes a function's code with it: its module, and the user's own modules that this one imports."""

import ast
import inspect
import sys
import types
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from headwater.errors import InvalidInput, did_you_mean
from headwater.pipelines.code.bundle import CodeBundle, bundle_of
from headwater.pipelines.code.errors import CodeUncaptured
from headwater.pipelines.code.folder import capture_folder
from headwater.pipelines.code.interactive import InteractiveModule
from headwater.pipelines.code.modules import Closure, Home, home_of, is_own_path
from headwater.pipelines.code.source import Function, bound_names, pruned, sliced

_MAIN = "__main__"
_INTERACTIVE = "interactive"


def capture_function(
    function: Callable[..., Any], *, setup: Callable[..., Any] | None = None, file: Path | None = None
) -> CodeBundle:
    """Returns the code of a function, and of what prepares its worker process.

    A function of a module is stored with its module; one of the program that
    was started, with those statements of it that it needs; one of a notebook,
    or within another function, with the values that it uses. Modules of the
    user's own that these import are stored too; installed ones are named.

    Args:
        function: The function itself, without its decorator.
        setup: What runs once per worker process.
        file: Where the function's module lies, if that cannot be told from it.

    Raises:
        CodeUncaptured: Some of it has no source.
        InvalidInput: A module that it imports is no Python.
    """
    functions = [_plain(one) for one in (function, setup) if one is not None]
    home = _home(functions[0], file)
    if home is None or any("<locals>" in one.__qualname__ or _home(one, None) is None for one in functions):
        return _of_interactive(functions, home)
    for one in functions:
        if "." in one.__qualname__:
            raise CodeUncaptured(
                one.__qualname__,
                problem="it is a method",
                hint="Write a function at the top of the module that calls it.",
            )
    started = functions[0].__module__ == _MAIN
    if not started and not is_own_path(home.file):
        return _installed(functions)
    closure = Closure(home.root)
    names = [one.__name__ for one in functions if one.__module__ == functions[0].__module__]
    _add_pruned(closure, home, names, started=started)
    places = []
    for one in functions:
        there = home if one.__module__ == functions[0].__module__ else _home(one, None)
        assert there is not None, "functions without a home were sorted out above"
        if there is not home:
            closure.add_module(there.module)
        places.append(f"{there.module}:{one.__name__}")
    return _bundle(closure, places)


def capture_module(
    function: str, folder: Path, *, setup: str = "", whole: bool = False, without: Iterable[Path] = ()
) -> CodeBundle:
    """Returns the code of `module:name` as it is found from a folder, without running any of it.

    Args:
        function: The module and the name of the function in it.
        folder: Where modules are looked for, before those that are installed.
        setup: The same for what prepares a worker process.
        whole: Whether the folder is stored as it is, instead of the module and what it imports.
        without: Files of such a folder to leave out.

    Raises:
        InvalidInput: There is no such module, or nothing of this name in it.
    """
    places = [place for place in (function, setup) if place]
    if whole:
        return _of_folder(places, folder, without)
    closure = Closure(folder.resolve())
    for module in dict.fromkeys(place.partition(":")[0] for place in places):
        names = [place.partition(":")[2] for place in places if place.partition(":")[0] == module]
        file = _file_of(module, folder)
        if file is not None:
            _require_names(file.read_bytes(), module, names)
            _add_pruned(closure, Home(module, folder.resolve(), file), names, started=False)
        elif not closure.add_module(module) and not _is_installed(module):
            raise _no_module(module, folder)
    return _bundle(closure, places)


def _of_folder(places: list[str], folder: Path, without: Iterable[Path]) -> CodeBundle:
    stored = capture_folder(folder, without=without)
    files = {file.path: file.data for file in stored.files}
    closure = Closure(folder.resolve())
    for place in places:
        module, _, name = place.partition(":")
        path = next((one for one in _paths_of(module) if one in files), None)
        if path is None:
            raise _no_module(module, folder)
        _require_names(files[path], module, [name])
        closure.add_source(module, files[path], path)
    setup = places[1] if len(places) > 1 else ""
    return replace(stored, imports=tuple(sorted(closure.imports)), function=places[0], setup=setup)


def _paths_of(module: str) -> tuple[str, str]:
    inner = module.replace(".", "/")
    return f"{inner}.py", f"{inner}/__init__.py"


def _file_of(module: str, folder: Path) -> Path | None:
    return next((folder / path for path in _paths_of(module) if (folder / path).is_file()), None)


def _no_module(module: str, folder: Path) -> InvalidInput:
    return InvalidInput(
        f"There is no module {module!r}, neither in {str(folder)!r} nor installed.",
        hint="Write `function: module:name`, and `code: FOLDER` where the module lies elsewhere.",
    )


def _require_names(source: bytes, module: str, names: list[str]) -> None:
    """Makes sure that a module's source binds the names at its top."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        raise InvalidInput(
            f"The module {module!r} is no Python that this interpreter reads: {error}.", hint="Mend it."
        ) from None
    functions = [node.name for node in tree.body if isinstance(node, Function)]
    bound = {*functions, *(name for node in tree.body for name in bound_names(node))}
    for name in names:
        if name not in bound:
            raise InvalidInput(
                f"The module {module!r} has no function {name!r}.",
                hint=did_you_mean(name, functions, none="It has no functions at its top."),
            )


def _is_installed(module: str) -> bool:
    from importlib.util import find_spec

    try:
        return find_spec(module.partition(".")[0]) is not None
    except (ValueError, ImportError):
        return False


def _plain(function: Callable[..., Any]) -> types.FunctionType:
    if isinstance(function, types.FunctionType):
        return function
    raise CodeUncaptured(
        getattr(function, "__name__", repr(function)),
        problem="it is no function that a `def` made",
        hint="Write `def name(…):` and call it there.",
    )


def _home(function: types.FunctionType, file: Path | None) -> Home | None:
    """Returns where a function's module is; none for a notebook or a prompt."""
    module = function.__module__
    source = file or Path(inspect.unwrap(function).__code__.co_filename)
    if not source.is_file() or source.suffix != ".py" or _is_cell(source):
        return None
    if module != _MAIN:
        return home_of(source, module)
    spec = getattr(sys.modules.get(_MAIN), "__spec__", None)
    if spec is not None and spec.origin is not None and Path(spec.origin).resolve() == source.resolve():
        return home_of(source, spec.name)  # started as `python -m package.module`
    name = source.stem if source.stem.isidentifier() else "program"
    return Home(name, source.resolve().parent, source.resolve())


def _is_cell(source: Path) -> bool:
    """Tells whether a file is a notebook's cell, which some kernels write to a folder of their own."""
    return any(part.startswith("ipykernel_") for part in source.parts)


def _add_pruned(closure: Closure, home: Home, names: list[str], *, started: bool) -> None:
    source = home.file.read_text("utf-8")
    text = sliced(source, names) if started else pruned(source, names)
    is_package = home.file.name == "__init__.py"
    for depth in range(1, home.module.count(".") + 1):
        closure.add_module(".".join(home.module.split(".")[:depth]))
    path = home.module.replace(".", "/") + ("/__init__.py" if is_package else ".py")
    closure.add_source(home.module, text.encode(), path)


def _of_interactive(functions: list[types.FunctionType], home: Home | None) -> CodeBundle:
    started = functions[0].__module__ == _MAIN
    module = InteractiveModule(functions[0].__name__, "" if home is None or started else home.module)
    for one in functions:
        module.add(one)
    closure = Closure(home.root if home is not None else Path.cwd())
    closure.add_source(_INTERACTIVE, module.source().encode(), f"{_INTERACTIVE}.py")
    return _bundle(closure, [f"{_INTERACTIVE}:{one.__name__}" for one in functions])


def _installed(functions: list[types.FunctionType]) -> CodeBundle:
    places = [f"{one.__module__}:{one.__qualname__}" for one in functions]
    imports = {one.__module__.partition(".")[0] for one in functions}
    return bundle_of({}, imports, function=places[0], setup=places[1] if len(places) > 1 else "")


def _bundle(closure: Closure, places: list[str]) -> CodeBundle:
    imports = closure.imports
    if not closure.files:
        imports = {place.partition(":")[0].partition(".")[0] for place in places}
    setup = places[1] if len(places) > 1 else ""
    return bundle_of(closure.files, imports, function=places[0], setup=setup)
