"""One repo and its commits: put, delete, append, read, list, walk, look back, compare."""

import io
from pathlib import Path

import pytest

from headwater.api.documents import DiffRow
from headwater.errors import InvalidInput
from headwater.ids import CommitId
from headwater.repos import (
    BranchMoved,
    CommitEnded,
    CommitNotFound,
    CommitOpen,
    EmptyCommit,
    InvalidMetadata,
    NotAFile,
    PathNotFound,
    RefNotFound,
    Repo,
    Repos,
)
from headwater.storage import InvalidPath, PathCollision


def put(repo: Repo, path: str, text: str, branch: str = "main") -> CommitId:
    with repo.commit(branch) as commit:
        commit.put(path, text)
    return commit.id


def test_what_was_put_is_read(reviews: Repo, tmp_path: Path) -> None:
    source = tmp_path / "source.bin"
    source.write_bytes(b"\0\1")

    with reviews.commit(message="March") as commit:
        commit.put("/bytes", b"one")
        commit.put("text.txt", "zwölf")
        commit.put("/a/path", source)
        commit.put("/a/stream", io.BytesIO(b"three"))
        commit.put("/empty", "")

    view = reviews.at("main")
    assert view.read("/bytes") == b"one"
    assert view.read("/text.txt") == "zwölf".encode()
    assert view.read("a/path") == b"\0\1"
    assert view.open("/a/stream").read() == b"three"
    assert view.read("/empty") == b""
    assert (view.files, view.size) == (5, 3 + 6 + 2 + 5)
    assert view.commit.message == "March"


def test_a_span_of_a_file_is_read(reviews: Repo) -> None:
    put(reviews, "/a", "0123456789")

    assert reviews.at("main").read("/a", 2, 5) == b"234"


def test_a_folder_of_this_machine_is_put_whole(reviews: Repo, tmp_path: Path) -> None:
    for name in ("b/2.txt", "1.txt", "b/c/3.txt"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text(name)

    with reviews.commit() as commit:
        commit.put("/2026", tmp_path / "in")

    assert [file.path for file in reviews.at().walk()] == ["/2026/1.txt", "/2026/b/2.txt", "/2026/b/c/3.txt"]


def test_a_large_file_is_read_whole_and_in_part(reviews: Repo) -> None:
    data = bytes(range(256)) * 12_000

    with reviews.commit() as commit:
        commit.put("/large", data)

    assert reviews.at().read("/large") == data
    assert reviews.at().read("/large", 2_000_000, 2_000_007) == data[2_000_000:2_000_007]


def test_a_commit_names_its_set_parent_and_author(repos: Repos, reviews: Repo) -> None:
    first = put(reviews, "/a", "1")
    with reviews.commit(message="March", author="Ada", metadata={"source": "crawl"}) as commit:
        commit.put("/b", "2")

    found = repos.commit_by_id(commit.id)
    assert (found.parent, found.set_id, found.author) == (first, commit.set, "Ada")
    assert found.metadata == {"source": "crawl"}
    assert found.state == "finished"
    assert repos.set_commits(commit.set) == [found]
    info = found.info()
    assert (info.id, info.repo, info.branch, info.files, info.size) == (commit.id, "reviews", "main", 2, 2)


def test_an_exception_drops_the_commit(reviews: Repo) -> None:
    first = put(reviews, "/a", "1")

    def fail() -> None:
        with reviews.commit() as commit:
            commit.put("/b", "2")
            raise KeyError

    with pytest.raises(KeyError):
        fail()

    assert reviews.resolve("main").id == first
    assert not reviews.at().exists("/b")


def test_what_is_no_content_is_refused(reviews: Repo) -> None:
    with reviews.commit(allow_empty=True) as commit:
        for data, name in ((7, "'int'"), (io.StringIO("text"), "bytes")):
            with pytest.raises(InvalidInput) as caught:
                commit.put("/a", data)  # type: ignore[arg-type]  # the mistake is the point
            assert name in str(caught.value)


def test_a_file_that_is_not_there_is_named(reviews: Repo, tmp_path: Path) -> None:
    with reviews.commit(allow_empty=True) as commit:
        for append in (False, True):
            with pytest.raises(InvalidInput, match=r"none\.csv"):
                commit.put("/a", tmp_path / "none.csv", append=append)


def test_a_commit_takes_nothing_after_its_end(reviews: Repo) -> None:
    with reviews.commit() as commit:
        commit.put("/a", "1")

    with pytest.raises(CommitEnded):
        commit.put("/b", "2")


def test_a_commit_has_no_id_before_its_end(reviews: Repo) -> None:
    with reviews.commit(allow_empty=True) as commit, pytest.raises(CommitOpen, match="reviews@main"):
        _ = commit.id

    assert commit.id == reviews.resolve().id


def test_metadata_is_text(reviews: Repo) -> None:
    rows: dict[str, str] = {"rows": 7}  # type: ignore[dict-item]  # the mistake is the point

    with pytest.raises(InvalidMetadata, match="'rows'"), reviews.commit(metadata=rows) as commit:
        commit.put("/a", "1")

    assert reviews.log().items == []


def test_the_last_word_on_a_path_counts(reviews: Repo) -> None:
    put(reviews, "/a", "0")

    with reviews.commit() as commit:
        commit.put("/a", "1")
        commit.delete("/a")
        commit.put("/a", "2")
        commit.put("/b", "3")
        commit.delete("/b")
        commit.put("/f/x", "4")
        commit.delete("/f")
        commit.put("/f/y", "5")

    assert {file.path: reviews.at().read(file.path) for file in reviews.at().walk()} == {
        "/a": b"2",
        "/f/y": b"5",
    }


def test_a_file_or_folder_is_deleted(reviews: Repo) -> None:
    with reviews.commit() as commit:
        for path in ("/a", "/f/1", "/f/g/2", "/f.txt"):
            commit.put(path, path)

    with reviews.commit() as commit:
        commit.delete("/a")
        commit.delete("/f")

    assert [file.path for file in reviews.at().walk()] == ["/f.txt"]


def test_deleting_what_is_not_there_says_what_is(reviews: Repo) -> None:
    put(reviews, "/data/iris.csv", "1")

    with pytest.raises(PathNotFound) as caught, reviews.commit() as commit:
        commit.delete("/data/irs.csv")

    assert "/data/irs.csv" in caught.value.message
    assert "iris.csv" in caught.value.hint


def test_a_file_may_become_a_folder_in_one_commit(reviews: Repo) -> None:
    put(reviews, "/a", "1")

    with reviews.commit() as commit:
        commit.delete("/a")
        commit.put("/a/b", "2")

    assert reviews.at().read("/a/b") == b"2"


def test_a_path_that_would_be_file_and_folder_is_refused(reviews: Repo) -> None:
    head = put(reviews, "/a", "1")

    with pytest.raises(PathCollision), reviews.commit() as commit:
        commit.put("/a/b", "2")

    assert reviews.resolve().id == head


def test_a_path_that_no_file_can_have_is_refused_where_it_is_put(reviews: Repo) -> None:
    with reviews.commit(allow_empty=True) as commit, pytest.raises(InvalidPath):
        commit.put("/a/../b", "1")


def test_appending_adds_to_what_the_file_holds(reviews: Repo) -> None:
    put(reviews, "/log", "1\n")

    with reviews.commit() as commit:
        commit.put("/log", "2\n", append=True)
        commit.put("/log", b"3\n", append=True)
        commit.put("/new", "first\n", append=True)

    assert reviews.at().read("/log") == b"1\n2\n3\n"
    assert reviews.at().read("/new") == b"first\n"


def test_appending_to_what_the_same_commit_put_or_deleted_begins_there(reviews: Repo) -> None:
    with reviews.commit() as commit:
        commit.put("/a", "old")
        commit.put("/f/b", "old")

    with reviews.commit() as commit:
        commit.put("/a", "new")
        commit.put("/a", "+", append=True)
        commit.delete("/f")
        commit.put("/f/b", "fresh", append=True)

    assert reviews.at().read("/a") == b"new+"
    assert reviews.at().read("/f/b") == b"fresh"


def test_appending_to_a_large_file_keeps_all_of_it(reviews: Repo) -> None:
    data = bytes(range(256)) * 20_000
    with reviews.commit() as commit:
        commit.put("/large", data)

    with reviews.commit() as commit:
        commit.put("/large", b"the end", append=True)

    assert reviews.at().read("/large") == data + b"the end"


def test_an_executable_file_stays_one(reviews: Repo, tmp_path: Path) -> None:
    script = tmp_path / "run.sh"
    script.write_text("true")
    script.chmod(0o755)

    with reviews.commit() as commit:
        commit.put("/run.sh", script)
        commit.put("/run2.sh", "true", executable=True)
        commit.put("/plain.sh", "true")

    flags = {entry.path: entry.executable for entry in reviews.at().entries()}
    assert flags == {"run.sh": True, "run2.sh": True, "plain.sh": False}


def test_a_commit_that_changes_nothing_is_the_head_that_is_there(reviews: Repo) -> None:
    head = put(reviews, "/a", "1")

    with reviews.commit(message="again") as commit:
        commit.put("/a", "1")

    assert (commit.id, commit.changed) == (head, False)
    assert [info.id for info in reviews.log().items] == [head]


def test_an_empty_commit_is_made_on_request(reviews: Repo) -> None:
    head = put(reviews, "/a", "1")

    with reviews.commit(message="mark", allow_empty=True) as commit:
        pass

    assert commit.changed
    assert reviews.resolve("main^").id == head
    assert reviews.at().read("/a") == b"1"


def test_a_first_commit_with_nothing_in_it_is_refused_unless_asked_for(reviews: Repo) -> None:
    with pytest.raises(EmptyCommit), reviews.commit():
        pass

    with reviews.commit(allow_empty=True) as commit:
        pass

    assert (reviews.at().files, reviews.at().commit.id) == (0, commit.id)
    assert list(reviews.at().list("/")) == []


def test_changes_for_one_certain_head_are_refused_on_another(reviews: Repo) -> None:
    first = put(reviews, "/a", "1")
    second = put(reviews, "/a", "2")

    with pytest.raises(BranchMoved) as caught, reviews.commit(expect=first) as commit:
        commit.put("/b", "3")

    assert (caught.value.expected, caught.value.found) == (first, second)
    with reviews.commit(expect=second) as commit:
        commit.put("/b", "3")
    assert reviews.at().read("/b") == b"3"


def test_a_commit_that_lost_the_race_lands_behind_the_one_that_won(reviews: Repo) -> None:
    put(reviews, "/a", "1")

    with reviews.commit() as slow:
        slow.put("/slow", "s")
        slow.put("/a", "+slow", append=True)
        fast = put(reviews, "/a", "2")

    assert reviews.resolve("main^").id == fast
    assert reviews.at().read("/a") == b"2+slow"
    assert reviews.at().read("/slow") == b"s"


def test_a_stream_that_is_appended_lands_whole_after_a_lost_race(reviews: Repo) -> None:
    put(reviews, "/log", "1")

    with reviews.commit() as slow:
        slow.put("/log", io.BytesIO(b"+stream"), append=True)
        put(reviews, "/log", "2")

    assert reviews.at().read("/log") == b"2+stream"


def test_deleting_what_somebody_else_deleted_first_is_done_already(reviews: Repo) -> None:
    put(reviews, "/a", "1")
    put(reviews, "/b", "1")

    with reviews.commit() as slow:
        slow.delete("/a")
        with reviews.commit() as fast:
            fast.delete("/a")

    assert (slow.id, slow.changed) == (fast.id, False)
    assert [file.path for file in reviews.at().walk()] == ["/b"]


def test_a_race_that_makes_one_path_file_and_folder_is_lost_with_an_error(reviews: Repo) -> None:
    put(reviews, "/x", "1")
    slow = reviews.commit()
    slow.put("/a/b", "slow")
    put(reviews, "/a", "fast")

    with pytest.raises(PathCollision):
        slow.finish()

    assert [file.path for file in reviews.at().walk()] == ["/a", "/x"]


def test_a_commit_to_a_branch_that_does_not_exist_names_those_that_do(reviews: Repo) -> None:
    with pytest.raises(RefNotFound) as caught:
        reviews.commit("mian")

    assert "'main'" in caught.value.hint


# --- looking at files ---


def listing(repo: Repo, folder: str) -> list[tuple[str, str, int]]:
    return [(file.path, file.kind, file.size) for file in repo.at().list(folder)]


@pytest.fixture
def filled(reviews: Repo) -> Repo:
    with reviews.commit() as commit:
        for path in ("/a.txt", "/data/1.csv", "/data/2.csv", "/data/old/0.csv", "/data.txt"):
            commit.put(path, path)
    return reviews


def test_a_folder_is_listed_one_level_deep(filled: Repo) -> None:
    assert listing(filled, "/") == [
        ("/a.txt", "file", 6),
        ("/data.txt", "file", 9),
        ("/data", "folder", 11 + 11 + 15),
    ]
    assert listing(filled, "/data/") == [
        ("/data/1.csv", "file", 11),
        ("/data/2.csv", "file", 11),
        ("/data/old", "folder", 15),
    ]
    assert listing(filled, "/a.txt") == [("/a.txt", "file", 6)]


def test_walking_a_folder_gives_all_files_below(filled: Repo) -> None:
    assert [file.path for file in filled.at().walk("/data")] == [
        "/data/1.csv",
        "/data/2.csv",
        "/data/old/0.csv",
    ]
    assert [file.path for file in filled.at().walk("/a.txt")] == ["/a.txt"]


def test_what_is_known_of_a_file_or_folder_needs_no_reading(filled: Repo) -> None:
    view = filled.at()

    assert (view.stat("/data").kind, view.stat("/data").size) == ("folder", 37)
    assert (view.stat("/").kind, view.stat("/").size) == ("folder", view.size)
    assert (view.stat("/a.txt").kind, view.stat("/a.txt").size) == ("file", 6)
    assert view.stat("/data") == next(file for file in view.list() if file.path == "/data")


def test_equal_folders_have_equal_hashes(filled: Repo) -> None:
    before = filled.at().stat("/data").hash
    put(filled, "/a.txt", "other")

    assert filled.at().stat("/data").hash == before
    put(filled, "/data/1.csv", "other")
    assert filled.at().stat("/data").hash != before


def test_a_missing_path_names_those_that_come_near(filled: Repo) -> None:
    for look in (filled.at().read, filled.at().stat, filled.at().list, filled.at().walk):
        with pytest.raises(PathNotFound) as caught:
            look("/data/3.csv")
        assert "/data/3.csv" in caught.value.message
        assert "1.csv" in caught.value.hint


def test_a_folder_cannot_be_read_as_a_file(filled: Repo) -> None:
    for path in ("/data", "/"):
        with pytest.raises(NotAFile):
            filled.at().read(path)


def test_a_commit_stays_as_it_was(filled: Repo) -> None:
    old = filled.at("main")
    with filled.commit() as commit:
        commit.put("/a.txt", "new")
        commit.delete("/data")

    assert old.read("/a.txt") == b"/a.txt"
    assert old.read("/data/1.csv") == b"/data/1.csv"


# --- history ---


def test_history_is_listed_newest_first_page_by_page(reviews: Repo) -> None:
    made = [put(reviews, "/n", str(number)) for number in range(5)]

    first = reviews.log(limit=2)
    second = reviews.log(limit=2, after=first.next)
    third = reviews.log(limit=2, after=second.next)

    assert [info.id for page in (first, second, third) for info in page.items] == made[::-1]
    assert third.next is None
    assert [info.id for info in reviews.log(made[1]).items] == [made[1], made[0]]


def test_a_branch_without_commits_has_an_empty_history(reviews: Repo) -> None:
    assert reviews.log().items == []

    with pytest.raises(RefNotFound, match="no commit yet"):
        reviews.at("main")


def test_a_cursor_that_no_page_gave_is_refused(reviews: Repo) -> None:
    with pytest.raises(CommitNotFound):
        reviews.log(after="0" * 32)


def test_differences_are_rows_in_the_order_of_paths(reviews: Repo) -> None:
    with reviews.commit() as commit:
        for path in ("/b", "/c", "/d/e"):
            commit.put(path, path)
    with reviews.commit() as commit:
        commit.put("/a", "new")
        commit.put("/c", "changed")
        commit.delete("/d")

    assert list(reviews.diff("main^", "main")) == [
        DiffRow("/a", "added", None, 3),
        DiffRow("/c", "changed", 2, 7),
        DiffRow("/d/e", "removed", 4, None),
    ]
    assert list(reviews.diff("main", "main")) == []
