"""The page about repos, run as somebody would who copies its commands into an empty folder, one block after the other."""

import re
from pathlib import Path

from tests.stories.test_readme import ROOT, run

PAGE = (ROOT / "docs" / "repos.md").read_text("utf-8")


def test_the_commands_of_the_page_work_as_they_are_written(tmp_path: Path) -> None:
    blocks = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)

    printed = "".join(run(tmp_path, "bash", "-euo", "pipefail", "-c", block) for block in blocks)

    assert len(blocks) == 4
    assert re.search(r"^/old/2\.txt +24 B +\w+ +old +2", printed, re.MULTILINE)
    assert "fine" in printed
    assert (tmp_path / "copy" / "kept" / "1.txt").read_text() == "A fine film.\n"
    assert "-A fine film.\n+A very fine film.\n" in printed
    assert re.search(r"^how +merged", printed, re.MULTILINE)
    assert re.search(r"^state +purged", printed, re.MULTILINE)
