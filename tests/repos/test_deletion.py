"""Deleting branches, tags and repos: names go, and what others need does not."""

import pytest

from headwater.api.documents import Provenance
from headwater.clock import SystemClock
from headwater.db import Catalog
from headwater.repos import (
    BranchMoved,
    CommitPurged,
    InUse,
    ProtectedRepo,
    RefNotFound,
    Repo,
    RepoNotFound,
    Repos,
)
from headwater.repos.rows.store import moves_of
from headwater.storage import Storage
from tests.repos.history import Floor, change, files, several


@pytest.fixture
def floor() -> Floor:
    return Floor()


@pytest.fixture
def repos(catalog: Catalog, storage: Storage, floor: Floor) -> Repos:
    return Repos(catalog, storage, clock=SystemClock(), users=(floor,), pins=lambda: (floor,))


# --- branches and tags ---


def test_a_deleted_branch_leaves_its_commits_and_a_line_in_the_log(reviews: Repo) -> None:
    ids = several(reviews, 2)
    reviews.create_branch("side", ids[0])
    lost = change(reviews, "side", {"/x": "x"})

    was = reviews.delete_branch("side", author="ann", reason="done")

    assert (was.name, was.commit) == ("side", lost)
    assert [branch.name for branch in reviews.branches()] == ["main"]
    assert files(reviews, lost)["/x"] == "x"
    move = reviews.moves("side")[-1]
    assert (move.old, move.new, move.author, move.reason) == (lost, None, "ann", "done")
    assert reviews.create_branch("side", lost).commit == lost


def test_a_branch_in_use_stays(reviews: Repo, floor: Floor) -> None:
    several(reviews, 1)
    reviews.create_branch("side", "main")
    floor.used["reviews", "main"] = "pipeline 'p' reads it"
    begun = reviews.start("side")

    with pytest.raises(InUse, match="pipeline 'p' reads it"):
        reviews.delete_branch("main")
    with pytest.raises(InUse, match=begun.id):
        reviews.delete_branch("side")
    begun.drop()

    reviews.delete_branch("side")


def test_a_branch_that_is_not_there_or_elsewhere_is_named(reviews: Repo) -> None:
    ids = several(reviews, 2)

    with pytest.raises(RefNotFound, match="'mian'"):
        reviews.delete_branch("mian")
    with pytest.raises(BranchMoved):
        reviews.delete_branch("main", expect=ids[0])


def test_a_deleted_tag_leaves_its_commit_and_a_line_in_the_log(catalog: Catalog, reviews: Repo) -> None:
    ids = several(reviews, 2)
    reviews.create_tag("v1", ids[0])

    was = reviews.delete_tag("v1", author="ann")

    assert (was.name, was.commit, reviews.tags()) == ("v1", ids[0], [])
    with catalog.read() as conn:
        move = moves_of(conn, reviews.id, "tag", "v1")[-1]
    assert (move.old, move.new, move.author) == (ids[0], None, "ann")
    with pytest.raises(RefNotFound, match="'v1'"):
        reviews.delete_tag("v1")


def test_protected_repos_lose_nothing_by_hand(repos: Repos) -> None:
    repos.create("models/iris", system=True)
    iris = repos.get("models/iris")

    for step in (
        lambda: iris.delete_branch("main"),
        lambda: iris.delete_tag("7"),
        lambda: repos.delete("models/iris"),
    ):
        with pytest.raises(ProtectedRepo, match="models/iris"):
            step()


# --- repos ---


def test_a_deleted_repo_is_gone_and_its_name_is_free(repos: Repos, reviews: Repo, storage: Storage) -> None:
    ids = several(reviews, 3)
    reviews.create_tag("v1", ids[0])

    was = repos.delete("reviews", author="ann", reason="moved elsewhere")

    assert (was.name, was.files) == ("reviews", 3)
    assert not repos.exists("reviews")
    assert list(repos.list()) == []
    with pytest.raises(RepoNotFound):
        repos.get(f"reviews~{reviews.id}")
    again = repos.create("reviews")
    assert again.id != reviews.id
    assert again.log().items == []
    commit = repos.commit_by_id(ids[1])
    assert (commit.state, commit.repo) == ("purged", f"reviews~{reviews.id}")
    assert commit.record is not None
    assert storage.tombstone(commit.record).repo == "reviews"
    with pytest.raises(CommitPurged, match="by ann: moved elsewhere"):
        repos.view(commit)


def test_a_repo_in_use_stays(repos: Repos, reviews: Repo, floor: Floor) -> None:
    several(reviews, 1)
    floor.used["reviews", "main"] = "pipeline 'p' reads it"

    with pytest.raises(InUse, match="pipeline 'p' reads it"):
        repos.delete("reviews", force=True)
    floor.used.clear()
    reviews.start()
    with pytest.raises(InUse, match="is not finished"):
        repos.delete("reviews", force=True)

    assert repos.exists("reviews")


def test_a_repo_others_were_made_of_needs_force_and_leaves_tombstones(repos: Repos, reviews: Repo) -> None:
    [made_of] = several(reviews, 1)
    other = repos.create("other")
    with other.commit(provenance=[Provenance("commit", "reviews", made_of, "data")]) as commit:
        commit.put("/x", "x")

    with pytest.raises(InUse) as caught:
        repos.delete("reviews")
    assert f"other@{commit.id}" in caught.value.message
    assert "--force" in caught.value.hint
    repos.delete("reviews", force=True)

    [entry] = repos.provenance_of(commit.id)
    assert repos.commit_by_id(entry.id).state == "purged"
    assert files(other, "main") == {"/x": "x"}


def test_a_repo_of_many_commits_is_deleted_whole(repos: Repos, reviews: Repo) -> None:
    ids = several(reviews, 230)

    repos.delete("reviews")

    assert all(repos.commit_by_id(id).roots.output is None for id in (ids[0], ids[-1]))


def test_after_a_sweep_nothing_of_it_is_stored_but_tombstones(
    catalog: Catalog, repos: Repos, reviews: Repo, storage: Storage
) -> None:
    change(reviews, "main", {f"/{number}": "x" * 500 for number in range(300)})
    with catalog.read() as conn:
        before = storage.stats(conn)

    repos.delete("reviews")
    storage.sweep([repos.roots])

    with catalog.read() as conn:
        assert storage.stats(conn) < before / 50
