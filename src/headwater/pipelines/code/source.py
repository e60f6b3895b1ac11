"""Reads Python source as a tree: what it imports, what it uses, and what of it a function needs.

A pipeline's decorator says how a pipeline runs, not what a result is: it is
taken out of what is stored, so that more parallelism recomputes nothing. So
are the file's other pipelines and what it does when it is started as a
program.
"""

import ast
import dis
import types
from collections.abc import Iterable, Iterator
from typing import NamedTuple

Function = ast.FunctionDef | ast.AsyncFunctionDef
PACKAGE = "headwater"
FUTURE = "from __future__ import annotations\n"
_DECORATORS = frozenset({"pipeline", "spout", "service"})
_LOADS = frozenset(
    {
        "LOAD_NAME",
        "LOAD_GLOBAL",
        "LOAD_CLASSDEREF",
        "LOAD_FROM_DICT_OR_GLOBALS",
        "LOAD_FROM_DICT_OR_DEREF",
    }
)


class Imported(NamedTuple):
    """A module that is imported, and names in it that may be modules themselves; `level` counts leading dots."""

    module: str
    names: tuple[str, ...] = ()
    level: int = 0


def imports_in(tree: ast.AST) -> Iterator[Imported]:
    """Yields what a file imports, within functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Imported(alias.name)
        elif isinstance(node, ast.ImportFrom):
            yield Imported(node.module or "", tuple(alias.name for alias in node.names), node.level)


def pruned(source: str, keep: Iterable[str]) -> str:
    """Returns a module's source without decorators of pipelines, other pipelines, and what it does as a program.

    Args:
        source: Python that compiles.
        keep: Names of functions that stay even if they are pipelines.
    """
    tree = ast.parse(source)
    doors = _Doors(tree)
    kept = set(keep)
    others = [node for node in tree.body if isinstance(node, Function) and doors.decorators(node)]
    others = [node for node in others if node.name not in kept]
    gone: list[ast.stmt] = [node for node in tree.body if _is_main_guard(node)]
    staying = [node for node in tree.body if node not in others and node not in gone]
    while True:  # a pipeline's function that what stays calls, stays
        used = kept.union(*(names_used(doors.bare(node)) for node in staying))
        called = [node for node in others if node.name in used]
        if not called:
            break
        staying += called
        others = [node for node in others if node.name not in used]
    lines = source.splitlines(keepends=True)
    for node in [*gone, *others]:
        _blank(lines, _first_line(node), node.end_lineno or node.lineno)
    for node in staying:
        if isinstance(node, Function):
            for decorator in doors.decorators(node):
                _blank(lines, decorator.lineno, decorator.end_lineno or decorator.lineno)
    return "".join(lines)


def sliced(source: str, needed: Iterable[str]) -> str:
    """Returns of a program that was started the statements that bind the needed names, and what those need.

    A statement that changes a needed name by an index or attribute belongs to
    it; a bare call does if it is one on a needed module, with nothing but
    constants and modules in it. All else is what the program does.
    """
    tree = ast.parse(source)
    doors = _Doors(tree)
    bound = [(node, bound_names(node)) for node in tree.body]
    imported = {
        name for node, names in bound if isinstance(node, ast.Import | ast.ImportFrom) for name in names
    }
    wanted, chosen = set(needed), set[int]()
    while True:
        before = len(chosen)
        for at, (node, names) in enumerate(bound):
            if at in chosen or _is_main_guard(node):
                continue
            if names & wanted or is_future(node) or _is_setting(node, wanted, imported - doors.modules):
                chosen.add(at)
                wanted |= names_used(doors.bare(node))
        if len(chosen) == before:
            break
    lines = source.splitlines(keepends=True)
    parts = []
    for at in sorted(chosen):
        node = tree.body[at]
        text = lines[_first_line(node) - 1 : node.end_lineno]
        if isinstance(node, Function):
            for decorator in doors.decorators(node):
                offset = decorator.lineno - _first_line(node)
                _blank(
                    text,
                    offset + 1,
                    offset + 1 + (decorator.end_lineno or decorator.lineno) - decorator.lineno,
                )
        parts.append("".join(text).rstrip("\n") + "\n")
    return "".join(parts)


def without_decorators(source: str) -> str:
    """Returns the source of one function without any decorators of pipelines, whatever they are called there."""
    tree = ast.parse(source)
    lines = source.splitlines(keepends=True)
    for node in tree.body:
        if isinstance(node, Function):
            for decorator in node.decorator_list:
                if _called(decorator).rpartition(".")[2] in _DECORATORS:
                    _blank(lines, decorator.lineno, decorator.end_lineno or decorator.lineno)
    return "".join(lines)


def names_used(node: ast.stmt | str, *, annotations: bool = True) -> set[str]:
    """Returns the names that a statement, or a whole source, takes from outside of itself."""
    body = ast.parse(node).body if isinstance(node, str) else [node]
    if not annotations:
        body = [*ast.parse(FUTURE).body, *(one for one in body if not is_future(one))]
    code = compile(ast.Module(body=body, type_ignores=[]), "<source>", "exec", dont_inherit=True)
    return set(_loaded(code))


def _loaded(code: types.CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname in _LOADS:
            yield str(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _loaded(constant)


class _Doors:
    """Knows under which names a file has this package, and so which functions are pipelines."""

    def __init__(self, tree: ast.Module) -> None:
        self.modules: set[str] = set()
        self._names: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                self.modules |= {alias.asname or alias.name for alias in node.names if alias.name == PACKAGE}
            elif isinstance(node, ast.ImportFrom) and node.module == PACKAGE:
                self._names |= {
                    alias.asname or alias.name for alias in node.names if alias.name in _DECORATORS
                }

    def decorators(self, node: Function) -> list[ast.expr]:
        """Returns those of a function's decorators that make it a pipeline."""
        return [one for one in node.decorator_list if self._is_door(_called(one))]

    def bare(self, node: ast.stmt) -> ast.stmt:
        """Returns a statement without such decorators."""
        if not isinstance(node, Function):
            return node
        gone = self.decorators(node)
        fields = {name: value for name, value in ast.iter_fields(node) if name != "decorator_list"}
        left = [one for one in node.decorator_list if one not in gone]
        return ast.copy_location(type(node)(**fields, decorator_list=left), node)

    def _is_door(self, name: str) -> bool:
        module, _, last = name.rpartition(".")
        return name in self._names or (module in self.modules and last in _DECORATORS)


def _called(decorator: ast.expr) -> str:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return ast.unparse(called)


def _is_main_guard(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in {
        "__name__ == '__main__'",
        "'__main__' == __name__",
    }


def bound_names(node: ast.stmt) -> set[str]:
    """Returns the names that a statement binds, or changes by an index or attribute."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return {node.name}
        case ast.Import() | ast.ImportFrom():
            return {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        case ast.Assign() | ast.AugAssign() | ast.AnnAssign() | ast.Delete():
            targets = node.targets if isinstance(node, ast.Assign | ast.Delete) else [node.target]
            return {name for target in targets for name in _roots(target)}
    found = {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
    inner = [one for one in ast.walk(node) if isinstance(one, ast.stmt) and one is not node]
    return found.union(*(bound_names(one) for one in inner)) if not isinstance(node, ast.Expr) else found


def _roots(target: ast.expr) -> Iterator[str]:
    match target:
        case ast.Name():
            yield target.id
        case ast.Attribute() | ast.Subscript() | ast.Starred():
            yield from _roots(target.value)
        case ast.Tuple() | ast.List():
            for one in target.elts:
                yield from _roots(one)


def _is_setting(node: ast.stmt, wanted: set[str], modules: set[str]) -> bool:
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
        return False
    used = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
    root = next(_roots(node.value.func), "")
    return root in wanted & modules and used <= modules


def is_future(node: ast.stmt) -> bool:
    """Tells whether a statement is one that must stand first in its file."""
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def _first_line(node: ast.stmt) -> int:
    if not isinstance(node, Function | ast.ClassDef):
        return node.lineno
    return min([node.lineno, *(one.lineno for one in node.decorator_list)])


def _blank(lines: list[str], first: int, last: int) -> None:
    """Empties lines, counted from 1, both ends included."""
    for at in range(first - 1, last):
        lines[at] = ""
