"""The README's blocks, run as somebody would who copies them into an empty folder."""

import json
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from headwater.training import read_request
from tests.stories.program import environment, stop_workers

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
MARK = "<!-- run by tests/stories/test_readme.py -->\n"
PATIENCE_S = 60


def block(language: str, place: int = 0) -> str:
    """Returns the text of one of a language's blocks."""
    blocks: list[str] = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    return blocks[place]


def run(folder: Path, *words: str) -> str:
    """Runs words in a folder, and returns what they printed on stdout."""
    done = subprocess.run(
        words,
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, test_data: Path) -> Iterator[Path]:
    """Returns the folder of somebody who has the data and has written the two files that the README shows."""
    folder = tmp_path_factory.mktemp("readme")
    shutil.copy(test_data / "iris.csv", folder)
    (folder / "iris.yaml").write_text(block("yaml"))
    rows = re.search(r"`rows\.json` such as `(.*?)`", README)
    assert rows is not None
    (folder / "rows.json").write_text(rows[1])
    yield folder
    stop_workers(folder)


@pytest.fixture(scope="module")
def printed(folder: Path) -> str:
    """Runs the ten lines, and returns what they printed."""
    return run(folder, "bash", "-euo", "pipefail", "-c", block("bash"))


def test_every_block_of_commands_or_code_is_run_here() -> None:
    found = re.findall(r"(?:(.*\n)|\n)```(?:bash|python)\n", README)

    assert found == [MARK] * 4


def test_the_ten_lines_by_hand_work_as_they_are_written(printed: str) -> None:
    assert len(block("bash").strip().splitlines()) == 10
    assert "First rows" in printed
    assert re.search(r"^SepalLength +regression +xgboost +120 +30 +r2 0\.\d+", printed, re.MULTILINE)
    assert "iris@1 is now in dev" in printed
    assert '"lower"' in printed
    assert re.search(r"^/report\.html ", printed, re.MULTILINE)
    assert re.search(r"^request +\w+", printed, re.MULTILINE)


def test_the_endpoint_is_started_and_asked_as_it_is_written(folder: Path, printed: str) -> None:
    if shutil.which("curl") is None:
        pytest.skip("there is no curl on this machine")
    script = block("bash", 1).replace("8080", str(_free_port()))

    said = run(folder, "bash", "-euo", "pipefail", "-c", f"{script}\nkill -TERM $!\nwait $!")

    answer = re.search(r'\{"success".*\}', said)
    assert answer is not None, said
    told = json.loads(answer[0])
    assert (told["code"], told["model"], told["version"]) == ("OK", "iris", 1)
    assert '"lower"' in answer[0]


def test_the_python_block_ends_with_the_score(folder: Path) -> None:
    *before, last = block("python").strip().splitlines()

    said = run(folder, sys.executable, "-c", "\n".join([*before, f"print({last})"]))

    assert 0 < float(said) <= 1


def test_the_pipeline_runs_one_review_and_keeps_the_other(folder: Path) -> None:
    *before, last = block("python", 1).strip().splitlines()
    asked, _, told = last.partition("  # ")
    (folder / "films.py").write_text("\n".join([*before, f"print({asked})"]))

    said = run(folder, sys.executable, "films.py")

    assert said.strip() == told


def test_the_reference_of_requests_shows_one_that_is_accepted() -> None:
    page = (ROOT / "docs" / "training-request.md").read_text("utf-8")
    (text,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)

    request = read_request(text)

    # Every field that a request has is shown.
    shown = re.findall(r"^(\w+):", text, re.MULTILINE)
    assert sorted(shown) == sorted(request.__struct_fields__)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
