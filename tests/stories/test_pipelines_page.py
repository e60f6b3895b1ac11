"""The page about pipelines, worked through as somebody would who saves its files and copies its commands."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stories.program import stop_workers
from tests.stories.test_readme import ROOT, run

PAGE = (ROOT / "docs" / "pipelines.md").read_text("utf-8")
BLOCKS = re.findall(r"```(bash|python|yaml)\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    stop_workers(tmp_path)


def test_the_files_and_commands_of_the_page_work_as_they_are_written(folder: Path) -> None:
    printed = [_follow(folder, language, text) for language, text in BLOCKS]

    said = "".join(printed)
    assert len(printed) > 10
    assert re.search(r"1 run, 2 kept", said)
    assert "1 run, 3 kept\n8\n" in said  # the program in Python
    assert re.search(r"^3$", said, re.MULTILINE)
    assert re.search(r"^ *\d+ +run +the code changed", said, re.MULTILINE)
    assert "It failed, as expected." in said
    assert re.search(r"^- *2$|^-2$", said, re.MULTILINE)


def _follow(folder: Path, language: str, text: str) -> str:
    """Runs commands and programs; saves what is a pipeline under the pipeline's name, as the page says."""
    if language == "bash":
        return run(folder, "bash", "-euo", "pipefail", "-c", text)
    if language == "python" and "hw.open" in text:
        (folder / "program.py").write_text(text)
        return run(folder, sys.executable, "program.py")
    names = re.findall(
        r"^name: (\w+)" if language == "yaml" else r"^@.*?^def (\w+)", text, re.MULTILINE | re.DOTALL
    )
    (folder / f"{names[-1]}.{'yaml' if language == 'yaml' else 'py'}").write_text(text)
    return ""
