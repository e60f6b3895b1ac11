"""The page about egress, spouts and services, worked through as somebody would who saves its files and copies its commands."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stories.program import stop_workers
from tests.stories.test_readme import ROOT, run

PAGE = (ROOT / "docs" / "egress-spouts-services.md").read_text("utf-8")
BLOCKS = re.findall(r"```(bash|python|yaml)\n(.*?)```", PAGE, re.DOTALL)
_PLACE = "/tmp/headwater-page-EXAMPLE"  # noqa: S108 - what the page says; replaced by a folder of the test


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    stop_workers(tmp_path)


def test_the_files_and_commands_of_the_page_work_as_they_are_written(folder: Path) -> None:
    said = "".join(_follow(folder, language, text.replace(_PLACE, str(folder))) for language, text in BLOCKS)

    assert "2026-01-01,12.5" in said
    assert re.search(r"^1: ", said, re.MULTILINE) or re.search(r"^\d+: \w+", said, re.MULTILINE)
    assert "message 2" in said
    assert "— started, version 1" in said
    assert "2026-02-01,99.5" in said
    assert (folder / "sent/january.csv").exists()


def _follow(folder: Path, language: str, text: str) -> str:
    """Runs commands; saves what is a pipeline under the pipeline's name, as the page says."""
    if language == "bash":
        return run(folder, "bash", "-euo", "pipefail", "-c", text)
    names = re.findall(
        r"^name: (\w+)" if language == "yaml" else r"^@.*?^def (\w+)", text, re.MULTILINE | re.DOTALL
    )
    (folder / f"{names[0]}.{'yaml' if language == 'yaml' else 'py'}").write_text(text)
    return ""
