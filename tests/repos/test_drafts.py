"""Commits that stay open over many calls and processes: added to, looked at, finished, dropped."""

import subprocess
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa

from headwater.api.documents import Provenance
from headwater.clock import SystemClock
from headwater.db import Catalog, metadata
from headwater.repos import (
    AmbiguousRef,
    BranchMoved,
    Commit,
    CommitEnded,
    CommitNotFound,
    CommitUnfinished,
    InvalidMetadata,
    InvalidRef,
    PathNotFound,
    ProtectedRepo,
    RefNotFound,
    Repo,
    Repos,
)
from headwater.repos.rows.history_store import roots
from headwater.storage import InvalidPath, PathCollision, Storage


def put(repo: Repo, path: str, text: str) -> Commit:
    with repo.commit() as commit:
        commit.put(path, text)
    return commit.commit


def files(repo: Repo, what: str = "main") -> dict[str, str]:
    view = repo.at(what)
    return {file.path: view.read(file.path).decode() for file in view.walk()}


def rows(catalog: Catalog) -> dict[str, int]:
    with catalog.read() as conn:
        return {
            name: conn.execute(sa.select(sa.func.count()).select_from(metadata.tables[name])).scalar_one()
            for name in ("commits", "commit_sets", "drafts", "provenance", "ref_log")
        }


def test_an_open_commit_is_seen_by_nobody_until_it_is_finished(reviews: Repo) -> None:
    first = put(reviews, "/a", "1")
    begun = reviews.start(message="March", metadata={"source": "crawl"}, author="Ada")
    begun.put("/b", "2")
    begun.append("/a", "+")
    begun.delete("/a")

    assert files(reviews) == {"/a": "1"}
    assert reviews.log().items == [first.info()]
    finished = begun.finish()

    assert files(reviews) == {"/b": "2"}
    assert (finished.id, finished.state, finished.parent) == (begun.id, "finished", first.id)
    assert (finished.message, finished.author, finished.metadata) == ("March", "Ada", {"source": "crawl"})
    assert reviews.resolve() == finished


def test_what_it_would_be_can_be_looked_at(reviews: Repo) -> None:
    put(reviews, "/a", "1")
    begun = reviews.start()
    begun.put("/b/c", "2")
    begun.append("/a", "+")

    assert files(reviews, begun.id) == {"/a": "1+", "/b/c": "2"}
    assert begun.read("/a") == b"1+"
    view = begun.view()
    assert (view.files, view.size, view.commit.state) == (2, 3, "open")
    assert [row.path for row in reviews.diff("main", begun.id)] == ["/a", "/b/c"]


CALL = """
import sys
from headwater.clock import SystemClock
from headwater.db import Catalog
from headwater.repos import Repos
from headwater.storage import Storage, open_store
catalog = Catalog.open(sys.argv[1])
storage = Storage(catalog, open_store(sys.argv[2]), clock=SystemClock())
begun = Repos(catalog, storage, clock=SystemClock()).get("reviews").open_commit(sys.argv[3])
for number in range(int(sys.argv[5])):
    begun.put(f"/{sys.argv[4]}/{number}", str(number))
    begun.append("/log", ".")
"""


def test_several_processes_add_to_one_and_nothing_is_lost(reviews: Repo, url: str, tmp_path: Path) -> None:
    begun = reviews.start()
    command = [sys.executable, "-c", CALL, url, f"file:{tmp_path}/objects", begun.id]
    running = [subprocess.Popen([*command, name, "15"]) for name in ("one", "two", "three")]

    assert [process.wait(60) for process in running] == [0, 0, 0]
    begun.finish()
    assert reviews.at().files == 46
    assert reviews.at().read("/log") == b"." * 45


KILLED = """
import os, signal, sys, threading
from headwater.clock import SystemClock
from headwater.db import Catalog
from headwater.repos import Repos
from headwater.storage import Storage, open_store
catalog = Catalog.open(sys.argv[1])
storage = Storage(catalog, open_store(sys.argv[2]), clock=SystemClock())
begun = Repos(catalog, storage, clock=SystemClock()).get("reviews").open_commit(sys.argv[3])
begun.put(f"/{sys.argv[4]}/warm", "x")
threading.Timer(float(sys.argv[5]), os.kill, (os.getpid(), signal.SIGKILL)).start()
for number in range(10_000):
    begun.put(f"/{sys.argv[4]}/{number:05}", str(number))
    begun.append(f"/{sys.argv[4]}/log", ".")
    os.write(1, b".")
"""


def test_what_was_acknowledged_survives_a_kill_and_nothing_else_is_half_there(
    reviews: Repo, url: str, tmp_path: Path
) -> None:
    begun = reviews.start()
    said = {}
    for name, wait_s in (("one", "0.02"), ("two", "0.05"), ("three", "0.11")):
        command = [sys.executable, "-c", KILLED, url, f"file:{tmp_path}/objects", begun.id, name, wait_s]
        said[name] = len(subprocess.run(command, check=False, stdout=subprocess.PIPE).stdout)

    begun.finish()

    view = reviews.at()
    for name, rounds in said.items():
        names = [file.path for file in view.walk(f"/{name}")]
        numbers = [path for path in names if path[-1].isdigit()]
        dots = len(view.read(f"/{name}/log")) if f"/{name}/log" in names else 0
        assert len(numbers) in (rounds, rounds + 1)
        assert dots in (rounds, rounds + 1)
        assert dots <= len(numbers)
        assert numbers == [f"/{name}/{number:05}" for number in range(len(numbers))]


def test_a_finished_one_lands_behind_what_came_meanwhile(reviews: Repo) -> None:
    put(reviews, "/a", "1")
    begun = reviews.start()
    begun.put("/b", "2")
    begun.delete("/a")
    later = put(reviews, "/c", "3")
    put(reviews, "/a", "changed")

    finished = begun.finish()

    assert files(reviews) == {"/b": "2", "/c": "3"}
    assert reviews.log().items[2].id == later.id
    assert finished.parent == reviews.resolve("main^").id


def test_expect_refuses_another_head_and_the_commit_stays_open(reviews: Repo) -> None:
    first = put(reviews, "/a", "1")
    begun = reviews.start()
    begun.put("/b", "2")
    second = put(reviews, "/a", "2")

    with pytest.raises(BranchMoved):
        begun.finish(expect=first.id)

    assert [one.id for one in reviews.open_commits()] == [begun.id]
    assert begun.finish(expect=second.id).parent == second.id


def test_a_dropped_one_leaves_nothing(catalog: Catalog, reviews: Repo) -> None:
    before = rows(catalog)
    begun = reviews.start()
    begun.put("/a", "1")

    begun.drop()

    assert rows(catalog) == before
    for call in (begun.finish, begun.drop, begun.view, begun.edit):
        with pytest.raises(CommitNotFound, match=begun.id):
            call()


def test_a_finished_one_takes_nothing_more(catalog: Catalog, reviews: Repo) -> None:
    begun = reviews.start()
    begun.put("/a", "1")
    changes = begun.edit()
    changes.put("/b", "2")
    begun.finish()

    for call in (begun.finish, begun.drop, begun.view, begun.edit, changes.finish):
        with pytest.raises(CommitEnded, match="finished"):
            call()
    with pytest.raises(CommitEnded):
        reviews.open_commit(begun.id)
    assert rows(catalog)["drafts"] == 0
    assert files(reviews) == {"/a": "1"}


def test_an_exception_drops_a_call_and_nothing_else(reviews: Repo) -> None:
    begun = reviews.start()
    begun.put("/a", "1")

    def fail() -> None:
        with begun.edit() as changes:
            changes.put("/b", "2")
            raise KeyError

    with pytest.raises(KeyError):
        fail()

    assert files(reviews, begun.id) == {"/a": "1"}


def test_one_that_changes_nothing_is_made_for_its_id_was_given_out(reviews: Repo) -> None:
    first = put(reviews, "/a", "1")
    begun = reviews.start(message="checked")
    begun.put("/a", "1")

    finished = begun.finish()

    assert reviews.resolve() == finished
    assert finished.parent == first.id
    assert finished.roots.output == first.roots.output


def test_a_folder_is_deleted_with_what_was_put_into_it_before_and_not_after(reviews: Repo) -> None:
    put(reviews, "/a/1", "head")
    begun = reviews.start()
    begun.put("/a/2", "before")
    begun.append("/a/1", "+")
    begun.delete("/a")
    begun.put("/a/3", "after")
    begun.append("/a/1", "new")

    begun.finish()

    assert files(reviews) == {"/a/3": "after", "/a/1": "new"}


def test_copies_and_moves_take_what_is_there_when_they_are_said(reviews: Repo) -> None:
    put(reviews, "/a/1", "head")
    begun = reviews.start()
    begun.append("/a/1", "+")
    begun.put("/a/2", "two")
    begun.copy("/a", "/b")
    begun.move("/a/1", "/c/")
    begun.delete("/b/2")

    begun.finish()

    assert files(reviews) == {"/a/2": "two", "/b/1": "head+", "/c/1": "head+"}


def test_what_is_copied_from_another_repo_is_part_of_the_provenance(repos: Repos, reviews: Repo) -> None:
    source = repos.create("source")
    origin = put(source, "/x", "1")
    begun = reviews.start()
    begun.copy("/x", "/y", of=source.at())
    begun.copy("/x", "/z", of=source.at())

    finished = begun.finish()

    assert finished.provenance == (Provenance("commit", "source", origin.id, "copied"),)
    assert [one.id for one in repos.impact_of(origin.id)] == [finished.id]
    assert files(reviews) == {"/y": "1", "/z": "1"}


def test_an_open_commit_cannot_be_copied_from(repos: Repos, reviews: Repo) -> None:
    begun = reviews.start()
    begun.put("/a", "1")
    other = repos.create("other")

    with pytest.raises(CommitUnfinished, match="open"), other.commit() as commit:
        commit.copy("/a", "/b", of=begun.view())


def test_a_file_where_a_folder_is_leaves_it_open(reviews: Repo) -> None:
    put(reviews, "/a/b", "1")
    begun = reviews.start()
    begun.put("/a", "2")

    with pytest.raises(PathCollision):
        begun.finish()
    with pytest.raises(PathCollision):
        begun.put("/a/c", "3")

    begun.delete("/a")
    begun.put("/a/c", "3")
    begun.finish()
    assert files(reviews) == {"/a/c": "3"}


def test_several_are_one_set_and_end_together(repos: Repos, reviews: Repo) -> None:
    prices = repos.create("prices")
    prices.create_branch("next")
    one, two = repos.start(["reviews", "prices@next"], message="both")
    one.put("/a", "1")
    two.put("/b", "2")

    finished = repos.finish(one.set)

    assert [commit.id for commit in finished] == [one.id, two.id]
    assert {commit.set_id for commit in finished} == {one.set}
    assert repos.set_commits(one.set) == finished
    assert (files(reviews), files(prices, "next")) == ({"/a": "1"}, {"/b": "2"})


def test_a_set_is_finished_whole_or_not_at_all(repos: Repos, reviews: Repo) -> None:
    prices = repos.create("prices")
    put(prices, "/b/c", "1")
    one, two = repos.start(["reviews", "prices"])
    one.put("/a", "1")
    two.put("/b", "2")

    with pytest.raises(PathCollision):
        repos.finish(two.id[:8])

    assert reviews.log().items == []
    repos.drop(one.id)
    assert reviews.open_commits() == prices.open_commits() == []


def test_hooks_hear_of_a_set_once(catalog: Catalog, storage: Storage) -> None:
    heard: list[list[str]] = []

    class Hears:
        def reads(
            self, conn: sa.Connection, places: Collection[tuple[str, str]]
        ) -> Collection[tuple[str, str]]:
            return places

        def committed(self, conn: sa.Connection, repos: Repos, commits: Sequence[Commit]) -> None:
            heard.append([commit.repo for commit in commits])

    repos = Repos(catalog, storage, clock=SystemClock(), hooks=(Hears(),))
    for name in ("one", "two"):
        repos.create(name)
    begun = repos.start(["one", "two"])
    for commit in begun:
        commit.put("/a", "1")

    begun[0].finish()

    assert heard == [["one", "two"]]


def test_mistakes_begin_nothing(catalog: Catalog, repos: Repos, reviews: Repo) -> None:
    repos.create("models/iris", system=True)
    wrong: dict[str, str] = {"rows": 7}  # type: ignore[dict-item]  # the mistake is the point
    before = rows(catalog)

    with pytest.raises(RefNotFound, match="next"):
        repos.start(["reviews", "reviews@next"])
    with pytest.raises(InvalidRef, match="once"):
        repos.start(["reviews", "reviews@main"])
    with pytest.raises(ProtectedRepo):
        repos.start(["models/iris"])
    with pytest.raises(InvalidMetadata):
        reviews.start(metadata=wrong)
    with pytest.raises(CommitNotFound):
        repos.finish("0" * 32)

    assert rows(catalog) == before


def test_the_beginning_of_several_ids_is_ambiguous(catalog: Catalog, repos: Repos, reviews: Repo) -> None:
    begun = [reviews.start() for _ in range(2)]
    table = metadata.tables["commit_sets"]
    with catalog.write() as conn:
        for number, one in enumerate(begun):
            again = f"{'ab' * 5}{number}".ljust(32, "0")
            conn.execute(sa.insert(table).values(id=again, created_ms=0))
            commits = metadata.tables["commits"]
            conn.execute(sa.update(commits).where(commits.c.id == one.id).values(set_id=again))

    with pytest.raises(AmbiguousRef, match=begun[0].id):
        repos.finish("ab" * 5)


def test_paths_that_cannot_be_change_nothing(reviews: Repo) -> None:
    begun = reviews.start()

    for path in ("/../up", "//a", "/a\0b", "/" + "n" * 4096, "/e\u0301"):
        with pytest.raises(InvalidPath):
            begun.put(path, "1")
    with pytest.raises(PathNotFound):
        begun.delete("/none")
    with pytest.raises(PathNotFound):
        begun.move("/none", "/some")

    assert begun.view().files == 0


def test_the_trees_of_open_commits_are_roots(catalog: Catalog, reviews: Repo) -> None:
    begun = reviews.start()
    begun.put("/a", "1")
    begun.append("/b", "2")
    begun.put("/c", "3")
    begun.delete("/c")

    with catalog.read() as conn:
        of_draft = set(roots(conn))
    begun.finish()
    with catalog.read() as conn:
        of_commit = set(roots(conn))

    assert len(of_draft) == 3
    assert of_draft.isdisjoint(of_commit)


def test_a_call_costs_the_same_however_much_was_put_before(catalog: Catalog, reviews: Repo) -> None:
    begun = reviews.start()
    sizes = []
    for files in (100, 5_000):
        with begun.edit() as changes:
            for number in range(files):
                changes.put(f"/{files}/{number:05d}", str(number))
        before = stored(catalog)
        begun.put(f"/{files}/00007x", "new")
        begun.delete(f"/{files}/00008")
        sizes.append(stored(catalog) - before)

    assert sizes[1] < 3 * sizes[0] + 30_000


def stored(catalog: Catalog) -> int:
    segments = metadata.tables["segments"]
    with catalog.read() as conn:
        return int(conn.execute(sa.select(sa.func.sum(segments.c.length))).scalar() or 0)
