"""A store that an earlier version wrote stays readable, keeps its identities, and takes commits on top."""

import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import headwater as hw

STORES = Path(__file__).parent / "earlier"
FLOWER = {
    "SepalLength": 5.1,
    "SepalWidth": 3.5,
    "PetalLength": 1.4,
    "ResultLabel": "Iris-setosa",
    "ResultTargetValue": 0,
}


@pytest.fixture(params=sorted(path.name for path in STORES.glob("*.tar.xz")))
def earlier(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[hw.Workspace]:
    """Opens a copy of the store that a version wrote."""
    with tarfile.open(STORES / request.param) as store:
        store.extractall(tmp_path, filter="data")
    with hw.open(tmp_path / "w") as workspace:
        yield workspace


@pytest.mark.parametrize(
    ("ref", "digest"),
    [
        ("main", "46aadd6a2cabad9d9eb97c12c19a6fe12d6d431d581ff09d970db34fb201b6bf"),
        ("side", "754bb6c3527210217f7edf8d8a00eb0c91e3242fbb2c5de7a4ac31cf26ba4003"),
        ("v1", "bb5643ed5aebc472c6951930c1e012b0e980e097db3d90d66625f73b90a6e056"),
    ],
)
def test_what_was_committed_is_read_back_with_the_digest_it_had(
    earlier: hw.Workspace, ref: str, digest: str
) -> None:
    files = earlier.repo("reviews").at(ref)

    assert files.stat("/").hash == digest
    assert sum(len(files.read(file.path)) for file in files.walk("/")) == files.stat("/").size


def test_every_file_of_a_branch_is_there(earlier: hw.Workspace) -> None:
    files = earlier.repo("reviews").at("main")

    assert sum(1 for _ in files.walk("/")) == 301
    assert files.size == 9_009_444


def test_a_model_of_then_predicts_as_it_did(earlier: hw.Workspace) -> None:
    (answer,) = earlier.model("iris@1").predict([FLOWER])

    assert answer["value"] == pytest.approx(0.410867303609848)
    assert answer["lower"] == pytest.approx(0.03363029360771175)


def test_the_same_edit_gives_the_same_digest_as_in_a_new_workspace(
    earlier: hw.Workspace, tmp_path: Path
) -> None:
    reviews = earlier.repo("reviews")
    with reviews.commit("main", message="on top") as commit:
        commit.put("/new.txt", "A fine film.")

    with hw.open(tmp_path / "fresh", create=True) as fresh:
        copied = fresh.repo("reviews", create=True)
        with copied.commit("main") as commit:
            for file in reviews.at("main").walk("/"):
                commit.put(file.path, reviews.at("main").read(file.path))
        assert copied.at("main").stat("/") == reviews.at("main").stat("/")
    assert [row.path for row in earlier.diff("reviews@main^", "reviews@main")] == ["/new.txt"]
    assert earlier.log("reviews@main").items[1].message == "appended"
