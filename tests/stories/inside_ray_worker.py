"""`headwater worker --executor ray` beside `headwater worker`: pipelines and training, with a cluster that it starts."""

import shutil
from itertools import pairwise
from pathlib import Path

import pytest

import headwater as hw
from headwater.api.documents import JobInfo
from tests.stories.program import Ended, program_in

REVIEWS = {"1.txt": "A fine film.", "2.txt": "Too long.", "3.txt": "Very funny, and short."}
WORDS = '''\
import time

import headwater as hw


@hw.pipeline(input=hw.files("reviews", glob="/*"), resources={"cpu": 1, "memory": "200MB"})
def words(reviews, out):
    """Counts words."""
    out.write(reviews.file.name, f"{len(reviews.file.read_text().split())}\\n")


@hw.pipeline(input=hw.files("reviews", glob="/*"), resources={"cpu": 2}, datum_set={"number": 1})
def timed(reviews, out):
    """Says when it ran."""
    begun = time.monotonic()
    time.sleep(0.1)
    out.write(reviews.file.name, f"{begun} {time.monotonic()}")


@hw.pipeline(input=hw.files("reviews", glob="/*"), resources={"gpu": 1})
def shown(reviews, out):
    """Would show them, on a GPU."""
    out.write(reviews.file.name, "seen")
'''
TOTAL = """\
name: total
input: {files: {repo: words, glob: /}}
resources: {cpu: 0.5}
transform:
  command: cat "$HEADWATER_INPUT"/words/* | awk '{n += $1} END {print n}' > "$HEADWATER_OUTPUT/total.txt"
"""
WISH = """\
model: iris
data: iris@main:/iris.csv
targets: ResultTargetValue
features: {exclude: [ResultLabel]}
algorithm: {params: {n_estimators: 5, max_depth: 2}}
confidence: off
"""


def _worked(folder: Path, data: Path, *options: str) -> Ended:
    """Makes a workspace with pipelines and a request, and lets a worker do all there is to do."""
    folder.mkdir()
    for name, text in {"words.py": WORDS, "total.yaml": TOTAL, "wish.yaml": WISH}.items():
        (folder / name).write_text(text)
    headwater = program_in(folder)
    headwater("init")
    with hw.open(folder) as workspace, workspace.repo("reviews", create=True).commit("main") as commit:
        for name, text in REVIEWS.items():
            commit.put(name, text)
    headwater("pipeline", "create", "-f", "words.py", "-f", "total.yaml")
    if data.is_dir():
        shutil.copy(data / "iris.csv", folder)
        headwater("repo", "create", "iris")
        headwater("put", "iris@main", "iris.csv", "-m", "First rows")
        headwater("train", "-f", "wish.yaml")
    return headwater("worker", "--idle-exit", "0", *options)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Returns two workspaces in which the same was done, by name of the executor."""
    from tests.conftest import DATA

    base = tmp_path_factory.mktemp("workers")
    _worked(base / "local", DATA, "--executor", "local", "--processes", "2")
    _worked(base / "ray", DATA, "--executor", "ray", "--processes", "2")
    return {"local": base / "local", "ray": base / "ray"}


def _newest(place: Path, pipeline: str) -> JobInfo:
    with hw.open(place) as workspace:
        return workspace.jobs.newest(pipeline)


def test_a_pipelines_commit_has_the_root_that_a_local_worker_gives_it(places: dict[str, Path]) -> None:
    roots = dict[str, list[bytes]]()
    for name, place in places.items():
        with hw.open(place) as workspace:
            views = [workspace.repo(repo).at("main") for repo in ("words", "total")]
            roots[name] = [view.tree.root_hash for view in views]
            assert views[1].read("total.txt") == b"9\n"
            assert workspace.jobs.newest("words").datums.run == 3

    assert roots["ray"] == roots["local"]


@pytest.mark.parametrize("executor", ["local", "ray"])
def test_a_gpu_where_there_is_none_is_named_and_not_waited_for(
    places: dict[str, Path], executor: str
) -> None:
    job = _newest(places[executor], "shown")

    assert job.state == "failed"
    assert "What is to run wants 1 core, 1 GPU, and " in str(job.error)
    assert "0 GPUs" in str(job.error)


def test_datums_that_want_all_cores_run_one_after_the_other(places: dict[str, Path]) -> None:
    with hw.open(places["ray"]) as workspace:
        view = workspace.repo("timed").at("main")
        times = sorted([float(word) for word in view.read(name).split()] for name in REVIEWS)

    assert all(end <= begun for (_, end), (begun, _) in pairwise(times))


@pytest.mark.needs_test_data
def test_a_model_is_trained_with_the_scores_that_a_local_worker_reaches(
    places: dict[str, Path], test_data: Path
) -> None:
    versions = {}
    for name, place in places.items():
        versions[name] = program_in(place)("model", "show", "iris@1", "--json").document

    scores = {name: [one["scores"] for one in version["targets"]] for name, version in versions.items()}
    assert scores["ray"] == scores["local"]
