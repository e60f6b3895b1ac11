"""Reads the package's files as text and as syntax trees, once, for the tests of its shape."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "headwater"


@dataclass(frozen=True)
class Module:
    """One file of the package."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def place(self) -> str:
        return self.path.relative_to(PACKAGE).as_posix()

    def at(self, node: ast.stmt | ast.expr) -> str:
        return f"{self.place}:{node.lineno}"


@cache
def modules() -> tuple[Module, ...]:
    return tuple(Module(path, text := path.read_text("utf-8"), ast.parse(text)) for path in _files())


def imports(module: Module) -> Iterator[tuple[ast.stmt, str, str | None]]:
    """Yields every import as statement, module and, for `from … import`, the name."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node, node.module or "", alias.name) for alias in node.names)


def dotted(node: ast.expr) -> str:
    """Returns `a.b.c` for such an expression, and an empty text for any other."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return ""


def _files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))
