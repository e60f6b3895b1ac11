"""Whatever call of an operation is the last one that its process makes, nothing acknowledged is lost and nothing is half done."""

import os
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.faults.death import Died, Life
from tests.faults.place import Opened, Place

LARGE_FILE = os.urandom(1_500_000)


@dataclass(frozen=True)
class Operation:
    """Something a user does, after something else was done."""

    before: Callable[[Opened], None]
    act: Callable[[Opened], None]


def reviews(opened: Opened) -> None:
    repo = opened.repos.create("reviews")
    with repo.commit(message="first") as commit:
        for number in range(40):
            commit.put(f"/{number % 4}/{number}.txt", f"review {number}")
    with repo.commit(message="second") as commit:
        commit.put("/large", LARGE_FILE)
    repo.create_branch("side", "main^")
    repo.create_tag("v1", "main")


def commit_small(opened: Opened) -> None:
    with opened.repos.get("reviews").commit(message="small") as commit:
        commit.put("/new", b"new")
        commit.delete("/1/1.txt")


def commit_large(opened: Opened) -> None:
    with opened.repos.get("reviews").commit(message="large") as commit:
        commit.put("/other", LARGE_FILE[::-1])
        commit.put("/large", b"more", append=True)


def create_repo(opened: Opened) -> None:
    opened.repos.create("another")


def create_branch(opened: Opened) -> None:
    opened.repos.get("reviews").create_branch("new", "main")


def move_branch(opened: Opened) -> None:
    opened.repos.get("reviews").move_branch("side", "main")


def create_tag(opened: Opened) -> None:
    opened.repos.get("reviews").create_tag("v2", "main^")


def copy_and_move(opened: Opened) -> None:
    with opened.repos.get("reviews").commit(message="rearranged") as commit:
        commit.copy("/0", "/copied")
        commit.move("/large", "/0/larger")


def two_repos(opened: Opened) -> None:
    reviews(opened)
    opened.repos.create("reports")


def commit_to_two_repos(opened: Opened) -> None:
    with opened.repos.transaction(message="both") as transaction:
        transaction.repo("reviews").put("/new", b"new")
        transaction.repo("reports").put("/new", LARGE_FILE[::-1])


def begun(opened: Opened) -> None:
    two_repos(opened)
    for commit in opened.repos.start(["reviews@main", "reports@main"], message="open"):
        commit.put("/first", b"first")


def start(opened: Opened) -> None:
    opened.repos.get("reviews").start("main", message="open")


def add_to_an_open_commit(opened: Opened) -> None:
    repo = opened.repos.get("reviews")
    repo.open_commit(repo.open_commits()[0].id).put("/second", LARGE_FILE[::-1])


def finish_an_open_set(opened: Opened) -> None:
    opened.repos.finish(opened.repos.get("reviews").open_commits()[0].id)


def drop_an_open_set(opened: Opened) -> None:
    opened.repos.drop(opened.repos.get("reviews").open_commits()[0].id)


def parted(opened: Opened) -> None:
    reviews(opened)
    with opened.repos.get("reviews").commit("side", message="aside") as commit:
        commit.put("/side", b"side")
        commit.delete("/0/0.txt")


def merge(opened: Opened) -> None:
    opened.repos.get("reviews").merge("side", "main", message="merged")


def squash(opened: Opened) -> None:
    repo = opened.repos.get("reviews")
    repo.squash("side", repo.resolve("side^2").id, message="squashed")


def long_side(opened: Opened) -> None:
    parted(opened)
    commit_aside(opened)


def commit_aside(opened: Opened) -> None:
    with opened.repos.get("reviews").commit("side", message="once more") as commit:
        commit.put("/side", LARGE_FILE[::-1])


def purge(opened: Opened) -> None:
    opened.repos.get("reviews").purge("side^", reason="asked for")


def delete_names(opened: Opened) -> None:
    opened.repos.get("reviews").delete_branch("side")


def garbage(opened: Opened) -> None:
    """Leaves what a sweep frees: objects of a commit that was given up, and of one that never was finished."""
    long_side(opened)
    repo = opened.repos.get("reviews")
    last = repo.resolve("side").id
    repo.move_branch("side", "side^")
    repo.purge(last)
    writer = opened.storage.writer()
    writer.add(LARGE_FILE[:700_000])
    writer.seal()


def pack(opened: Opened) -> None:
    opened.storage.pack(everything=True)


def sweep(opened: Opened) -> None:
    opened.storage.sweep([opened.repos.roots])


OPERATIONS = {
    "a small commit": Operation(reviews, commit_small),
    "a commit with objects": Operation(reviews, commit_large),
    "a new repo": Operation(reviews, create_repo),
    "a new branch": Operation(reviews, create_branch),
    "a moved branch": Operation(reviews, move_branch),
    "a new tag": Operation(reviews, create_tag),
    "copied and moved files": Operation(reviews, copy_and_move),
    "a transaction over two repos": Operation(two_repos, commit_to_two_repos),
    "a merge": Operation(parted, merge),
    "a squash": Operation(long_side, squash),
    "a purge": Operation(long_side, purge),
    "a deleted branch": Operation(parted, delete_names),
    "packing": Operation(long_side, pack),
    "a sweep": Operation(garbage, sweep),
    "an opened commit": Operation(begun, start),
    "a call of an open commit": Operation(begun, add_to_an_open_commit),
    "a finished open set": Operation(begun, finish_an_open_set),
    "a dropped open set": Operation(begun, drop_an_open_set),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_that_dies_at_any_call_is_done_or_not_begun(name: str, place: Place, life: Life) -> None:
    operation = OPERATIONS[name]
    with place.open() as opened:
        operation.before(opened)
    before = place.state()
    whole = place.copy("whole")
    with whole.open() as opened, life.until(None):
        operation.act(opened)
        calls = life.calls
    after = whole.state()

    for last in range(calls):
        dying = place.copy(f"dying-{last}")
        with dying.open() as opened, life.until(last), pytest.raises(Died):
            operation.act(opened)

        found = dying.state()
        assert found in (before, after), f"after {last} of {calls} calls"
        assert dying.damages() == []
        if found == before:
            with dying.open() as opened:
                operation.act(opened)
            assert dying.state() == after
        dying.remove()
