"""`headwater demo sentiment` and the same two pipelines as a Pachyderm file: reviews, a model, predictions."""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.stories.program import Command, Ended, demo_in, program_in, step_of, stop_workers

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "sentiment"
PATIENCE_S = 150
pytestmark = pytest.mark.timeout(PATIENCE_S + 60)


@dataclass(frozen=True)
class Told:
    """A story that was told, and the folder of its workspace."""

    folder: Path
    ended: Ended

    @property
    def workspace(self) -> Command:
        return program_in(self.folder)

    def step(self, number: int) -> str:
        return step_of(self.ended.err, number)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    folder = tmp_path_factory.mktemp("sentiment")
    ended = demo_in(folder, "sentiment", PATIENCE_S)
    stop_workers(folder / "headwater-demo")
    return Told(folder / "headwater-demo", ended)


def test_the_story_is_told_to_its_end(told: Told) -> None:
    assert told.ended.status == 0, told.ended.err


def test_one_review_more_costs_one_prediction_and_five_hundred_cost_those(told: Told) -> None:
    assert "6 computed, 0 kept" in told.step(2)
    assert "1 computed, 6 kept" in told.step(3)
    assert "500 computed, 7 kept" in told.step(4)


def test_good_and_bad_reviews_are_told_apart(told: Told) -> None:
    shares = re.findall(r"(\d+)% positive: (.*)", told.step(2))

    assert all(int(share) > 50 for share, text in shares if re.search("wonderful|loved|joy", text))
    assert all(int(share) < 50 for share, text in shares if re.search("Boring|terrible", text))


def test_another_model_computes_all_predictions_anew_and_each_names_it(told: Told) -> None:
    assert "507 computed, 0 kept" in told.step(5)
    models = told.workspace("log", "model", "--json").document["items"]
    why = told.workspace("why", "inference:/1.json", "--json").document["items"]

    assert len(models) == 2
    named = {step["ref"] for step in why if step["ref"].startswith("model@")}
    assert {ref.removesuffix(":/").partition("@")[2] for ref in named} == {models[0]["id"][:12]}


def test_the_pachyderm_file_with_its_scripts_predicts_the_same(told: Told, tmp_path: Path) -> None:
    code = tmp_path / "sentiment"
    shutil.copytree(EXAMPLE, code, ignore=shutil.ignore_patterns("__pycache__"))
    run = program_in(tmp_path)
    run("init", ".")
    for repo in ("training", "reviews"):
        run("repo", "create", repo)
    assert run("pipeline", "create", "-f", "sentiment/pipelines.json").status == 0
    run("put", "training@main", "sentiment/data/training.tsv")
    reviews = sorted(str(file) for file in (code / "data" / "reviews").iterdir())
    run("put", "reviews@main", *reviews)

    waited = run("job", "wait", "reviews@main", "--json")
    stop_workers(tmp_path)

    assert waited.status == 0, waited.err
    assert waited.document["datums"]["run"] == len(reviews)
    predicted = run("cat", "inference@main:/1.json").out
    assert json.loads(predicted) == json.loads(told.workspace("cat", "inference@main:/1.json").out)
