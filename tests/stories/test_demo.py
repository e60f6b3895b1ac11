"""`headwater demo iris`: the story that a newcomer sees first, and what it leaves behind."""

import re
import shutil
import signal
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.stories.program import (
    Command,
    Ended,
    Start,
    demo_in,
    program_in,
    step_of,
    stop_workers,
)
from tests.waiting import until

PATIENCE_S = 60
TARGETS = ("SepalLength", "SepalWidth", "PetalLength", "PetalWidth", "Species")
NUMBER = r"-?\d+\.\d{3}"


@dataclass(frozen=True)
class Told:
    """A story that was told, and the folder where it happened."""

    folder: Path
    ended: Ended

    @property
    def workspace(self) -> Command:
        return program_in(self.folder / "headwater-demo")

    def step(self, number: int) -> str:
        """Returns what was said from the beginning of a step to that of the next."""
        return step_of(self.ended.err, number)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    folder = tmp_path_factory.mktemp("demo")
    ended = demo_in(folder, "iris", PATIENCE_S)
    stop_workers(folder)
    return Told(folder, ended)


def test_the_story_is_told_to_its_end_in_plain_lines(told: Told) -> None:
    assert told.ended.status == 0, told.ended
    assert [line[0] for line in re.findall(r"^\d\. \w", told.ended.err, re.MULTILINE)] == list("1234567")
    assert "\x1b" not in told.ended.out + told.ended.err
    assert "Traceback" not in told.ended.err


def test_it_commits_135_rows_first(told: Told) -> None:
    assert "135 rows" in told.step(1)
    assert re.search(r"main +1 +3\.5 kB +The first 135 rows", told.ended.out)


def test_it_shows_the_request_and_the_scores_of_all_five_targets(told: Told) -> None:
    assert "targets: all" in told.step(2)
    assert "retrain: {on: data, rows: 10}" in told.step(2)
    for target in TARGETS[:-1]:
        assert re.search(
            rf"^{target} +regression +xgboost +108 +27 +r2 {NUMBER}, rmse {NUMBER}",
            told.ended.out,
            re.MULTILINE,
        )
    assert re.search(
        rf"^Species +classification +xgboost +108 +27 +accuracy {NUMBER}, log_loss {NUMBER}",
        told.ended.out,
        re.MULTILINE,
    )


def test_the_first_version_enters_the_three_environments_in_order(told: Told) -> None:
    entered = re.findall(r"^(\w+) +iris@1 +yes +5 of 5 passed", told.ended.out, re.MULTILINE)

    assert entered == ["dev", "staging", "prod"]


def test_the_endpoint_answers_a_good_row_and_names_what_is_wrong_with_bad_ones(told: Told) -> None:
    said = told.step(5)

    assert re.findall(r": (\d{3} [A-Z_]+)$", said, re.MULTILINE) == [
        "200 OK",
        "422 FIELD_MISSING",
        "422 FIELD_TYPE",
        "422 FIELD_RANGE",
    ]
    assert '"lower"' in said
    assert '"upper"' in said
    assert '"probabilities"' in said
    assert re.search(r"POST http://127\.0\.0\.1:\d+/predict/iris", said)


def test_the_second_version_takes_over_while_no_request_fails(told: Told) -> None:
    said = told.step(6)

    assert "15 more rows" in said
    counts = re.search(r"(\d+) by version 1, (\d+) by version 2, 0 failed", said)
    assert counts is not None, said
    assert min(int(count) for count in counts.groups()) > 0
    assert re.search(r"^ *iris@2 .* dev, staging, prod ", told.ended.out, re.MULTILINE)


def test_why_leads_from_the_prediction_to_the_commit_the_file_and_the_code(told: Told) -> None:
    asked = re.search(r"headwater why (\S+)", told.step(7))
    assert asked is not None
    commit = told.workspace("log", "iris@main^", "--json").document["items"][0]

    steps = told.workspace("why", asked[1], "--json").document["items"]

    assert [step["kind"] for step in steps][:3] == ["prediction", "file", "version"]
    assert "iris@1" in steps[0]["what"]
    assert steps[1]["ref"].startswith("predictions/iris@")
    assert f"iris@{commit['id']}:/iris.csv" in [step["ref"] for step in steps if step["kind"] == "file"]
    assert f"iris@{commit['id'][:12]}" in [step["ref"] for step in steps if step["kind"] == "commit"]
    assert {"code", "request"} <= {step["kind"] for step in steps}
    for step in steps:
        assert step["ref"] in told.ended.out


def test_what_it_says_to_type_next_works(told: Told) -> None:
    _, _, after = told.ended.err.partition("Next ")
    lines = [line.removeprefix("Next").strip() for line in ("Next " + after).splitlines()]
    assert lines[0] == "cd headwater-demo"
    commands = [line.split()[1:] for line in lines[1:] if line]
    assert [words[0] for words in commands] == ["model", "diff", "serve"]

    shown = told.workspace(*commands[0], "--json").document
    changed = told.workspace(*commands[1], "--json").document["items"]

    assert (shown["ref"], shown["environments"]) == ("iris@2", ["dev", "staging", "prod"])
    assert [(row["path"], row["change"]) for row in changed] == [("/iris.csv", "changed")]


def test_the_report_is_one_page_that_loads_nothing(told: Told) -> None:
    page = (told.folder / "headwater-demo" / "iris-report.html").read_text("utf-8")

    loads = _Resources()
    loads.feed(page)

    assert page.lstrip().lower().startswith("<!doctype html>")
    assert loads.found == []
    assert re.findall(r"url\((?!['\"]?(?:#|data:))[^)]*\)|@import", page) == []
    assert [target for target in TARGETS if target not in page] == []


def test_a_demo_replaces_an_earlier_one_and_keeps_its_endpoint_until_it_is_interrupted(
    told: Told, tmp_path: Path, start: Start, headwater: Command
) -> None:
    shutil.copytree(told.folder, tmp_path, dirs_exist_ok=True)
    before = headwater("--workspace", "headwater-demo", "log", "iris", "--json").document["items"]

    running = start("demo", "iris", "--keep", "--json")
    until(lambda: "Press Ctrl-C" in running.err or not running.is_running, "the end of the story")
    ended = running.end(signal.SIGINT)

    assert ended.status in (0, 130), ended
    assert "Traceback" not in ended.err
    assert len(ended.document["items"]) == 5, "under --json there is one document, after the story"
    workspace = program_in(tmp_path / "headwater-demo")
    after = workspace("log", "iris", "--json").document["items"]
    assert len(after) == len(before) == 2
    assert {commit["id"] for commit in after}.isdisjoint(commit["id"] for commit in before)
    prediction = re.search(r"headwater why (\S+)", ended.err)
    assert prediction is not None
    logged = workspace("ls", "predictions/iris", "--json").document["items"]
    assert logged, "the predictions are committed when the endpoint stops"
    assert workspace("why", prediction[1], "--json").document["items"][0]["ref"] == prediction[1]


def test_a_folder_that_something_else_made_is_left_alone(headwater: Command, tmp_path: Path) -> None:
    (tmp_path / "headwater-demo").mkdir()
    (tmp_path / "headwater-demo" / "thesis.txt").write_text("years of work")

    ended = headwater("demo", "iris", "--json", status=1)

    assert ended.error["kind"] == "folder-taken"
    assert "headwater-demo" in ended.error["message"]
    assert "--folder" in ended.error["hint"]
    assert (tmp_path / "headwater-demo" / "thesis.txt").read_text() == "years of work"


def test_an_unknown_story_is_answered_with_those_there_are(headwater: Command, tmp_path: Path) -> None:
    ended = headwater("demo", "tulips", "--json", status=1)

    assert ended.error["kind"] == "unknown-story"
    assert "tulips" in ended.error["message"]
    assert "iris" in ended.error["hint"]
    assert list(tmp_path.iterdir()) == []


class _Resources(HTMLParser):
    """Collects what a browser would load from somewhere else."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        places = [given.get(name) or "" for name in ("src", "srcset", "data", "poster", "xlink:href")]
        if tag in ("link", "image", "use"):
            places.append(given.get("href") or "")
        self.found += [place for place in places if place and not place.startswith(("data:", "#"))]
