"""Who asks at the same time shares a commit, and fails alone."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from headwater.clock import SystemClock
from headwater.db import Catalog
from headwater.errors import Error
from headwater.gateway.errors import S3Refusal
from headwater.gateway.landing import Landing, Wish
from headwater.repos import Repos
from headwater.storage import Delete, Put, Storage, Tree, open_store


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    catalog = Catalog.create(f"sqlite:///{tmp_path}/catalog.db")
    yield catalog
    catalog.close()


@pytest.fixture
def storage(catalog: Catalog) -> Storage:
    return Storage(catalog, open_store("memory:"))


@pytest.fixture
def repos(catalog: Catalog, storage: Storage) -> Repos:
    repos = Repos(catalog, storage, clock=SystemClock())
    repos.create("reviews")
    return repos


@pytest.fixture
def landing(catalog: Catalog, storage: Storage, repos: Repos) -> Landing:
    return Landing(catalog, storage, repos)


def put(path: str, data: bytes = b"x", *, only_new: bool = False) -> Wish:
    def check(tree: Tree) -> None:
        if only_new and tree.get(path) is not None:
            raise S3Refusal("PreconditionFailed", "It is there.")

    return Wish(f"PUT {path}", (path,), lambda writer: [Put(path, writer.add(data))], check)


def land_together(catalog: Catalog, landing: Landing, wishes: list[Wish]) -> None:
    """Lands wishes that all wait for the same turn, which ends when all of them do."""

    def land(wish: Wish) -> None:
        try:
            landing.land("reviews", "main", "me", wish)
        except Error as error:
            wish.error = error

    threads = [threading.Thread(target=land, args=(wish,)) for wish in wishes]
    with catalog.writer_turn():
        for thread in threads:
            thread.start()
        while sum(len(line.waiting) for line in landing._lines.values()) < len(wishes) - 1:  # noqa: SLF001
            threading.Event().wait(0.001)
    for thread in threads:
        thread.join()


def test_those_who_wait_share_the_next_commit(catalog: Catalog, landing: Landing, repos: Repos) -> None:
    wishes = [put(f"{number}.txt") for number in range(20)]

    land_together(catalog, landing, wishes)

    assert repos.get("reviews").at().files == 20
    assert len(repos.get("reviews").log().items) == 2
    assert len({wish.commit for wish in wishes}) == 2


def test_one_that_collides_fails_alone(catalog: Catalog, landing: Landing, repos: Repos) -> None:
    first = put("a")
    wishes = [first, put("b/c"), put("a/b"), put("d")]

    land_together(catalog, landing, wishes)

    files = {file.path for file in repos.get("reviews").at().walk()}
    assert files in ({"/a", "/b/c", "/d"}, {"/a/b", "/b/c", "/d"})
    assert sum(wish.error is not None for wish in wishes) == 1


def test_of_several_who_want_to_be_first_one_is(catalog: Catalog, landing: Landing, repos: Repos) -> None:
    wishes = [put("a", bytes([65 + number]), only_new=True) for number in range(8)]

    land_together(catalog, landing, wishes)

    winners = [wish for wish in wishes if wish.error is None]
    assert len(winners) == 1
    assert len(repos.get("reviews").log().items) == 1


def test_what_changes_nothing_makes_no_commit(landing: Landing, repos: Repos) -> None:
    first = landing.land("reviews", "main", "me", put("a"))

    again = landing.land("reviews", "main", "me", put("a"))
    gone = landing.land("reviews", "main", "me", Wish("DELETE b", ("b",), lambda _: [Delete("b")]))

    assert first == again == gone
    assert len(repos.get("reviews").log().items) == 1


def test_nobody_is_remembered_when_all_are_served(landing: Landing) -> None:
    for number in range(5):
        landing.land("reviews", "main", f"author {number}", put(f"{number}"))

    assert landing._lines == {}  # noqa: SLF001


def test_commits_of_others_in_between_are_kept(landing: Landing, repos: Repos) -> None:
    reviews = repos.get("reviews")

    def edits(writer: object) -> list[Put]:
        with reviews.commit() as commit:
            commit.put("/theirs.txt", "theirs")
        return [Put("ours.txt", writer.add(b"ours"))]  # type: ignore[attr-defined]

    landing.land("reviews", "main", "me", Wish("PUT", ("ours.txt",), edits))

    assert {file.path for file in reviews.at().walk()} == {"/ours.txt", "/theirs.txt"}
