"""What only one file may do: read the environment, print, and be imported as the package itself."""

import ast
import importlib.util
import json
import subprocess
import sys

import pytest

import headwater
from tests.architecture.source import Module, dotted, imports, modules

ENVIRONMENT = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}
PRINTING = {"print", "sys.stdout.write", "sys.stderr.write", "Console", "rich.print", "rich.console.Console"}
HEAVY = (
    "alembic",
    "cyclopts",
    "matplotlib",
    "numpy",
    "pandas",
    "pyarrow",
    "rich",
    "scipy",
    "sklearn",
    "sqlalchemy",
    "xgboost",
)


def test_only_settings_reads_the_environment() -> None:
    readers = {
        module.at(node): name
        for module in modules()
        if module.place != "settings.py"
        for node, name in _environment_reads(module)
    }

    assert readers == {}


def test_only_the_output_of_the_command_line_prints() -> None:
    printers = {
        module.at(node): dotted(node.func)
        for module in modules()
        if module.place != "cli/output.py"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and dotted(node.func) in PRINTING
    }

    assert printers == {}


def test_nothing_imports_the_package_root() -> None:
    importers = [
        module.at(statement)
        for module in modules()
        for statement, name, part in imports(module)
        if name == "headwater" and (part is None or not _is_module(f"headwater.{part}"))
    ]

    assert importers == []


def test_importing_the_package_imports_nothing_heavy() -> None:
    script = "import sys, json, headwater; print(json.dumps(sorted(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)

    loaded = json.loads(done.stdout)
    assert [name for name in loaded if name.partition(".")[0] in HEAVY] == []
    assert [name for name in loaded if name.startswith("headwater.")] == []


@pytest.mark.parametrize("name", headwater.__all__)
def test_a_public_name_is_found_on_first_use(name: str) -> None:
    assert getattr(headwater, name) is not None
    assert name in dir(headwater)


def test_a_name_that_is_not_public_is_refused_by_name() -> None:
    name = "manager"

    with pytest.raises(AttributeError, match=r"'headwater' has no attribute 'manager'"):
        getattr(headwater, name)


def test_no_file_imports_through_the_facade_of_its_own_folder() -> None:
    circles = [
        f"{module.at(statement)} {name}.{part}"
        for module in modules()
        for statement, name, part in imports(module)
        if name != "headwater" and name in _folders_above(module) and not _is_module(f"{name}.{part}")
    ]

    assert circles == []


def _environment_reads(module: Module) -> list[tuple[ast.stmt | ast.expr, str]]:
    attributes: list[tuple[ast.stmt | ast.expr, str]] = [
        (node, node.attr)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and dotted(node.value) == "os" and node.attr in ENVIRONMENT
    ]
    names = [
        (statement, part) for statement, name, part in imports(module) if name == "os" and part in ENVIRONMENT
    ]
    return attributes + [(statement, part or "") for statement, part in names]


def _folders_above(module: Module) -> set[str]:
    parts = ["headwater", *module.place.removesuffix(".py").split("/")]
    own = len(parts) - 1 if parts[-1] != "__init__" else len(parts) - 2
    return {".".join(parts[: length + 1]) for length in range(own)}


def _is_module(name: str) -> bool:
    return importlib.util.find_spec(name) is not None
