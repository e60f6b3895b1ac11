"""A workspace without a folder, by hand: PostgreSQL and a bucket, from a data file to a served prediction."""

import http.client
import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from headwater.clock import SystemClock
from headwater.settings import place_of
from headwater.workspace.places import open_place
from tests.stories.program import Command, Ended, Start, program_in
from tests.waiting import until

REQUEST = """\
model: iris
data: iris@main:/iris.csv
targets: [PetalWidth, SepalLength]
features: {exclude: [ResultLabel]}
algorithm: {params: {n_estimators: 10, max_depth: 3}}
gates: [{metric: r2, min: 0.2}]
"""
ROW = {"SepalLength": 5.1, "SepalWidth": 3.5, "PetalLength": 1.4, "PetalWidth": 0.2, "ResultTargetValue": 0}
PASSWORD = "quiet-7"


@pytest.fixture
def team(
    postgres_url: str, s3_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Command]:
    """Runs `headwater` on a new workspace in a database and a bucket; its workers are gone at the end."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    place = urlsplit(postgres_url)
    url = postgres_url.replace(place.netloc, f"postgres:{PASSWORD}@{place.hostname}:{place.port}")
    run = program_in(tmp_path)

    def team(*words: str, status: int | None = 0, stdin: bytes = b"") -> Ended:
        ended = run("--workspace", url, *words, status=status, stdin=stdin)
        assert PASSWORD not in ended.out + ended.err
        return ended

    team("init", "--objects", s3_url)
    yield team
    _end_workers(url)


def _end_workers(url: str) -> None:
    parts = open_place(place_of(url), SystemClock())
    with parts.catalog.read() as conn:
        live = parts.roster.live(conn)
    parts.close()
    places = [Path(f"/proc/{worker.pid}/cmdline") for worker in live]
    assert not [place for place in places if place.exists() and PASSWORD.encode() in place.read_bytes()]
    for worker in live:
        os.kill(worker.pid, signal.SIGTERM)
    until(lambda: not any(place.exists() for place in places), "the workers to leave")


def test_status_says_where_everything_is_and_never_the_password(team: Command, s3_url: str) -> None:
    shown = team("status", "--json").document

    assert shown["url"] == shown["catalog"]
    assert shown["url"].startswith("postgresql://postgres@127.0.0.1:")
    assert shown["objects"] == s3_url
    refused = team("ls", "absent@main", "--json", status=1)
    assert refused.error["kind"] == "repo-not-found"


def test_a_model_is_trained_promoted_served_and_asked_without_a_folder(
    team: Command, start: Start, tmp_path: Path, test_data: Path, postgres_url: str
) -> None:
    shutil.copy(test_data / "iris.csv", tmp_path)
    (tmp_path / "iris.yaml").write_text(REQUEST)
    team("repo", "create", "iris")
    team("put", "iris@main", "iris.csv", "-m", "First rows")
    team("train", "-f", "iris.yaml", "--wait")
    team("promote", "iris@1", "prod")
    row = {name: value for name, value in ROW.items() if name != "PetalWidth"}

    by_hand = team(
        "predict", "iris@prod", "--input", "-", "--json", stdin=json.dumps([ROW]).encode()
    ).document
    token = team("token", "create", "--scope", "predict:iris", "--json").document["token"]
    running = start("--workspace", postgres_url, "serve", "iris@prod", "--port", "0", "--json")
    (endpoint,) = running.document()["items"]
    answer = _ask(endpoint["url"], token, row)
    refused = team("move", str(tmp_path / "elsewhere"), "--json", status=1)
    ended = running.end()
    steps = team("why", answer["id"], "--json").document["items"]

    assert ended.status == 0
    assert answer["success"]
    assert answer["prediction"]["PetalWidth"] == by_hand["items"][0]["PetalWidth"]
    assert refused.error["kind"] == "move-in-the-way"
    assert steps[0]["kind"] == "prediction"
    assert [repo["name"] for repo in team("repo", "list", "--json").document["items"]] == [
        "iris",
        "models/iris",
        "predictions/iris",
    ]
    assert not (tmp_path / ".headwater").exists()
    (log,) = (tmp_path / "state").rglob("worker.log")
    assert PASSWORD not in log.read_text("utf-8")


def test_making_a_workspace_says_everything_that_is_missing_and_leaves_nothing(
    postgres_url: str, s3_url: str, headwater: Command
) -> None:
    without = headwater("init", postgres_url, "--json", status=1)
    bucket = s3_url.replace("s3://", "s3://absent-")
    elsewhere = headwater("init", postgres_url, "--objects", bucket, "--json", status=1)

    assert without.error["kind"] == "objects-not-named"
    assert elsewhere.error["kind"] == "store-not-found"
    assert (
        headwater("--workspace", postgres_url, "status", "--json", status=1).error["kind"]
        == "catalog-not-found"
    )
    headwater("init", postgres_url, "--objects", s3_url)
    again = headwater("init", postgres_url, "--objects", s3_url, "--json", status=1)
    assert again.error["kind"] == "workspace-exists"


def _ask(url: str, token: str, row: dict[str, Any]) -> dict[str, Any]:
    place = urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", place.port or 80, timeout=10)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    connection.request("POST", f"{place.path}?target=PetalWidth", json.dumps(row), headers)
    answer: dict[str, Any] = json.loads(connection.getresponse().read())
    connection.close()
    return answer
