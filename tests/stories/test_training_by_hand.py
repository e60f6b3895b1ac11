"""Models from the command line: train, look, promote, predict, and go back."""

import json
from pathlib import Path
from typing import Any

import pytest

import headwater as hw
from headwater.api.documents import JobInfo
from tests.stories.program import Command, commands_in, train
from tests.waiting import until

TARGETS = ["SepalLength", "SepalWidth", "PetalLength", "PetalWidth", "ResultTargetValue"]
ROW = {"SepalLength": 5.1, "SepalWidth": 3.5, "PetalLength": 1.4, "PetalWidth": 0.2, "ResultTargetValue": 0}
VERSION_FIELDS = {
    "model",
    "version",
    "ref",
    "created",
    "data",
    "request",
    "targets",
    "environments",
    "provenance",
    "digest",
    "report",
}
JOB_FIELDS = {"id", "pipeline", "commit", "state", "datums", "started", "finished", "error"}
ONE_TARGET = """\
model: petals
data: iris@main:/iris.csv
targets: PetalWidth
features: {include: [SepalLength, PetalLength]}
algorithm: {params: {n_estimators: 5, max_depth: 2}}
confidence: off
"""


def test_a_request_that_was_sent_can_be_listed_and_shown(workspace: Command) -> None:
    listed = workspace("request", "list", "--json").document

    assert listed["next"] is None
    assert [request["state"] for request in listed["items"]] == ["succeeded"]
    request = workspace("request", "show", listed["items"][0]["id"], "--json").document
    assert request == listed["items"][0]
    assert set(request) >= JOB_FIELDS
    assert request["datums"] == {"run": 6, "kept": 0, "dropped": 0, "failed": 0, "recovered": 0}


def test_a_version_says_how_it_was_made_and_how_well_it_does(workspace: Command) -> None:
    version = workspace("model", "show", "iris@1", "--json").document
    data = workspace("log", "iris", "--json").document["items"][0]
    request = workspace("request", "list", "--json").document["items"][0]

    assert set(version) >= VERSION_FIELDS
    assert (version["model"], version["version"], version["ref"]) == ("iris", 1, "iris@1")
    assert version["data"] == f"iris@{data['id']}:/iris.csv"
    assert version["request"] == request["id"]
    assert version["environments"] == []
    assert [target["target"] for target in version["targets"]] == TARGETS
    for target in version["targets"]:
        assert (target["task"], target["algorithm"]) == ("regression", "xgboost")
        assert target["params"]["n_estimators"] == 20
        assert target["rows"] == {"train": 120, "validation": 0, "test": 30}
        assert 0.2 < target["scores"]["r2"] <= 1
        assert target["confidence"]["level"] == 0.9
    assert ("commit", "iris", data["id"]) in [
        (one["kind"], one["repo"], one["id"]) for one in version["provenance"]
    ]
    assert workspace("model", "show", "iris", "--json").document == version
    assert workspace("model", "versions", "iris", "--json").document == {"items": [version], "next": None}
    assert workspace("model", "list", "--json").document["items"] == [
        {"model": "iris", "latest": 1, "versions": 1, "environments": {}}
    ]


def test_a_report_is_written_once_and_never_over_something(workspace: Command, tmp_path: Path) -> None:
    workspace("model", "report", "iris@1", "-o", "iris.html")

    page = (tmp_path / "iris.html").read_text("utf-8")
    refused = workspace("model", "report", "iris@1", "-o", "iris.html", "--json", status=1)

    assert all(target in page for target in TARGETS)
    assert refused.error["kind"] == "target-exists"
    assert (tmp_path / "iris.html").read_text("utf-8") == page


def test_the_artifact_is_a_folder_of_the_models_repo(workspace: Command) -> None:
    listed = workspace("ls", "models/iris@1", "--json").document["items"]
    scores = workspace("cat", "models/iris@1:/scores.json").document
    manifest = workspace("cat", "models/iris@1:/manifest.json").document
    tags = workspace("tag", "list", "models/iris", "--json").document["items"]

    kinds = {file["path"].strip("/"): file["kind"] for file in listed}
    assert (
        kinds.items()
        >= {
            "manifest.json": "file",
            "scores.json": "file",
            "schema.json": "file",
            "signature.json": "file",
            "predictions.parquet": "file",
            "provenance.json": "file",
            "report.html": "file",
            "targets": "folder",
            "plots": "folder",
        }.items()
    )
    assert sorted(scores) == sorted(TARGETS)
    assert sum(name.endswith("/model.ubj") for name in manifest["files"]) == len(TARGETS)
    assert [tag["name"] for tag in tags] == ["1"]


def test_nobody_puts_files_into_a_models_repo(workspace: Command) -> None:
    ended = workspace("put", "models/iris@main", "iris.csv", "--json", status=1)

    assert ended.error["kind"] == "protected-repo"
    assert "models/iris" in ended.error["message"]
    assert "train" in ended.error["hint"]
    assert len(workspace("log", "models/iris", "--json").document["items"]) == 1


def test_why_leads_from_a_version_to_its_data_request_and_code(workspace: Command) -> None:
    version = workspace("model", "show", "iris@1", "--json").document

    steps = workspace("why", "iris@1", "--json").document["items"]

    assert all(set(step) >= {"kind", "ref", "what", "because"} for step in steps)
    assert [step["kind"] for step in steps] == ["version", "file", "code", "request", "commit"]
    assert steps[1]["ref"] == version["data"]
    assert "120 rows to train" in steps[1]["what"]
    assert version["request"].startswith(steps[3]["ref"])
    assert "First rows" in steps[4]["what"]


def test_the_same_request_again_makes_no_new_version(workspace: Command, tmp_path: Path) -> None:
    before = workspace("model", "show", "iris@1", "--json").document

    train(tmp_path, "iris.yaml")
    again = workspace("request", "list", "--json").document["items"][0]

    assert again["state"] == "skipped"
    assert again["datums"] == {"run": 0, "kept": 5, "dropped": 0, "failed": 0, "recovered": 0}
    assert "iris@1" in again["note"]
    assert workspace("model", "versions", "iris", "--json").document["items"] == [before]


def test_gates_alone_are_changed_without_fitting_again(production: Command) -> None:
    third, second, first = production("request", "list", "--json").document["items"]
    versions = production("model", "versions", "iris", "--json").document["items"]

    assert first["datums"] == {"run": 6, "kept": 0, "dropped": 0, "failed": 0, "recovered": 0}
    for job in (second, third):
        assert job["datums"] == {"run": 1, "kept": 5, "dropped": 0, "failed": 0, "recovered": 0}
    assert [version["version"] for version in versions] == [3, 2, 1]
    assert len({json.dumps([one["scores"] for one in version["targets"]]) for version in versions}) == 1
    assert len({version["digest"] for version in versions}) == 3


def test_a_version_enters_environments_in_their_order(workspace: Command, tmp_path: Path) -> None:
    nowhere = workspace("model", "show", "iris@dev", "--json", status=1)
    into_dev = workspace("promote", "iris@1", "dev", "--json").document
    into_prod = workspace("promote", "iris@1", "prod", "--json").document

    assert nowhere.error["kind"] == "nothing-deployed"
    assert "headwater promote iris@1 dev" in nowhere.error["hint"]
    for promotion, name in ((into_dev, "dev"), (into_prod, "prod")):
        assert (promotion["model"], promotion["version"], promotion["environment"]) == ("iris", 1, name)
        assert promotion["moved"] is True
        assert [gate["target"] for gate in promotion["gates"]] == TARGETS
        assert all(gate["passed"] and gate["value"] >= gate["limit"] for gate in promotion["gates"])
        assert set(promotion) >= {"by", "at"}
    with hw.open(tmp_path) as opened:
        promotions = opened.promotions("iris").items
    assert [row.environment for row in promotions] == ["prod", "staging", "dev"]
    assert _show(workspace, "iris@prod")["environments"] == ["dev", "staging", "prod"]
    assert "iris@1" in workspace("log", "models/iris@prod", "--json").document["items"][0]["message"]


def test_a_version_that_was_rolled_back_goes_no_further(production: Command) -> None:
    production("rollback", "iris", "staging")

    refused = production("promote", "iris@2", "prod", "--json", status=1)

    assert refused.error["kind"] == "promotion-out-of-order"
    assert "rolled back from staging" in refused.error["message"]
    assert "headwater promote iris@2 staging" in refused.error["hint"]
    assert _show(production, "iris@prod")["version"] == 1


def test_a_failed_gate_is_explained_kept_and_moves_nothing(production: Command, tmp_path: Path) -> None:
    before = production("env", "list", "--json").document, production("model", "list", "--json").document

    refused = production("promote", "iris@3", "dev", "--json", status=1)

    failed = refused.error["details"]
    scores = {one["target"]: one["scores"]["r2"] for one in _show(production, "iris@3")["targets"]}
    assert refused.error["kind"] == "gate-failed"
    assert "iris@3" in refused.error["message"]
    assert {gate["target"] for gate in failed} == {name for name, r2 in scores.items() if r2 < 0.97}
    for gate in failed:
        assert (gate["passed"], gate["limit"]) == (False, 0.97)
        assert gate["value"] == pytest.approx(scores[gate["target"]])
        assert gate["target"] in refused.error["message"]
    assert before == (
        production("env", "list", "--json").document,
        production("model", "list", "--json").document,
    )
    with hw.open(tmp_path) as workspace:
        by_hand, by_itself = [row for row in workspace.promotions("iris").items if row.version == 3]
    assert (by_hand.moved, by_itself.moved) == (False, False)
    assert by_itself.by == "training"
    assert [gate.passed for gate in by_hand.gates].count(False) == len(failed)


def test_a_rollback_brings_back_the_version_before(production: Command) -> None:
    production("promote", "iris@2", "prod")
    assert _show(production, "iris@prod")["version"] == 2

    back = production("rollback", "iris", "prod", "--json").document
    nothing = production("rollback", "iris", "prod", "--json", status=1)

    assert (back["version"], back["environment"], back["moved"]) == (1, "prod", True)
    assert _show(production, "iris@prod")["version"] == 1
    assert nothing.error["kind"] == "nothing-to-roll-back"
    messages = [one["message"] for one in production("log", "models/iris@prod", "--json").document["items"]]
    assert len(messages) == 3


def test_rows_of_a_file_or_stdin_get_the_same_predictions(workspace: Command, tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text(json.dumps([ROW, ROW | {"PetalLength": 5.0}]))
    (tmp_path / "rows.csv").write_text(
        f"{','.join(ROW)},Remark\n{','.join(str(value) for value in ROW.values())},a remark\n"
        "5.1,3.5,5.0,0.2,0,another\n"
    )

    from_json = workspace("predict", "iris@1", "--input", "rows.json", "--json").document["items"]
    from_csv = workspace("predict", "iris@1", "--input", "rows.csv", "--json").document["items"]
    some = workspace("predict", "iris", "-i", "-", "--target", "PetalWidth", "--json", stdin=_json(ROW))

    assert from_csv == from_json
    assert list(from_json[0]) == TARGETS
    for prediction in from_json[0].values():
        assert set(prediction) == {"value", "lower", "upper", "confidence"}
        assert prediction["lower"] < prediction["value"] < prediction["upper"]
        assert prediction["confidence"] == 0.9
    assert from_json[0]["PetalWidth"] != from_json[1]["PetalWidth"]
    # A model with several targets keeps the target's name, also where one is asked for.
    assert some.document["items"] == [{"PetalWidth": from_json[0]["PetalWidth"]}]


def test_every_wrong_field_of_every_row_is_named(shown: Command, tmp_path: Path) -> None:
    missing = {name: value for name, value in ROW.items() if name != "SepalWidth"}
    bad = [ROW, missing | {"PetalWidth": "wide"}, missing | {"Colour": "blue"}]
    (tmp_path / "bad.json").write_text(json.dumps(bad))
    words = ("predict", "iris@1", "--input", str(tmp_path / "bad.json"))

    ended = shown(*words, "--json", status=1)
    read = shown(*words, status=1).err

    assert ended.out == ""
    assert [(one["row"], one["field"], one["code"]) for one in ended.error["details"]] == [
        (1, "SepalWidth", "FIELD_MISSING"),
        (1, "PetalWidth", "FIELD_TYPE"),
        (2, "SepalWidth", "FIELD_MISSING"),
        (2, "Colour", "FIELD_UNKNOWN"),
    ]
    for one in ended.error["details"]:
        assert one["field"] in one["message"]
        assert f"Row {one['row']}: {one['message']}" in read


def test_the_id_that_a_list_shows_can_be_asked_for(shown: Command) -> None:
    (first,) = [line for line in shown("request", "list").out.splitlines() if line.endswith("iris@1")]

    request = shown("request", "show", first.split()[0], "--json").document

    assert request["note"] == "iris@1"


@pytest.mark.parametrize(
    ("words", "kind", "says"),
    [
        (("model", "show", "irs"), "model-not-found", "'iris'"),
        (("model", "show", "iris@7"), "version-not-found", "iris"),
        (("promote", "iris@1", "production"), "environment-not-found", "prod"),
        (("predict", "iris@1", "--input", "nowhere.csv"), "source-not-found", "nowhere.csv"),
        (("predict", "iris@1", "--input", "iris.yaml"), "invalid-data", "iris.yaml"),
        (("request", "show", "0000"), "job-not-found", "0000"),
        (("why", "01M7YV50MMBE98VNRV7TM0TK4S"), "prediction-not-found", "01M7YV50MMBE98VNRV7TM0TK4S"),
    ],
)
def test_a_name_that_does_not_exist_is_answered_with_what_does(
    shown: Command, words: tuple[str, ...], kind: str, says: str
) -> None:
    ended = shown(*words, "--json", status=1)

    assert ended.error["kind"] == kind
    assert says in ended.error["message"] + ended.error["hint"]


@pytest.fixture
def shown(deployed: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Runs command lines in the deployed workspace itself; for those that change nothing."""
    return commands_in(deployed, monkeypatch, capfd)


def test_enough_new_rows_make_the_next_version_by_themselves(
    headwater: Command, tmp_path: Path, test_data: Path
) -> None:
    header, *rows = (test_data / "iris.csv").read_bytes().splitlines(keepends=True)
    (tmp_path / "petals.yaml").write_text(ONE_TARGET + "retrain: {on: data, rows: 5}\n")
    headwater("init")
    headwater("repo", "create", "iris")
    headwater("put", "iris@main:/iris.csv", "-", stdin=header + b"".join(rows[::2]))
    first = headwater("train", "-f", "petals.yaml", "--wait", "--json").document

    headwater("put", "iris@main:/iris.csv", "-", "--append", stdin=b"".join(rows[1:7:2]))
    too_few = _newest_request(tmp_path)
    headwater("put", "iris@main:/iris.csv", "-", "--append", stdin=3 * b"5.0,3.0,1.0,,Iris-setosa,0\n")
    broken = _newest_request(tmp_path)
    headwater("put", "iris@main:/iris.csv", "-", stdin=header + b"".join(rows[:81]))
    enough = _newest_request(tmp_path)
    second = _show(headwater, "petals")

    assert (first["ref"], [one["target"] for one in first["targets"]]) == ("petals@1", ["PetalWidth"])
    assert too_few.state == "skipped"
    assert "3 rows are new" in (too_few.note or "")
    assert "5 are needed" in (too_few.note or "")
    assert broken.state == "failed"
    assert "'PetalWidth'" in (broken.error or "")
    assert "rows 79, 80, 81" in (broken.error or "")
    assert (enough.state, enough.note) == ("succeeded", "petals@2")
    assert (second["ref"], second["request"]) == ("petals@2", enough.id)
    assert sum(second["targets"][0]["rows"].values()) == 81
    assert second["data"] != first["data"]


def _newest_request(folder: Path) -> JobInfo:
    """Waits until the newest request has ended; the worker that was started for the first one is still there."""
    with hw.open(folder) as workspace:

        def look() -> JobInfo | None:
            newest = workspace.requests.list(limit=1).items[0]
            return newest if newest.finished is not None else None

        return until(look, "the newest request to end")


def _show(headwater: Command, ref: str) -> dict[str, Any]:
    document: dict[str, Any] = headwater("model", "show", ref, "--json").document
    return document


def _json(rows: Any) -> bytes:
    return json.dumps(rows).encode()
