"""Purging: the files go, the commit stays, and whoever asks hears when, by whom and why."""

from pathlib import Path

import pytest

from headwater.clock import SystemClock
from headwater.db import Catalog
from headwater.repos import (
    CommitNamed,
    CommitPinned,
    CommitPurged,
    CommitUnfinished,
    PendingCommit,
    Repo,
    Repos,
    Trees,
)
from headwater.storage import SegmentMissing, Storage, StoredBytesCorrupt, open_store
from tests.repos.history import Floor, change, files, several


def test_a_purged_commit_keeps_its_place_and_says_what_became_of_it(reviews: Repo, storage: Storage) -> None:
    ids = several(reviews, 3)
    before = reviews.resolve(ids[1])

    purged = reviews.purge(ids[1], reason="asked for", author="ann")

    assert (purged.state, purged.parent, purged.files, purged.size) == ("purged", ids[0], 2, 2)
    assert (purged.roots.output, purged.set_id) == (None, before.set_id)
    assert [info.state for info in reviews.log().items] == ["finished", "purged", "finished"]
    shown = purged.info().purged
    assert shown is not None
    assert (shown.by, shown.reason) == ("ann", "asked for")
    with pytest.raises(CommitPurged) as caught:
        reviews.at("main^")
    assert f"given up on {shown.at} by ann: asked for" in caught.value.message
    assert len(files(reviews, "main")) == 3


def test_its_tombstone_holds_what_the_record_said(reviews: Repo, storage: Storage) -> None:
    ids = several(reviews, 2)
    before = reviews.resolve(ids[0])
    assert before.record is not None
    assert before.roots.output is not None
    record = storage.commit_record(before.record)

    purged = reviews.purge(ids[0], reason="old", author="ann")

    assert purged.record is not None
    stone = storage.tombstone(purged.record)
    for field in ("id", "set", "repo", "repo_kind", "branch", "parent", "created_ms", "files", "size"):
        assert getattr(stone, field) == getattr(record, field)
    assert (stone.by, stone.reason, stone.provenance) == ("ann", "old", record.provenance)
    assert stone.trees.output == before.roots.output.hash


def test_a_commit_that_is_named_stays(reviews: Repo) -> None:
    ids = several(reviews, 2)
    reviews.create_tag("v1", ids[0])

    with pytest.raises(CommitNamed) as tagged:
        reviews.purge(ids[0])
    with pytest.raises(CommitNamed) as head:
        reviews.purge("main")

    assert "tag 'v1'" in tagged.value.message
    assert "headwater tag delete reviews@v1" in tagged.value.hint
    assert "branch 'main'" in head.value.message
    assert len(files(reviews, ids[0])) == 1


def test_a_tag_that_was_deleted_holds_nothing(reviews: Repo) -> None:
    ids = several(reviews, 2)
    reviews.create_tag("v1", ids[0])
    reviews.delete_tag("v1")

    assert reviews.purge(ids[0]).state == "purged"


def test_it_is_purged_once(reviews: Repo) -> None:
    ids = several(reviews, 2)
    reviews.purge(ids[0], reason="first")

    with pytest.raises(CommitPurged, match="first"):
        reviews.purge(ids[0], reason="second")


def test_a_commit_that_is_open_cannot_be_purged(reviews: Repo) -> None:
    several(reviews, 1)
    begun = reviews.start()

    with pytest.raises(CommitUnfinished):
        reviews.purge(begun.id)


def test_what_something_depends_on_needs_force(catalog: Catalog, storage: Storage) -> None:
    floor = Floor()
    repos = Repos(catalog, storage, clock=SystemClock(), users=(floor,), pins=lambda: (floor,))
    reviews = repos.create("reviews")
    ids = several(reviews, 2)
    floor.pins[ids[0]] = "iris@7 was made of it"

    with pytest.raises(CommitPinned, match=r"because iris@7 was made of it"):
        reviews.purge(ids[0])
    reviews.purge(ids[0], force=True)

    assert reviews.resolve(ids[0]).state == "purged"
    assert floor.forgotten == [ids[0]]


def test_a_commit_cannot_be_built_of_trees_that_were_purged(
    catalog: Catalog, repos: Repos, reviews: Repo
) -> None:
    ids = several(reviews, 2)
    view = reviews.at(ids[0])
    pending = PendingCommit("reviews", "copy", Trees(view.tree), parent=None, shares=(ids[0],))
    reviews.purge(ids[0])

    with pytest.raises(CommitPurged), catalog.write() as conn:
        repos.publish(conn, pending)

    assert [branch.name for branch in reviews.branches()] == ["main"]


def test_a_branch_or_tag_cannot_be_made_at_it(reviews: Repo) -> None:
    ids = several(reviews, 2)
    reviews.purge(ids[0])

    with pytest.raises(CommitPurged):
        reviews.create_branch("old", ids[0])
    with pytest.raises(CommitPurged):
        reviews.create_tag("old", ids[0])
    with pytest.raises(CommitPurged):
        reviews.move_branch("main", ids[0])


@pytest.fixture
def unremembered(catalog: Catalog, tmp_path: Path) -> Storage:
    """The same storage as another process would open it, which remembers nothing."""
    return Storage(catalog, open_store(f"file:{tmp_path}/objects"), clock=SystemClock())


def test_the_sweep_takes_its_bytes_and_leaves_those_that_others_have(
    repos: Repos, reviews: Repo, storage: Storage, unremembered: Storage
) -> None:
    secret = "secret " * 40
    first = change(reviews, "main", {"/kept": "k", "/secret": secret})
    entry = reviews.at(first).entry("/secret")
    change(reviews, "main", {"/secret": None})
    kept = reviews.at("main").entry("/kept")

    reviews.purge(first)
    storage.sweep([repos.roots])

    assert unremembered.read(kept) == b"k"
    with pytest.raises((SegmentMissing, StoredBytesCorrupt)):
        unremembered.read(entry)


def test_the_sweep_leaves_tombstones_and_what_is_alive(
    catalog: Catalog, repos: Repos, reviews: Repo, storage: Storage, unremembered: Storage
) -> None:
    ids = several(reviews, 4)
    reviews.purge(ids[1], reason="r")

    storage.sweep([repos.roots])
    storage.sweep([repos.roots])

    fresh = Repos(catalog, unremembered, clock=SystemClock())
    purged = fresh.commit_by_id(ids[1])
    assert purged.record is not None
    assert unremembered.tombstone(purged.record).reason == "r"
    assert len(files(fresh.get("reviews"), "main")) == 4
