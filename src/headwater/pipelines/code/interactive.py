"""Writes a module for a function that has none: one of a notebook, a prompt, or within another function.

Its source is taken from what Python remembers of the cell, and what it uses by
name from the values that stand under these names now: functions and classes by
their source, modules and what comes from them by an import, simple values as
they are. Anything else (an open file, a fitted model) has no source, and is an
error that names it.
"""

import ast
import builtins
import inspect
import linecache
import sys
import textwrap
import types
from collections.abc import Iterator
from contextlib import suppress
from pathlib import PurePath
from typing import Any

from headwater.pipelines.code.errors import CodeUncaptured
from headwater.pipelines.code.source import FUTURE, Function, names_used, without_decorators

_PLAIN = (bool, int, float, complex, str, bytes, type(None), type(Ellipsis))
_HELD = (tuple, list, set, frozenset, dict)
_MOST_CHARACTERS = 100_000
_FILE = "Put the function into a .py file with what it needs; or"


class InteractiveModule:
    """A module that is made up from the functions that are added to it."""

    def __init__(self, function: str, home: str = "") -> None:
        """Remembers what errors call the function, and the module that it stands in, if that can be imported."""
        self._function, self._home = function, home
        self._imports: dict[str, None] = {}
        self._parts: dict[str, str] = {}
        self._values: dict[str, Any] = {}

    def add(self, function: types.FunctionType) -> None:
        """Adds a function with all that it uses."""
        name = function.__name__
        self._values[name] = function
        source = self._source_of(function)
        scope = dict(function.__globals__)
        for free, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            with suppress(ValueError):  # a variable that is not bound yet
                scope[free] = cell.cell_contents
        for used in sorted(names_used(source, annotations=False)):
            self._add_value(used, scope)
        self._parts[name] = source

    def source(self) -> str:
        """Returns the module; parts stand in the order in which they need one another."""
        return "".join([FUTURE, *self._imports, *(f"\n\n{part}" for part in self._parts.values())])

    def _add_value(self, name: str, scope: dict[str, Any]) -> None:
        if name not in scope:
            return  # built in, or a name that fails there as well
        value = scope[name]
        if name in self._values:
            if self._values[name] is not value and self._values[name] != value:
                raise self._refusal(name, "stands for two things", "give one of them another name")
            return
        if name == "__name__" or (hasattr(builtins, name) and getattr(builtins, name) is value):
            return
        self._values[name] = value
        if isinstance(value, types.ModuleType):
            self._imports[_import_of(value.__name__, name)] = None
        elif isinstance(value, types.FunctionType | type) and self._is_foreign(value):
            self._import_from(name, value)
        elif isinstance(value, types.FunctionType):
            self._add_function(name, value)
        elif isinstance(value, type):
            self._add_class(name, value, scope)
        else:
            self._add_plain(name, value)

    def _is_foreign(self, value: Any) -> bool:
        module = getattr(value, "__module__", None) or "__main__"
        return module != "__main__" and "." not in value.__qualname__

    def _import_from(self, name: str, value: Any) -> None:
        line = f"from {value.__module__} import {value.__name__}"
        self._imports[f"{line}\n" if value.__name__ == name else f"{line} as {name}\n"] = None

    def _add_function(self, name: str, value: types.FunctionType) -> None:
        if value.__name__ == "<lambda>":
            problem = f"{name!r} is a lambda"
            raise CodeUncaptured(self._function, problem=problem, hint=f"Write it as `def {name}(…):`.")
        self.add(value)
        if value.__name__ != name:
            self._parts[name] = f"{name} = {value.__name__}\n"

    def _add_class(self, name: str, value: type, scope: dict[str, Any]) -> None:
        source = self._class_source(value)
        for used in sorted(names_used(source)):
            self._add_value(used, scope)
        self._parts[name] = source if value.__name__ == name else f"{source}\n{name} = {value.__name__}\n"

    def _add_plain(self, name: str, value: Any) -> None:
        if isinstance(value, PurePath):
            self._imports["import pathlib\n"] = None
            self._parts[name] = f"{name} = pathlib.{type(value).__name__}({str(value)!r})\n"
            return
        home = _home_of(value)
        if home is not None:
            self._imports[f"from {home[0]} import {home[1]} as {name}\n"] = None
            return
        at_home = getattr(sys.modules.get(self._home), name, None)
        if not _is_plain(value) and self._home and at_home is value:
            self._imports[f"from {self._home} import {name}\n"] = None
            return
        if not _is_plain(value):
            kind = type(value).__name__
            raise self._refusal(
                name, f"is a {kind}, which has no source", "make it in `setup` or in the function"
            )
        text = repr(value)
        if len(text) > _MOST_CHARACTERS:
            raise self._refusal(name, "is too large for a line of code", "make it a file of an input repo")
        self._parts[name] = f"{name} = {text}\n"

    def _refusal(self, name: str, problem: str, otherwise: str) -> CodeUncaptured:
        return CodeUncaptured(
            self._function, problem=f"{name!r}, which it uses, {problem}", hint=f"{_FILE} {otherwise}."
        )

    def _source_of(self, function: types.FunctionType) -> str:
        try:
            source = textwrap.dedent(inspect.getsource(function))
            tree = ast.parse(source)
        except (OSError, TypeError, SyntaxError):
            raise CodeUncaptured(
                self._function,
                problem=f"Python does not remember the source of {function.__name__!r}",
                hint="Put the function into a .py file, or define it in a notebook's cell.",
            ) from None
        if not any(isinstance(node, Function) for node in tree.body):
            problem = f"{function.__name__!r} is no function that a `def` made"
            raise CodeUncaptured(self._function, problem=problem, hint="Write it as `def name(…):`.")
        return without_decorators(source)

    def _class_source(self, value: type) -> str:
        for file in _files_of(value):
            lines = linecache.getlines(file)
            source = "".join(lines)
            try:
                tree = ast.parse(source)
            except SyntaxError:
                continue
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef) and node.name == value.__name__:
                    first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
                    return textwrap.dedent("".join(lines[first - 1 : node.end_lineno]))
        raise CodeUncaptured(
            self._function,
            problem=f"Python does not remember the source of the class {value.__name__!r}",
            hint="Put the class into a .py file.",
        )


def _files_of(value: type) -> Iterator[str]:
    """Yields where a class may have been written: where its methods were, then every cell that is remembered."""
    for member in vars(value).values():
        function = getattr(member, "__func__", member)
        if isinstance(function, types.FunctionType):
            yield function.__code__.co_filename
    yield from reversed([name for name in linecache.cache if not name.endswith(".py") or "ipykernel" in name])


def _import_of(module: str, name: str) -> str:
    parent, _, last = module.rpartition(".")
    if module == name:
        return f"import {module}\n"
    if parent and last == name:
        return f"from {parent} import {last}\n"
    if module.partition(".")[0] == name:
        return f"import {module}\n"
    return f"import {module} as {name}\n"


def _home_of(value: Any) -> tuple[str, str] | None:
    """Returns the module and name that a value can be imported by, such as a built-in function."""
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str) or not name.isidentifier():
        return None
    return (module, name) if isinstance(value, types.BuiltinFunctionType) else None


def _is_plain(value: Any) -> bool:
    if type(value) in _HELD:
        inner = [*value, *value.values()] if isinstance(value, dict) else value
        return all(map(_is_plain, inner))
    return type(value) in _PLAIN and value == value  # noqa: PLR0124 - NaN has no literal
