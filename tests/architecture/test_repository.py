"""The repository speaks of itself alone, and what it installs is pinned and small in number."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.source import ROOT

CORE_DEPENDENCIES = 12
INDEX = re.compile(r"(?:https?|file)://[^\s\"'<>]+/simple\b")
PIN = re.compile(r"^([a-z0-9._-]+)(\[[a-z,]+\])?==\S+( ; .+?)? \\$")


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    """Returns every text that is or would be committed, by its path."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout")
    listing = [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    return {name: text for name in names if name and (text := _text(ROOT / name)) is not None}


def test_no_file_names_the_address_of_a_package_index(texts: dict[str, str]) -> None:
    assert {name: found[0] for name, text in texts.items() if (found := INDEX.search(text))} == {}


def test_no_file_names_a_path_of_the_machine_it_was_written_on(texts: dict[str, str]) -> None:
    private = [path for path in (ROOT, Path.home()) if path != Path(path.anchor)]
    here = re.compile("|".join(rf"(?<![\w.}}]){re.escape(str(path))}/" for path in private))

    assert {name: found[0] for name, text in texts.items() if (found := here.search(text))} == {}


def test_the_core_needs_at_most_twelve_packages() -> None:
    assert len(_project()["dependencies"]) <= CORE_DEPENDENCIES


@pytest.mark.parametrize("name", ["run.txt", "dev.txt", "uv.txt"])
def test_every_requirement_is_pinned_and_hashed(name: str) -> None:
    lines = (ROOT / "requirements" / name).read_text("utf-8").splitlines()

    starts = [line for line in lines if not line.startswith(" ")]
    hashes = [line for line in lines if line.startswith(" ")]
    assert [line for line in starts if not PIN.match(line)] == []
    assert [line for line in hashes if "--hash=sha256:" not in line] == []


def test_what_runs_is_pinned_alike_for_development() -> None:
    assert _pins("run.txt") - _pins("dev.txt") == set()


def test_every_declared_dependency_is_among_the_pins() -> None:
    project = _project()
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    declared = {_name(line) for line in [*project["dependencies"], *extras]} - {"headwater"}

    pinned = _pins("dev.txt") | set((ROOT / "constraints.txt").read_text("utf-8").splitlines())
    assert declared - {_name(pin) for pin in pinned} == set()


def _project() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return project


def _pins(name: str) -> set[str]:
    """Returns the names with their versions; on which systems a package is wanted may differ."""
    lines = (ROOT / "requirements" / name).read_text("utf-8").splitlines()
    return {line.partition(" ")[0] for line in lines if not line.startswith(" ")}


def _name(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower()


def _text(path: Path) -> str | None:
    try:
        return path.read_text("utf-8")
    except (UnicodeDecodeError, OSError):
        return None
