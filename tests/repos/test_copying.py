"""Copies and moves of files and folders, inside a repo and between repos, without copying bytes."""

import pytest
import sqlalchemy as sa

from headwater.api.documents import Provenance
from headwater.db import Catalog, metadata
from headwater.repos import CommitUnfinished, PathNotFound, Repo, Repos
from headwater.storage import InvalidPath, PathCollision

LARGE = bytes(range(256)) * 20_000


@pytest.fixture
def filled(reviews: Repo) -> Repo:
    with reviews.commit() as commit:
        commit.put("/a/1.txt", "one")
        commit.put("/a/deep/2.txt", "two", executable=True)
        commit.put("/b.txt", "b")
        commit.put("/large", LARGE)
    return reviews


def files(repo: Repo) -> dict[str, str]:
    view = repo.at()
    found = {file.path: view.read(file.path) for file in view.walk()}
    return {path: "LARGE" if data == LARGE else data.decode() for path, data in found.items()}


def stored_bytes(catalog: Catalog) -> int:
    segments = metadata.tables["segments"]
    with catalog.read() as conn:
        return int(conn.execute(sa.select(sa.func.sum(segments.c.length))).scalar() or 0)


def test_files_and_folders_are_copied(filled: Repo) -> None:
    with filled.commit() as commit:
        commit.copy("/b.txt", "/c.txt")
        commit.copy("/a", "/x/y")
        commit.copy("/a", "/into/")
        commit.copy("/b.txt", "/")

    assert files(filled) == {
        "/a/1.txt": "one",
        "/a/deep/2.txt": "two",
        "/b.txt": "b",
        "/c.txt": "b",
        "/into/a/1.txt": "one",
        "/into/a/deep/2.txt": "two",
        "/large": "LARGE",
        "/x/y/1.txt": "one",
        "/x/y/deep/2.txt": "two",
    }
    assert filled.at().entry("/x/y/deep/2.txt").executable


def test_files_and_folders_are_moved(filled: Repo) -> None:
    with filled.commit() as commit:
        commit.move("/b.txt", "/a/")
        commit.move("/a/deep", "/deep")
        commit.move("/large", "/large")

    assert files(filled) == {"/a/1.txt": "one", "/a/b.txt": "b", "/deep/2.txt": "two", "/large": "LARGE"}


def test_a_folder_may_go_into_itself_and_a_file_become_a_folder(filled: Repo) -> None:
    with filled.commit() as commit:
        commit.copy("/a", "/a/copy")
        commit.move("/b.txt", "/b.txt/was")
        commit.move("/", "/all")

    assert sorted(files(filled)) == [
        "/all/a/1.txt",
        "/all/a/copy/1.txt",
        "/all/a/copy/deep/2.txt",
        "/all/a/deep/2.txt",
        "/all/b.txt/was",
        "/all/large",
    ]


def test_what_the_same_commit_said_before_is_copied_too(filled: Repo) -> None:
    with filled.commit() as commit:
        commit.append("/b.txt", "+")
        commit.copy("/b.txt", "/c.txt")
        commit.append("/c.txt", "!")
        commit.put("/a/3.txt", "three")
        commit.move("/a", "/n")
        commit.copy("/n/3.txt", "/3.txt")
        commit.delete("/n/deep")
        commit.move("/3.txt", "/4.txt")

    assert files(filled) == {
        "/4.txt": "three",
        "/b.txt": "b+",
        "/c.txt": "b+!",
        "/large": "LARGE",
        "/n/1.txt": "one",
        "/n/3.txt": "three",
    }


def test_two_files_may_change_places(filled: Repo) -> None:
    with filled.commit() as commit:
        commit.move("/b.txt", "/t")
        commit.move("/a/1.txt", "/b.txt")
        commit.move("/t", "/a/1.txt")

    assert (files(filled)["/b.txt"], files(filled)["/a/1.txt"]) == ("one", "b")


def test_a_move_takes_what_somebody_else_wrote_meanwhile(filled: Repo) -> None:
    moving = filled.commit()
    moving.move("/a", "/z")
    with filled.commit() as other:
        other.put("/a/1.txt", "newer")
        other.put("/a/new.txt", "new")

    moving.finish()

    assert files(filled)["/z/1.txt"] == "newer"
    assert files(filled)["/z/new.txt"] == "new"
    assert not filled.at().exists("/a")


def test_a_move_of_what_is_gone_by_then_is_refused_whole(filled: Repo) -> None:
    moving = filled.commit()
    moving.put("/more", "1")
    moving.move("/a", "/z")
    with filled.commit() as other:
        other.move("/a", "/y")

    with pytest.raises(PathNotFound, match="/a"):
        moving.finish()

    assert not filled.at().exists("/more")


def test_nothing_is_copied_from_or_to_where_nothing_can_be(filled: Repo) -> None:
    before = filled.resolve()
    with filled.commit() as commit:
        for call in (commit.copy, commit.move):
            with pytest.raises(PathNotFound, match="none"):
                call("/none", "/some")
            with pytest.raises(InvalidPath):
                call("/a", "/../up")
        commit.delete("/b.txt")
        with pytest.raises(PathNotFound):
            commit.copy("/b.txt", "/c")
        commit.put("/b.txt", "b")
    with pytest.raises(InvalidPath), filled.commit() as commit:
        commit.copy("/b.txt", "")
    with pytest.raises(PathCollision), filled.commit() as commit:
        commit.copy("/b.txt", "/a")

    assert filled.resolve() == before


def test_another_commits_files_are_copied_with_its_id(repos: Repos, catalog: Catalog, filled: Repo) -> None:
    other = repos.create("other")
    before = stored_bytes(catalog)

    with other.commit() as commit:
        commit.copy("/", "/all/", of=filled.at())
        commit.copy("/a", "", of=filled.at())
        commit.copy("/large", "/l", of=filled.at())

    assert files(other) == {
        "/1.txt": "one",
        "/all/a/1.txt": "one",
        "/all/a/deep/2.txt": "two",
        "/all/b.txt": "b",
        "/all/large": "LARGE",
        "/deep/2.txt": "two",
        "/l": "LARGE",
    }
    origin = filled.resolve()
    assert commit.commit.provenance == (Provenance("commit", "reviews", origin.id, "copied"),)
    assert stored_bytes(catalog) - before < 10_000
    assert other.at().entry("/l").place == filled.at().entry("/large").place


def test_an_earlier_state_comes_back(filled: Repo) -> None:
    with filled.commit() as commit:
        commit.delete("/a")
    with filled.commit() as commit:
        commit.copy("/a", "/a", of=filled.at("main^"))

    assert filled.at().tree.root_hash == filled.at("main^2").tree.root_hash


def test_copies_from_what_has_no_files_any_more_are_refused(
    catalog: Catalog, repos: Repos, filled: Repo
) -> None:
    other = repos.create("other")
    commit = other.commit()
    commit.copy("/a", "/a", of=filled.at())
    commits = metadata.tables["commits"]
    with catalog.write() as conn:
        conn.execute(sa.update(commits).values(state="purged"))

    with pytest.raises(CommitUnfinished, match="purged"):
        commit.finish()

    assert other.log().items == []


def test_many_small_copies_do_not_build_a_tree_each(catalog: Catalog, filled: Repo) -> None:
    with filled.commit() as commit:
        for number in range(400):
            commit.put(f"/many/{number:03}", str(number))
    before = stored_bytes(catalog)

    with filled.commit() as commit:
        for number in range(400):
            commit.copy(f"/many/{number:03}", f"/more/{number:03}")

    assert len(list(filled.at().walk("/more"))) == 400
    assert stored_bytes(catalog) - before < 100_000
