"""The page about the file system, run as it is written."""

import re
import subprocess
import sys
from pathlib import Path

from headwater.workspace import Workspace

PAGE = (Path(__file__).parents[2] / "docs" / "filesystem.md").read_text("utf-8")
MARK = "<!-- run by tests/filesystem/test_page.py -->\n"


def test_the_code_of_the_page_runs(tmp_path: Path) -> None:
    ((before, code),) = re.findall(r"(.*\n)```python\n(.*?)```", PAGE, re.DOTALL)
    with Workspace.create(str(tmp_path)) as workspace:
        workspace.create_repo("reviews")

        subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=100)

        assert before.endswith(MARK)
        assert [commit.message for commit in workspace.log("reviews@main").items] == [
            "Through the file system",
            "Write /2026/1.csv",
        ]
