"""A whole workspace goes from a folder to PostgreSQL and a bucket, killed at random on the way, and comes back."""

import os
import random
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

import headwater as hw
from headwater.clock import SystemClock, rfc3339
from headwater.errors import Error, NotFound
from headwater.ids import CommitId, PredictionId, UlidSource
from headwater.serving import PredictionRecord
from headwater.settings import place_of
from headwater.workspace import move_workspace
from headwater.workspace.errors import MoveUnfinished, WorkspaceMoved
from headwater.workspace.places import open_place
from tests.stories.conftest import IRIS
from tests.stories.program import PROGRAM, Command, environment, program_in
from tests.workspace.telling import told

ROWS = [
    {"SepalLength": 5.1 + n, "SepalWidth": 3.5, "PetalLength": 1.4, "PetalWidth": 0.2, "ResultTargetValue": 0}
    for n in range(3)
]


@pytest.fixture
def team(deployed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns a folder whose workspace has models in environments, a long history, tokens, and answers in a spool."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = tmp_path / "old"
    shutil.copytree(deployed, folder)
    with hw.open(folder) as workspace:
        reviews, bytes_of = workspace.repo("reviews", create=True), random.Random(7).randbytes
        for number in range(30):
            with reviews.commit("main", message=f"day {number}") as commit:
                commit.put(f"/{number}.txt", f"review {number}")
                commit.put(f"/pictures/{number}.bin", bytes_of(300_000))
        workspace.create_tag("reviews@v1", at="reviews@main^3")
        workspace.create_branch("reviews@side", at="reviews@main^5")
    return folder


def answered(folder: Path) -> PredictionId:
    """Leaves an answer in the spool, as a server does that is killed; returns its id."""
    parts = open_place(place_of(str(folder)), SystemClock())
    version = parts.registry.version("iris@prod")
    prediction = UlidSource().next(parts.clock.now_ms())
    commit = next(one.commit for one in parts.repos.get("models/iris").tags() if one.name == "1")
    parts.predictions.accept(
        [
            PredictionRecord(
                id=PredictionId(prediction),
                endpoint="iris",
                model="iris",
                version=version.version,
                commit=CommitId(str(commit)),
                time=rfc3339(parts.clock.now_ms()),
                input=ROWS[0],
                answer={"PetalWidth": {"value": 0.2}},
            )
        ]
    )
    parts.catalog.close()
    return PredictionId(prediction)


def interrupted(folder: Path, words: list[str], after_s: float) -> int | None:
    """Runs the program and kills it after a while; returns its status if it was faster."""
    process = subprocess.Popen(
        [*PROGRAM, *words],
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        return process.wait(after_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None


def is_usable(url: str) -> bool:
    """Tells whether a workspace opens; that of an unfinished move does not."""
    try:
        hw.open(url).close()
    except (MoveUnfinished, NotFound):  # or there is nothing in it at all yet
        return False
    return True


def test_a_move_that_is_killed_again_and_again_loses_nothing(
    team: Path, postgres_url: str, s3_url: str, tmp_path: Path
) -> None:
    with hw.open(team) as workspace:
        before = told(workspace)
    started_s = time.monotonic()
    program_in(tmp_path)("--workspace", str(team), "move", "copy", "--keep")
    whole_s = time.monotonic() - started_s
    words = ["--workspace", str(team), "move", postgres_url, "--objects", s3_url]
    chance = random.Random(os.getpid())
    killed = 0

    while interrupted(tmp_path, words, whole_s * chance.uniform(0.3, 0.9)) is None:
        killed += 1
        if not is_usable(postgres_url):
            with hw.open(team) as workspace:
                assert told(workspace) == before
    moved = program_in(tmp_path)(*words, "--json").document

    assert killed
    assert moved["state"] == "moved"
    with hw.open(postgres_url) as workspace:
        assert told(workspace) == before
    with pytest.raises(WorkspaceMoved):
        hw.open(team)


def test_a_model_predicts_the_same_and_nothing_is_computed_again_after_a_move(
    team: Path, postgres_url: str, s3_url: str
) -> None:
    prediction = answered(team)
    with hw.open(team) as workspace:
        token = workspace.tokens.create("shop", ["predict:iris"]).token
        expected = workspace.model("iris@prod").predict(ROWS)
        steps = workspace.why("iris@1")

    moved = move_workspace(team, postgres_url, objects=s3_url)

    assert moved.objects > 30
    with hw.open(postgres_url) as workspace:
        assert workspace.model("iris@prod").predict(ROWS) == expected
        assert workspace.why("iris@1") == steps
        assert workspace.why(prediction)[0].kind == "prediction"
        assert workspace.tokens.verify(token).allows("predict:iris")
        sent = workspace.train(IRIS)
        workspace.work(idle_exit_s=0)
        again = workspace.requests.get(sent.id)
        assert (again.state, again.datums.run, again.datums.kept) == ("succeeded", 1, 5)
        assert workspace.model("iris@4").predict(ROWS) == expected


def test_a_workspace_comes_back_from_a_bucket_to_a_folder_and_goes_on(
    team: Path, postgres_url: str, s3_url: str, headwater: Command, tmp_path: Path
) -> None:
    with hw.open(team) as workspace:
        before = told(workspace)
    move_workspace(team, postgres_url, objects=s3_url)

    headwater("--workspace", postgres_url, "move", "back", "--json")

    with hw.open(tmp_path / "back") as workspace:
        assert told(workspace) == before
        with workspace.repo("reviews").commit("main", message="after") as commit:
            commit.put("/after.txt", "on")
        assert commit.id not in {one["id"] for one in _commits(before)}
    told_so = headwater("--workspace", str(team), "status", "--json", status=1)
    assert told_so.error["kind"] == "workspace-moved"
    assert postgres_url in told_so.error["message"]


def test_a_worker_of_before_the_move_says_where_its_workspace_went(team: Path, tmp_path: Path) -> None:
    with hw.open(team) as still_open:
        move_workspace(team, tmp_path / "new")

        with pytest.raises(Error, match=f"has moved to {tmp_path / 'new'}"):
            still_open.work(idle_exit_s=0)


def _commits(told: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        commit for repo in told["history"].values() for branch in repo["log"].values() for commit in branch
    ]
