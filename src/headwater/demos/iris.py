"""Iris: from 135 rows to an endpoint that learns from 15 more by itself.

Everything goes through `headwater.workspace`, the interface that a notebook
or a program would use; nothing is prepared and nothing is faked.
"""

import csv
import io
import json
import shutil
import sys
from pathlib import Path
from typing import Any

from headwater.demos.client import SteadyClient, ask
from headwater.demos.errors import StoryStalled
from headwater.demos.stage import Stage
from headwater.workspace import Serving, Workspace

_SEED = 27
FIRST_ROWS = 135
_SWAP_S = 60.0
_ENOUGH = 25
_COLUMNS = ("SepalLength", "SepalWidth", "PetalLength", "PetalWidth")
REQUEST = """\
model: iris
data: iris@main:/iris.csv
targets: all                      # one model per column, each from all the others
features:
  fields: {SepalLength: {min: 0, max: 30}, PetalLength: {min: 0, max: 30}}
algorithm: {name: xgboost, params: {n_estimators: 100, max_depth: 3, learning_rate: 0.1}}
split: {test: 0.2, seed: 27}
confidence: {level: 0.9}
gates: [{metric: r2, min: 0.2}, {target: Species, metric: accuracy, min: 0.8}]
promote: [dev, staging, prod]     # by itself, as far as the gates let it
retrain: {on: data, rows: 10}     # ten more rows make the next version
"""


def tell_iris(stage: Stage, *, keep: bool) -> None:
    """Tells the story; see the README for what it shows."""
    rows = iris_rows()
    with stage.workspace() as workspace:
        _commit(stage, workspace, rows)
        _train(stage, workspace)
        _environments(stage, workspace)
        with workspace.serve_in_background(["iris@prod"]) as serving:
            prediction = _ask(stage, workspace, serving, rows[-1])
            _grow(stage, workspace, serving, rows)
            _explain(stage, workspace, prediction)
            _close(stage, workspace, serving, keep=keep)
            if keep:
                stage.say("\nThe endpoint stays up. Press Ctrl-C to stop it.")
                serving.wait()


def iris_rows() -> list[dict[str, Any]]:
    """Returns the 150 rows of scikit-learn's copy, in an order that a fixed seed shuffles."""
    import numpy as np
    from sklearn.datasets import load_iris

    data = load_iris()
    order = np.random.default_rng(_SEED).permutation(len(data.target))
    return [
        dict(zip(_COLUMNS, (float(value) for value in data.data[place]), strict=True))
        | {"Species": str(data.target_names[data.target[place]])}
        for place in order
    ]


def csv_bytes(rows: list[dict[str, Any]]) -> bytes:
    """Returns rows as a CSV file."""
    text = io.StringIO()
    writer = csv.DictWriter(text, (*_COLUMNS, "Species"), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _commit(stage: Stage, workspace: Workspace, rows: list[dict[str, Any]]) -> None:
    stage.step(
        1,
        f"A workspace (SQLite and a folder) in {stage.folder}, and {FIRST_ROWS} rows of Iris in the repo `iris`",
    )
    repo = workspace.repo("iris", create=True)
    with repo.commit("main", message=f"The first {FIRST_ROWS} rows") as commit:
        commit.put("/iris.csv", csv_bytes(rows[:FIRST_ROWS]))
    stage.show(workspace.log("iris@main"))


def _train(stage: Stage, workspace: Workspace) -> None:
    stage.step(2, "A training request: one XGBoost model per column, tested on rows that it has not seen")
    path = stage.folder / "iris.yaml"
    path.write_text(REQUEST)
    stage.say(_indent(REQUEST))
    version = workspace.train(path).result(stage.progress)
    stage.step(3, "Version 1 of the model `iris`: a signed folder with models, scores, plots and a report")
    stage.show(version)


def _environments(stage: Stage, workspace: Workspace) -> None:
    stage.step(4, "Gates predicted the held-out rows anew, and let it through dev and staging to prod")
    stage.show(workspace.promotions("iris").items[::-1])


def _ask(stage: Stage, workspace: Workspace, serving: Serving, row: dict[str, Any]) -> str:
    url = f"{serving.endpoints[0].url}?target=Species,PetalWidth"
    stage.step(5, f"An endpoint on loopback: POST {url}")
    token = workspace.tokens.create("demo", ["predict:iris"]).token
    asked = [
        ("a flower", row),
        ("without SepalWidth", {name: value for name, value in row.items() if name != "SepalWidth"}),
        ("with a text for a number", row | {"SepalWidth": "wide"}),
        ("with a length of 99 cm", row | {"SepalLength": 99.0}),
    ]
    prediction = ""
    for what, body in asked:
        status, answer = ask(url, body, token)
        prediction = prediction or str(answer["id"])
        stage.say(f"   {what}: {status} {answer['code']}")
        shown = answer["prediction"] if answer["success"] else answer["errors"]
        stage.say(_indent(json.dumps(shown)))
    return prediction


def _grow(stage: Stage, workspace: Workspace, serving: Serving, rows: list[dict[str, Any]]) -> None:
    more = len(rows) - FIRST_ROWS
    stage.step(6, f"{more} more rows; ten are enough for the next version, which takes over by itself")
    token = workspace.tokens.create("steady client", ["predict:iris"]).token or ""
    client = SteadyClient(f"{serving.endpoints[0].url}?target=Species", rows[-1], token)
    try:
        with workspace.repo("iris").commit("main", message=f"{more} more rows") as commit:
            commit.put("/iris.csv", csv_bytes(rows))
        for job in workspace.jobs.of_set(commit.set):
            workspace.follow(job, stage.progress)
        if not client.wait_for(2, _ENOUGH, _SWAP_S):
            raise StoryStalled("Answers from version 2", _SWAP_S)
    finally:
        client.stop()
    stage.show(workspace.versions("iris"))
    told = ", ".join(f"{count} by version {version}" for version, count in sorted(client.answered.items()))
    stage.say(f"   A client never stopped asking: {told}, {client.failed} failed.")


def _explain(stage: Stage, workspace: Workspace, prediction: str) -> None:
    stage.step(7, f"Where the first answer came from: headwater why {prediction}")
    stage.show(workspace.why(prediction))


def _close(stage: Stage, workspace: Workspace, serving: Serving, *, keep: bool) -> None:
    report = workspace.model("iris@prod").write_report(stage.folder / "iris-report.html")
    url = serving.endpoints[0].url
    program = "headwater" if shutil.which("headwater") else str(Path(sys.executable).with_name("headwater"))
    stage.say(
        f"\nWorkspace  {stage.folder}\n"
        f"Report     {report}   (open it in a browser)\n"
        f"Endpoint   {url}{'' if keep else '   (stops now; --keep leaves it up)'}\n"
        f"\nNext       cd {stage.folder}\n"
        f"           {program} model show iris@prod\n"
        f"           {program} diff iris@main^ iris@main\n"
        f"           {program} serve iris@prod"
    )


def _indent(text: str) -> str:
    return "\n".join(f"   {line}" for line in text.rstrip("\n").splitlines())
