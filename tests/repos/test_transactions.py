"""Commits to several repos that become visible together, whatever happens in between."""

import subprocess
import sys
from pathlib import Path

import pytest

from headwater.repos import (
    CommitEnded,
    CommitOpen,
    EmptyCommit,
    ProtectedRepo,
    RefNotFound,
    Repo,
    RepoNotFound,
    Repos,
)
from headwater.storage import PathCollision


@pytest.fixture
def prices(repos: Repos) -> Repo:
    return repos.create("prices")


def put(repo: Repo, path: str, text: str) -> str:
    with repo.commit() as commit:
        commit.put(path, text)
    return commit.id


def test_all_commits_are_one_set(repos: Repos, reviews: Repo, prices: Repo) -> None:
    put(prices, "/old", "1")

    with repos.transaction(message="both", metadata={"run": "7"}, author="Ada") as transaction:
        transaction.repo("reviews").put("/a", "1")
        transaction.repo("prices@main").delete("/old")
        transaction.repo("prices").put("/new", "2")

    made = repos.set_commits(transaction.set or "")
    assert made == transaction.commits
    assert [(one.repo, one.message, one.author, one.metadata) for one in made] == [
        ("reviews", "both", "Ada", {"run": "7"}),
        ("prices", "both", "Ada", {"run": "7"}),
    ]
    assert reviews.at().read("/a") == b"1"
    assert [file.path for file in prices.at().walk()] == ["/new"]


def test_a_mistake_in_one_undoes_all(repos: Repos, reviews: Repo, prices: Repo) -> None:
    before = put(prices, "/a/b", "1")

    transaction = repos.transaction()
    transaction.repo("reviews").put("/a", "1")
    transaction.repo("prices").put("/a", "2")
    with pytest.raises(PathCollision):
        transaction.finish()

    assert reviews.log().items == []
    assert prices.resolve().id == before
    with pytest.raises(CommitOpen):
        _ = transaction.commits
    with pytest.raises(CommitEnded):
        transaction.repo("reviews")


def test_an_exception_drops_all(repos: Repos, reviews: Repo, prices: Repo) -> None:
    def fail() -> None:
        with repos.transaction() as transaction:
            transaction.repo("reviews").put("/a", "1")
            transaction.repo("prices").put("/a", "1")
            raise KeyError

    with pytest.raises(KeyError):
        fail()

    assert reviews.log().items == prices.log().items == []


def test_changes_are_applied_to_what_there_is_by_then(repos: Repos, reviews: Repo, prices: Repo) -> None:
    put(reviews, "/log", "0")

    with repos.transaction() as transaction:
        transaction.repo("reviews").append("/log", "2")
        transaction.repo("prices").put("/a", "1")
        put(reviews, "/log", "01")

    assert reviews.at().read("/log") == b"012"
    assert prices.at().read("/a") == b"1"


def test_what_does_not_change_makes_no_commit(repos: Repos, reviews: Repo, prices: Repo) -> None:
    head = put(reviews, "/a", "1")

    with repos.transaction() as transaction:
        transaction.repo("reviews").put("/a", "1")
        transaction.repo("prices").put("/a", "1")
        transaction.repo("prices@main")

    assert [one.id for one in transaction.commits] == [head, prices.resolve().id]
    assert [one.repo for one in repos.set_commits(transaction.set or "")] == ["prices"]
    with repos.transaction() as nothing:
        nothing.repo("reviews").put("/a", "1")
    assert nothing.set is None


def test_only_what_is_there_and_may_be_written_takes_part(repos: Repos, reviews: Repo) -> None:
    repos.create("models/iris", system=True)
    reviews.create_branch("empty")

    with repos.transaction() as transaction:
        with pytest.raises(RepoNotFound):
            transaction.repo("price")
        with pytest.raises(RefNotFound):
            transaction.repo("reviews@nowhere")
        with pytest.raises(ProtectedRepo):
            transaction.repo("models/iris")
        transaction.repo("reviews@empty")  # nothing is said of it
    with pytest.raises(EmptyCommit), repos.transaction() as transaction:
        transaction.repo("reviews").delete("/")


TRANSFER = """
import sys
from headwater.clock import SystemClock
from headwater.db import Catalog
from headwater.repos import Repos
from headwater.storage import Storage, open_store
catalog = Catalog.open(sys.argv[1])
storage = Storage(catalog, open_store(sys.argv[2]), clock=SystemClock())
repos = Repos(catalog, storage, clock=SystemClock())
for number in range(12):
    with repos.transaction() as transaction:
        for name in ("reviews", "prices"):
            transaction.repo(name).put(f"/{sys.argv[3]}/{number}", name)
            transaction.repo(name).append("/log", ".")
"""


def test_many_processes_keep_repos_in_step(
    repos: Repos, reviews: Repo, prices: Repo, url: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", TRANSFER, url, f"file:{tmp_path}/objects"]
    running = [subprocess.Popen([*command, name]) for name in ("one", "two", "three")]

    assert [process.wait(60) for process in running] == [0, 0, 0]
    ours, theirs = reviews.log().items, prices.log().items
    assert [one.set for one in ours] == [one.set for one in theirs]
    assert [one.files for one in ours] == [one.files for one in theirs] == list(range(37, 1, -1))
    assert reviews.at().read("/log") == b"." * 36
    assert all(len(repos.set_commits(one.set)) == 2 for one in ours)
