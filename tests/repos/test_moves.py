"""Moving branches: hooks hear of a moved head as of a commit, once, in a set of its own."""

from collections.abc import Collection, Sequence

import pytest
from sqlalchemy import Connection

from headwater.clock import SystemClock
from headwater.db import Catalog
from headwater.repos import Commit, Repo, Repos
from headwater.storage import Storage
from tests.repos.history import change, several


class Ear:
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[Commit] = []

    def reads(self, conn: Connection, places: Collection[tuple[str, str]]) -> Collection[tuple[str, str]]:
        return places

    def committed(self, conn: Connection, repos: Repos, commits: Sequence[Commit]) -> None:
        for commit in commits:
            assert repos.head(conn, commit.repo, commit.branch) == commit.id
        self.heard += commits


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def repos(catalog: Catalog, storage: Storage, ear: Ear) -> Repos:
    return Repos(catalog, storage, clock=SystemClock(), hooks=(ear,))


def test_hooks_hear_of_a_moved_branch_in_a_set_of_its_own(reviews: Repo, ear: Ear) -> None:
    several(reviews, 1)
    reviews.create_branch("staging", "main")
    staged = change(reviews, "staging", {"/x": "x"})
    ear.heard.clear()

    moved = reviews.move_branch("main", "staging")

    [heard] = ear.heard
    assert (heard.id, heard.branch, heard.set_id) == (staged, "main", moved.set)
    assert heard.set_id != reviews.resolve(staged).set_id
    assert reviews.resolve(staged).branch == "staging"


def test_a_branch_moved_to_where_it_is_tells_nobody(reviews: Repo, ear: Ear) -> None:
    several(reviews, 2)
    moves = len(reviews.moves("main"))
    ear.heard.clear()

    moved = reviews.move_branch("main", "main")

    assert (ear.heard, moved.set, len(reviews.moves("main"))) == ([], None, moves)


def test_hooks_hear_of_a_branch_made_at_a_commit_and_not_of_an_empty_one(reviews: Repo, ear: Ear) -> None:
    [first] = several(reviews, 1)
    ear.heard.clear()

    reviews.create_branch("empty")
    made = reviews.create_branch("at", first)

    assert [(one.id, one.branch, one.set_id) for one in ear.heard] == [(first, "at", made.set)]


def test_hooks_hear_of_a_merge_that_only_moved(reviews: Repo, ear: Ear) -> None:
    several(reviews, 1)
    reviews.create_branch("side", "main")
    theirs = change(reviews, "side", {"/x": "x"})
    ear.heard.clear()

    reviews.merge("side", "main")

    assert [(one.id, one.branch) for one in ear.heard] == [(theirs, "main")]


def test_hooks_hear_nothing_of_a_squash(reviews: Repo, ear: Ear) -> None:
    ids = several(reviews, 3)
    ear.heard.clear()

    reviews.squash("main", ids[0])

    assert ear.heard == []


def test_a_hook_that_fails_leaves_the_branch_where_it_was(
    catalog: Catalog, storage: Storage, reviews: Repo
) -> None:
    class Broken(Ear):
        def committed(self, conn: Connection, repos: Repos, commits: Sequence[Commit]) -> None:
            raise RuntimeError("no")

    ids = several(reviews, 2)
    broken = Repos(catalog, storage, clock=SystemClock(), hooks=(Broken(),)).get("reviews")

    with pytest.raises(RuntimeError):
        broken.move_branch("main", ids[0])

    assert reviews.resolve("main").id == ids[1]
