"""What the program and its pages say of themselves: help for every command, a line for every kind of error."""

import importlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from cyclopts import App

from headwater.cli import main
from headwater.cli.main import build_app
from headwater.errors import Error
from tests.stories.program import Command

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src" / "headwater").rglob("*.py"))


def commands(app: App, *before: str) -> Iterator[tuple[str, ...]]:
    """Yields the words of every command, and of every group of commands."""
    for name in app:
        if not name.startswith("-"):
            yield (*before, name)
            yield from commands(app[name], *before, name)


EVERY = list(commands(build_app()))
GROUPS = {words[:1] for words in EVERY if len(words) > 1}


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_help_says_what_a_command_does_and_shows_an_example(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    status = main([*words, "--help"])

    said = capsys.readouterr()
    assert (status, said.err) == (0, "")
    assert f"Usage: headwater {' '.join(words)}" in said.out
    if words in GROUPS:
        assert "COMMAND" in said.out
    else:
        assert f"Example: headwater {' '.join(words)}" in said.out


def test_the_help_of_the_program_lists_every_command(headwater: Command) -> None:
    said = headwater("--help").out

    for words in EVERY:
        assert re.search(rf"^│ {words[0]} ", said, re.MULTILINE), words
    for option in ("--workspace", "--json", "--quiet", "--debug"):
        assert option in said


def test_the_version_is_one_line(headwater: Command) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*\n", headwater("--version").out)


def test_every_kind_of_error_is_explained_once() -> None:
    raised, told = _sections()

    kinds = {error.kind for error in _family(Error)}
    assert {kind: count for kind, count in Counter(raised + told).items() if count > 1} == {}
    assert kinds - set(raised) == set(), "docs/errors.md lacks these"
    assert set(raised) - kinds == set(), "docs/errors.md has these, and no error does"


def test_a_kind_without_a_class_is_written_somewhere_in_the_sources() -> None:
    _, told = _sections()
    text = "\n".join(path.read_text("utf-8") for path in SOURCES)

    assert told
    assert [kind for kind in told if not re.search(rf'kind"?(=|: )"{kind}"', text)] == []


def _sections() -> tuple[list[str], list[str]]:
    """Returns the kinds of errors that are raised, and those that stand only in documents."""
    page = (ROOT / "docs" / "errors.md").read_text("utf-8")
    raised, told = page.split("## Kinds without a class")
    return _kinds(raised), _kinds(told)


def _kinds(text: str) -> list[str]:
    return re.findall(r"^\| `([a-z-]+)` \| \S", text, re.MULTILINE)


def _family(error: type[Error]) -> set[type[Error]]:
    for path in SOURCES:
        if path.name == "errors.py":
            place = path.relative_to(ROOT / "src").with_suffix("")
            importlib.import_module(".".join(place.parts))
    found = {error}
    for child in error.__subclasses__():
        if child.__module__.startswith("headwater"):
            found |= _family(child)
    return found
