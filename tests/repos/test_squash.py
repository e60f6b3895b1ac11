"""Squashing: several commits become one, and what named them still finds something."""

import pytest

from headwater.api.documents import Provenance
from headwater.repos import BranchMoved, CommitPurged, NothingToSquash, ProtectedRepo, Repo, Repos
from headwater.storage import Storage
from tests.repos.history import change, files, several


def test_commits_become_one_with_the_files_of_the_last(reviews: Repo) -> None:
    ids = several(reviews, 5)
    before = files(reviews, "main")

    made = reviews.squash("main", f"{ids[0]}", message="All of it", author="ann")

    assert files(reviews, "main") == before
    assert [info.id for info in reviews.log("main").items] == [made.id, ids[0]]
    assert (made.parent, made.message, made.author) == (ids[0], "All of it", "ann")
    assert reviews.moves("main")[-1].reason == "squash"
    assert (reviews.moves("main")[-1].old, reviews.moves("main")[-1].new) == (ids[-1], made.id)


def test_the_squashed_ones_say_into_what(reviews: Repo, storage: Storage) -> None:
    ids = several(reviews, 3)

    made = reviews.squash("main", ids[0], author="ann")

    for id in ids[1:]:
        with pytest.raises(CommitPurged, match=f"by ann: squashed into {made.id}"):
            reviews.at(id)
        commit = reviews.resolve(id)
        assert commit.state == "purged"
        assert commit.record is not None
        assert storage.tombstone(commit.record).id == id
    assert files(reviews, ids[0]) == {"/main/0": "0"}


def test_what_went_into_any_of_them_went_into_the_new_one(reviews: Repo) -> None:
    first = change(reviews, "main", {"/a": "a"})
    entries = [Provenance("code", "", "c" * 64, "code"), Provenance("request", "", "r" * 32, "request")]
    last = first
    for number, entry in enumerate([*entries, entries[0]]):
        with reviews.commit(provenance=[entry]) as commit:
            commit.put(f"/{number}", "x")
        last = commit.id

    made = reviews.squash("main", first)

    squashed = Provenance("commit", "reviews", last, "squashed")
    assert made.provenance == (*entries, squashed)


def test_a_message_is_that_of_the_last_where_none_is_given(reviews: Repo) -> None:
    ids = several(reviews, 2)
    with reviews.commit(message="Last", metadata={"k": "v"}) as commit:
        commit.put("/x", "x")

    made = reviews.squash("main", ids[0])

    assert (made.message, made.metadata) == ("Last", {"k": "v"})


def test_what_is_tagged_named_or_built_on_stays(reviews: Repo) -> None:
    ids = several(reviews, 6)
    reviews.create_tag("v1", ids[1])
    reviews.create_branch("head", ids[2])
    reviews.create_branch("fork", ids[3])
    change(reviews, "fork", {"/fork": "f"})

    reviews.squash("main", ids[0])

    states = [reviews.resolve(id).state for id in ids[1:]]
    assert states == ["finished", "finished", "finished", "purged", "purged"]
    assert files(reviews, "v1") == {"/main/0": "0", "/main/1": "1"}


def test_a_branch_that_parted_within_is_merged_from_where_it_parted(reviews: Repo) -> None:
    ids = several(reviews, 4)
    reviews.create_branch("fork", ids[2])
    change(reviews, "fork", {"/main/1": None, "/fork": "f"})
    reviews.squash("main", ids[0])
    change(reviews, "main", {"/main/2": None})

    made = reviews.merge("fork", "main")

    assert made.base == ids[2]
    assert set(files(reviews, "main")) == {"/main/0", "/main/3", "/fork"}


def test_fewer_than_two_commits_cannot_be_squashed(reviews: Repo) -> None:
    ids = several(reviews, 3)
    reviews.create_branch("other", ids[0])
    beside = change(reviews, "other", {"/x": "x"})

    for since, problem in (("main", "nothing"), ("main^", "only one"), (beside, "not on its line")):
        with pytest.raises(NothingToSquash, match=problem):
            reviews.squash("main", since)

    assert [info.id for info in reviews.log("main").items] == ids[::-1]


def test_a_head_other_than_expected_and_a_protected_repo_are_refused(repos: Repos, reviews: Repo) -> None:
    ids = several(reviews, 3)
    repos.create("models/iris", system=True)

    with pytest.raises(BranchMoved):
        reviews.squash("main", ids[0], expect=ids[1])
    with pytest.raises(ProtectedRepo):
        repos.get("models/iris").squash("prod", "prod^2")


def test_a_long_line_is_squashed_whole(reviews: Repo) -> None:
    ids = several(reviews, 260)

    reviews.squash("main", ids[0])

    assert {reviews.resolve(id).state for id in ids[1:]} == {"purged"}
    assert all(reviews.resolve(id).roots.output is None for id in ids[1:])
    assert len(files(reviews, "main")) == 260


def test_what_is_squashed_can_be_squashed_again(reviews: Repo) -> None:
    ids = several(reviews, 3)
    first = reviews.squash("main", ids[0])
    change(reviews, "main", {"/more": "m"})

    made = reviews.squash("main", ids[0])

    assert reviews.resolve(first.id).state == "purged"
    assert [entry.id for entry in made.provenance if entry.role == "squashed"][:1] == [ids[2]]
    assert len(files(reviews, "main")) == 4
