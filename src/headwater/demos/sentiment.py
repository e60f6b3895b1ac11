"""Sentiment: reviews become a model, a model and reviews become predictions, and only what changed is computed.

The two pipelines are those of the folder `examples/sentiment`, which comes
with the package; the story copies them beside its workspace, where a reader
may look at them and change them.
"""

import importlib.util
import json
import shutil
from collections.abc import Iterator
from datetime import datetime
from itertools import islice, product
from pathlib import Path

from headwater.api.documents import JobInfo
from headwater.demos.errors import ExampleMissing
from headwater.demos.stage import Stage
from headwater.errors import MissingExtra
from headwater.workspace import Workspace

FIRST_ROWS = 36
BATCH = 500
_EXAMPLE = "sentiment_example"


def tell_sentiment(stage: Stage) -> None:
    """Tells the story; see the README of the example for what it shows.

    Raises:
        MissingExtra: PyTorch is not installed.
    """
    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("safetensors") is None:
        raise MissingExtra("The sentiment demo", extra="torch")
    example = _example()
    with stage.workspace() as workspace:
        code = stage.folder / "sentiment"
        shutil.copytree(example, code, ignore=shutil.ignore_patterns("__pycache__"))
        table = (code / "data" / "training.tsv").read_text("utf-8").splitlines(keepends=True)
        _train(stage, workspace, code, table[: FIRST_ROWS + 1])
        _predict(stage, workspace, code)
        _one_more(stage, workspace)
        _many_more(stage, workspace, table)
        _learn_again(stage, workspace, table)
        stage.say("\nLook around:")
        stage.say(f"  cd {stage.folder}")
        for line in ("headwater job list", "headwater log inference", "headwater why inference:/1.json"):
            stage.say(f"  {line}")


def _train(stage: Stage, workspace: Workspace, code: Path, table: list[str]) -> None:
    stage.step(1, f"{len(table) - 1} reviews with a known sentiment become a model.")
    with workspace.create_repo("training").commit(message="The first reviews") as commit:
        commit.put("/reviews.tsv", "".join(table))
    workspace.create_repo("reviews")
    workspace.pipelines.create_all(code / "pipelines.py")
    shown = _wait(stage, workspace, commit.id)
    report = json.loads(workspace.repo("model").at("main").read("/training.json"))
    stage.say(f"   {len(report['epochs'])} epochs, {_took(shown)}.")


def _predict(stage: Stage, workspace: Workspace, code: Path) -> None:
    files = sorted((code / "data" / "reviews").iterdir())
    stage.step(2, f"{len(files)} reviews are read with it, each a datum of its own.")
    with workspace.repo("reviews").commit(message="Six reviews") as commit:
        for file in files:
            commit.put(f"/{file.name}", file.read_bytes())
    shown = _wait(stage, workspace, commit.id)
    view, reviews = workspace.repo("inference").at("main"), workspace.repo("reviews").at("main")
    for found in view.glob("/*.json"):
        told = json.loads(view.read(found.path))
        text = reviews.read(found.path.replace(".json", ".txt")).decode().strip()
        stage.say(f"   {told['positive']:4.0%} positive: {text}")
    stage.say(f"   {_counts(shown)}, {_took(shown)}.")


def _one_more(stage: Stage, workspace: Workspace) -> None:
    stage.step(3, "One review more costs one prediction.")
    with workspace.repo("reviews").commit(message="One more") as commit:
        commit.put("/7.txt", "A funny, warm film with a perfect ending.\n")
    shown = _wait(stage, workspace, commit.id)
    stage.say(f"   {_counts(shown)}, {_took(shown)}.")


def _many_more(stage: Stage, workspace: Workspace, table: list[str]) -> None:
    stage.step(4, f"{BATCH} reviews at once are read in batches.")
    with workspace.repo("reviews").commit(message=f"{BATCH} more") as commit:
        for number, text in enumerate(islice(_sentences(table), BATCH), start=100):
            commit.put(f"/{number}.txt", text)
    shown = _wait(stage, workspace, commit.id)
    stage.say(f"   {_counts(shown)}, {_took(shown)}.")


def _learn_again(stage: Stage, workspace: Workspace, table: list[str]) -> None:
    stage.step(
        5, f"{len(table) - 1 - FIRST_ROWS} reviews more make another model, and it reads everything anew."
    )
    with workspace.repo("training").commit(message="More reviews") as commit:
        commit.put("/reviews.tsv", "".join(table))
    shown = _wait(stage, workspace, commit.id)
    stage.say(f"   {_counts(shown)}, {_took(shown)}.")
    stage.say("   Every prediction names the model that made it:")
    for step in workspace.why("inference:/1.json"):
        stage.say(f"   {step.kind:10} {step.ref}  {step.what}")


def _wait(stage: Stage, workspace: Workspace, commit: str) -> JobInfo:
    """Waits for all that a commit caused; returns the last job, of `inference` where that had to run."""
    shown = workspace.jobs.wait(commit, progress=stage.progress)
    return shown if isinstance(shown, JobInfo) else shown.jobs[-1]


def _counts(job: JobInfo) -> str:
    return f"{job.datums.run} computed, {job.datums.kept} kept"


def _took(job: JobInfo) -> str:
    if job.started is None or job.finished is None:
        return "not begun"
    seconds = datetime.fromisoformat(job.finished) - datetime.fromisoformat(job.started)
    return f"{seconds.total_seconds():.1f} s"


def _sentences(table: list[str]) -> Iterator[str]:
    """Yields reviews of two sentences each, of those there are."""
    known = [line.rstrip("\n").split("\t")[2] for line in table[1:]]
    return (f"{first} {second}\n" for first, second in product(known, known) if first != second)


def _example() -> Path:
    """Returns the folder of the example: in an installed package beside this file, else in the repository."""
    here = Path(__file__).resolve()
    for folder in (here.with_name(_EXAMPLE), here.parents[3] / "examples" / "sentiment"):
        if (folder / "pipelines.py").is_file():
            return folder
    raise ExampleMissing(here.with_name(_EXAMPLE))
