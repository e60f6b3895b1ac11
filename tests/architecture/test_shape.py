"""Files fit in one sitting, functions on a screen, and nothing is a drawer for odds and ends."""

import ast
import re

from tests.architecture.source import PACKAGE, ROOT, modules

FILE_LINES = 400
FUNCTION_LINES = 50
DRAWERS = re.compile(r"_?(utils?|helpers?|common|misc|shared|stuff)")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def test_no_file_has_more_than_400_lines() -> None:
    lengths = {module.place: len(module.text.splitlines()) for module in modules()}

    assert {place: lines for place, lines in lengths.items() if lines > FILE_LINES} == {}


def test_no_function_has_more_than_50_lines_beside_its_docstring() -> None:
    lengths = {
        f"{module.at(node)} {node.name}": _lines(node)
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, Function)
    }

    assert {name: lines for name, lines in lengths.items() if lines > FUNCTION_LINES} == {}


def test_no_module_or_folder_is_a_drawer_for_odds_and_ends() -> None:
    places = [*PACKAGE.rglob("*"), *(ROOT / "tests").rglob("*")]

    assert [str(path.relative_to(ROOT)) for path in places if DRAWERS.fullmatch(path.stem.lower())] == []


def test_no_class_is_a_manager() -> None:
    names = [
        f"{module.at(node)} {node.name}"
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef) and node.name.endswith("Manager")
    ]

    assert names == []


def test_every_folder_is_a_package_so_that_the_contract_sees_its_imports() -> None:
    folders = {path.parent for path in PACKAGE.rglob("*.py")}

    assert [
        str(folder.relative_to(ROOT)) for folder in folders if not (folder / "__init__.py").is_file()
    ] == []


def _lines(function: Function) -> int:
    """Returns the lines from `def` to the end, without those of the docstring."""
    whole = (function.end_lineno or function.lineno) - function.lineno + 1
    if ast.get_docstring(function, clean=False) is None:
        return whole
    docstring = function.body[0]
    return whole - ((docstring.end_lineno or docstring.lineno) - docstring.lineno + 1)
