"""Which commits changed a file or folder, found without looking at the rest."""

import pytest

from headwater.db import Catalog
from headwater.errors import InvalidInput
from headwater.ids import CommitId
from headwater.repos import Commit, CommitNotFound, RefNotFound, Repo, Repos
from headwater.repos.reading.path_log import changing
from headwater.repos.rows.commit_store import ancestors
from headwater.storage import InvalidPath, Storage


def put(repo: Repo, path: str, text: str, message: str) -> None:
    with repo.commit(message=message) as commit:
        commit.put(path, text)


def told(repo: Repo, path: str, what: str = "main") -> list[str]:
    return [commit.message for commit in repo.log(what, path=path).items]


@pytest.fixture
def changed(reviews: Repo) -> Repo:
    put(reviews, "/other", "1", "other")
    put(reviews, "/a/x", "1", "made")
    put(reviews, "/a/y", "1", "beside")
    put(reviews, "/other", "2", "other again")
    put(reviews, "/a/x", "2", "changed")
    with reviews.commit(message="gone") as commit:
        commit.delete("/a")
    with reviews.commit(message="back") as commit:
        commit.copy("/a", "/a", of=reviews.at("main^"))
    return reviews


def test_a_file_is_followed_from_its_making_over_its_going_to_its_coming_back(changed: Repo) -> None:
    assert told(changed, "/a/x") == ["back", "gone", "changed", "made"]
    assert told(changed, "/a/y") == ["back", "gone", "beside"]
    assert told(changed, "/other") == ["other again", "other"]
    assert told(changed, "/never") == []


def test_a_folder_changed_when_anything_below_did(changed: Repo) -> None:
    assert told(changed, "/a") == ["back", "gone", "changed", "beside", "made"]
    assert told(changed, "/") == [commit.message for commit in changed.log().items]


def test_it_begins_where_it_is_told_to(changed: Repo) -> None:
    assert told(changed, "/a/x", "main^2") == ["changed", "made"]
    changed.create_branch("empty")
    assert told(changed, "/a", "empty") == []


def test_a_file_that_becomes_executable_has_changed(reviews: Repo) -> None:
    put(reviews, "/run", "1", "made")
    with reviews.commit(message="may be run") as commit:
        commit.put("/run", "1", executable=True)

    assert told(reviews, "/run") == ["may be run", "made"]


def test_pages_together_are_the_whole(changed: Repo) -> None:
    for limit in (1, 2, 3):
        found: list[str] = []
        page = changed.log(path="/a", limit=limit)
        while True:
            found += [commit.message for commit in page.items]
            assert len(page.items) <= limit
            if page.next is None:
                break
            page = changed.log(path="/a", limit=limit, after=page.next)
        assert found == ["back", "gone", "changed", "beside", "made"]


def test_a_page_looks_at_so_many_commits_and_says_where_to_go_on(
    reviews: Repo, catalog: Catalog, storage: Storage
) -> None:
    def line(start: CommitId, limit: int) -> list[Commit]:
        with catalog.read() as conn:
            return ancestors(conn, start, limit)

    put(reviews, "/rare", "1", "rare")
    for number in range(250):
        put(reviews, "/often", str(number), "often")

    start = reviews.resolve().id
    pages = 0
    found: list[str] = []
    while start is not None:
        commits, decided = changing(storage, line, start, "rare", limit=5, most=60)
        found += [commit.message for commit in commits]
        pages += 1
        if decided is None:
            break
        start = reviews.resolve(f"{decided}^").id

    assert found == ["rare"]
    assert pages == 5


def test_neighbours_are_compared_in_a_path_down_each_tree(repos: Repos, storage: Storage) -> None:
    costs = []
    for files in (100, 20_000):
        repo = repos.create(f"files-{files}")
        with repo.commit() as commit:
            for number in range(files):
                commit.put(f"/data/{number % 50:02}/{number:06}", str(number))
        for number in range(10):
            put(repo, f"/data/07/new{number}", "1", "new")
        before = storage.nodes.decoded
        assert len(repo.log(path="/data/07").items) == 11
        costs.append(storage.nodes.decoded - before)

    assert costs[1] <= 4 * costs[0] + 30


def test_what_cannot_be_asked_is_refused(changed: Repo, repos: Repos) -> None:
    other = repos.create("other")
    put(other, "/a", "1", "elsewhere")

    with pytest.raises(InvalidPath):
        changed.log(path="/../a")
    with pytest.raises(RefNotFound):
        changed.log("nowhere", path="/a")
    with pytest.raises(CommitNotFound):
        changed.log(path="/a", after="0" * 32)
    with pytest.raises(CommitNotFound):
        changed.log(path="/a", after=other.resolve().id)
    with pytest.raises(InvalidInput):
        changed.log(limit=0)
