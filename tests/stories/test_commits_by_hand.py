"""Commits, copies and history from the command line: over many calls, for several repos, and typed wrong."""

import shutil
from pathlib import Path

import pytest

import headwater as hw
from headwater.errors import Error
from tests.stories.program import Command, commands_in, program_in


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    headwater = program_in(folder)
    headwater("init")
    for name in ("reviews", "archive"):
        headwater("repo", "create", name)
    (folder / "texts").mkdir()
    (folder / "texts" / "2025-a.txt").write_text("A fine film.\n")
    (folder / "texts" / "2026-b.txt").write_text("Rather long.\n")
    headwater("put", "reviews@main", "texts", "-m", "first", "--meta", "source=crawl", "--meta", "by=a=b")
    return folder


@pytest.fixture
def repo(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Command:
    """Runs command lines in a copy of a folder with one commit in `reviews` and none in `archive`."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return commands_in(tmp_path, monkeypatch, capfd)


def paths(repo: Command, ref: str) -> list[str]:
    return [file["path"] for file in repo("ls", "-R", ref, "--json").document["items"]]


def test_a_commit_stays_open_over_many_commands(repo: Command) -> None:
    [begun] = repo("commit", "start", "reviews@main", "-m", "March", "--meta", "k=v", "--json").document[
        "items"
    ]
    id = begun["id"]
    assert (begun["state"], begun["message"], begun["metadata"]) == ("open", "March", {"k": "v"})

    repo("put", f"reviews@{id}:/2026", "texts")
    repo("put", f"reviews@{id[:8]}:/log", "-", "--append", stdin=b"one\n")
    repo("put", f"reviews@{id}:/log", "-", "--append", stdin=b"two\n")
    repo("rm", f"reviews@{id}:/2025-a.txt", "/2026/2026-b.txt")
    repo("cp", f"reviews@{id}:/log", "/copies/")
    repo("mv", f"reviews@{id}:/2026-b.txt", "/2026/")

    assert paths(repo, "reviews") == ["/2025-a.txt", "/2026-b.txt"]
    assert paths(repo, f"reviews@{id}") == ["/2026/2025-a.txt", "/2026/2026-b.txt", "/copies/log", "/log"]
    assert repo("cat", f"reviews@{id}:/copies/log").out == "one\ntwo\n"
    assert [one["id"] for one in repo("commit", "list", "reviews", "--open", "--json").document["items"]] == [
        id
    ]
    [finished] = repo("commit", "finish", id[:10], "--json").document["items"]
    assert (finished["id"], finished["state"], finished["files"]) == (id, "finished", 4)
    assert paths(repo, "reviews") == ["/2026/2025-a.txt", "/2026/2026-b.txt", "/copies/log", "/log"]
    shown = repo("commit", "show", id, "--json").document
    assert shown == repo("commit", "show", "reviews@main", "--json").document == finished
    assert repo("commit", "list", "reviews", "--open", "--json").document["items"] == []
    assert len(repo("commit", "list", "reviews", "--json").document["items"]) == 2


def test_several_open_commits_are_finished_as_one_set(repo: Command) -> None:
    begun = repo("commit", "start", "reviews@main", "archive", "-m", "both", "--json").document["items"]
    first, second = (one["id"] for one in begun)
    repo("cp", "reviews@main:/2025-a.txt", f"archive@{second}:/")
    repo("rm", f"reviews@{first}:/2025-a.txt")

    finished = repo("commit", "finish", begun[0]["set"], "--json").document["items"]

    assert [(one["repo"], one["set"]) for one in finished] == [
        ("reviews", begun[0]["set"]),
        ("archive", begun[0]["set"]),
    ]
    assert (paths(repo, "reviews"), paths(repo, "archive")) == (["/2026-b.txt"], ["/2025-a.txt"])


def test_a_dropped_commit_leaves_nothing(repo: Command) -> None:
    [begun] = repo("commit", "start", "reviews", "--json").document["items"]
    repo("put", f"reviews@{begun['id']}:/x", "-", stdin=b"x")

    repo("commit", "drop", begun["id"])

    assert paths(repo, "reviews") == ["/2025-a.txt", "/2026-b.txt"]
    assert repo("commit", "show", begun["id"], "--json", status=1).error["kind"] == "commit-not-found"


def test_files_are_copied_moved_and_deleted_in_one_command_each(repo: Command) -> None:
    copied = repo("cp", "reviews@main:/", "archive@main:/reviews", "-m", "saved", "--json").document
    origin = repo("commit", "show", "reviews@main", "--json").document
    assert copied["provenance"] == [
        {"kind": "commit", "repo": "reviews", "id": origin["id"], "role": "copied"}
    ]
    assert [one["id"] for one in repo("impact", "reviews@main", "--json").document["items"]] == [copied["id"]]
    repo("mv", "archive@main:/reviews/2025-a.txt", "/old/", "--meta", "why=old")
    moved = repo("mv", "reviews@main:/2026-b.txt", "archive@main:/", "--json").document["items"]
    repo("rm", "archive@main:/reviews", "-m", "done")

    assert (paths(repo, "reviews"), paths(repo, "archive")) == (
        ["/2025-a.txt"],
        ["/2026-b.txt", "/old/2025-a.txt"],
    )
    assert len({one["set"] for one in moved}) == 1


def test_parts_lists_and_globs_of_a_commit(repo: Command) -> None:
    assert repo("cat", "reviews@main:/2025-a.txt", "--range", "2:6").out == "fine"
    assert repo("cat", "reviews@main:/2025-a.txt", "--range", "-6:-2").out == "film"
    assert repo("cat", "reviews@main:/2025-a.txt", "--range", "8:4").out == ""
    found = repo("ls", "reviews", "--glob", "/(*)-(*).txt", "--json").document["items"]
    assert [(one["path"], one["captures"]) for one in found] == [
        ("/2025-a.txt", ["2025", "a"]),
        ("/2026-b.txt", ["2026", "b"]),
    ]
    assert "2026  b" in repo("ls", "reviews", "--glob", "/(*)-(*).txt").out


def test_history_and_differences_of_a_path(repo: Command) -> None:
    repo("put", "reviews@main:/2026-b.txt", "-", "-m", "shorter", stdin=b"Long.\n")
    repo("put", "reviews@main:/other", "-", "-m", "other", stdin=b"\0")
    repo("cp", "reviews@main^2:/", "archive@main:/all/", "--json")

    told = repo("log", "reviews", "--path", "/2026-b.txt", "--json").document
    assert ([one["message"] for one in told["items"]], told["next"]) == (["shorter", "first"], None)
    page = repo("log", "reviews", "--path", "/2026-b.txt", "--limit", "1", "--json").document
    following = repo("log", "reviews", "--path", "/2026-b.txt", "--cursor", page["next"], "--json").document
    assert [one["message"] for one in following["items"]] == ["first"]
    text = repo("diff", "reviews@main^2", "reviews@main", "--text").out
    assert "-Rather long.\n+Long.\n" in text
    assert "/other: added, binary\n" in text
    rows = repo("diff", "reviews@main^2", "reviews", "--path", "/other", "--json").document["items"]
    assert rows == [{"path": "/other", "change": "added", "old_size": None, "new_size": 1}]
    across = repo("diff", "reviews@main^2", "archive@main", "--json").document["items"]
    assert [(one["path"], one["change"]) for one in across] == [
        ("/2025-a.txt", "removed"),
        ("/2026-b.txt", "removed"),
        ("/all/2025-a.txt", "added"),
        ("/all/2026-b.txt", "added"),
    ]


def test_a_commit_is_shown_with_all_that_is_known_of_it(repo: Command) -> None:
    shown = repo("commit", "show", "reviews@main").out

    assert "source=crawl" in shown
    assert "by=a=b" in shown
    assert "first" in shown


MISTAKES = [
    (("put", "reviews@main:/../up", "-"), "invalid-path", "'..'"),
    (("put", "reviews@main://a", "-"), "invalid-path", "empty part"),
    (("put", "reviews@main:/a//b", "-"), "invalid-path", "empty part"),
    (("put", "reviews@main:/e\u0301", "-"), "invalid-path", "normal form C"),
    (("put", "reviews@main:/" + "n" * 4096, "-"), "invalid-path", "4,096 bytes"),
    (("put", "reviews@main:/a/" + "n" * 300, "-"), "invalid-path", "300 bytes"),
    (("put", "reviews@main:/2025-a.txt/x", "-"), "path-collision", "2025-a.txt"),
    (("put", "reviews@main:/a\0b", "-"), "invalid-path", "NUL"),
    (("put", "reviews@nowhere:/a", "-"), "ref-not-found", "nowhere"),
    (("put", "reviews@main", "-", "--meta", "source"), "invalid-input", "'source' is not KEY=VALUE"),
    (("put", "reviews@main:/x", "-", "--meta", "a=1", "--meta", "a=2"), "invalid-input", "'a' stands twice"),
    (("rm", "reviews@main"), "invalid-input", "reviews@main"),
    (("rm", "reviews@main:/none.txt"), "path-not-found", "none.txt"),
    (("rm", "reviews@main:/2025-a.txt", "archive@main:/x"), "invalid-input", "archive@main:/x"),
    (("cp", "reviews@main:/none", "/x"), "path-not-found", "none"),
    (("cp", "reviews@main", "/x"), "invalid-input", "names no file"),
    (("cp", "reviews@main:/2025-a.txt", "nowhere@main:/"), "repo-not-found", "nowhere"),
    (("cp", "reviews@main:/2025-a.txt", "/2026-b.txt/x"), "path-collision", "2026-b.txt"),
    (("mv", "reviews@main^:/2025-a.txt", "/x"), "ref-not-found", "main^"),
    (("mv", "reviews@main:/none", "archive@main:/"), "path-not-found", "none"),
    (("cat", "reviews@main:/2025-a.txt", "--range", "2"), "invalid-input", "START:STOP"),
    (("cat", "reviews@main:/"), "not-a-file", "folder"),
    (("ls", "reviews", "--glob", "/[a"), "invalid-glob", "/[a"),
    (("ls", "reviews@main:/x", "--glob", "/*"), "invalid-input", "glob"),
    (("commit", "start", "reviews@nowhere"), "ref-not-found", "nowhere"),
    (("commit", "start", "reviews", "reviews@main"), "invalid-ref", "once"),
    (("commit", "start", "models/x"), "protected-repo", "models/x"),
    (("commit", "finish", "0123456789"), "commit-not-found", "0123456789"),
    (("commit", "finish", "short"), "commit-not-found", "short"),
    (("commit", "show", "reviews@0123456789"), "ref-not-found", "0123456789"),
    (("commit", "show", "nothing"), "commit-not-found", "nothing"),
    (("log", "reviews", "--path", "/../x"), "invalid-path", "'..'"),
    (("log", "reviews", "--limit", "0"), "invalid-input", "at least 1"),
    (("log", "reviews", "--cursor", "nothing"), "commit-not-found", "nothing"),
    (("diff", "reviews", "reviews", "--path", "/none"), "path-not-found", "none"),
    (("diff", "reviews@main:/a", "reviews"), "invalid-input", "--path"),
    (("impact", "reviews@nowhere"), "ref-not-found", "nowhere"),
]


@pytest.mark.parametrize(("words", "kind", "says"), MISTAKES, ids=lambda value: str(value)[:60])
def test_a_mistake_names_the_thing_and_the_next_step_and_changes_nothing(
    repo: Command, words: tuple[str, ...], kind: str, says: str
) -> None:
    before = repo("log", "reviews", "--json").document

    ended = repo(*words, "--json", stdin=b"x", status=1)

    assert ended.out == ""
    assert ended.error["kind"] == kind
    assert says in ended.error["message"] + ended.error["hint"]
    assert ended.error["hint"]
    assert repo("log", "reviews", "--json").document == before
    assert repo("log", "archive", "--json").document["items"] == []
    assert repo("commit", "list", "reviews", "--open", "--json").document["items"] == []


def test_a_file_cannot_take_the_place_of_a_folder(repo: Command) -> None:
    repo("put", "reviews@main:/folder/x", "-", stdin=b"x")
    [begun] = repo("commit", "start", "reviews", "--json").document["items"]
    repo("put", f"reviews@{begun['id']}:/folder", "-", stdin=b"x")

    for words in (("put", "reviews@main:/folder", "-"), ("commit", "finish", begun["id"])):
        ended = repo(*words, "--json", stdin=b"x", status=1)
        assert ended.error["kind"] == "path-collision"
        assert "folder/x" in ended.error["message"]
    assert repo("cat", "reviews@main:/folder/x").out == "x"
    assert repo("commit", "show", begun["id"], "--json").document["state"] == "open"


def test_an_open_commit_refuses_what_it_has_already_and_ended_ones_take_nothing(repo: Command) -> None:
    [begun] = repo("commit", "start", "reviews", "--json").document["items"]
    [other] = repo("commit", "start", "archive", "--json").document["items"]
    ended = repo("put", f"reviews@{begun['id']}:/x", "-", "-m", "again", "--json", stdin=b"x", status=1)
    assert ended.error["kind"] == "invalid-input"
    assert "commit start" in ended.error["hint"]
    ended = repo("put", f"reviews@{other['id']}:/x", "-", "--json", stdin=b"x", status=1)
    assert ended.error["kind"] == "ref-not-found"
    repo("commit", "finish", begun["id"])
    for words in (("commit", "finish", begun["id"]), ("rm", f"reviews@{begun['id']}:/2025-a.txt")):
        assert repo(*words, "--json", status=1).error["kind"] == "commit-ended"


def test_the_same_mistakes_in_python_are_the_same_errors(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    kinds = []
    with hw.open(tmp_path) as workspace:
        reviews = workspace.repo("reviews")
        before = reviews.log()
        for path in ("/../up", "//a", "/a\0b", "/e\u0301", "/" + "n" * 4096, "/2025-a.txt/x", "/\ud800"):
            with pytest.raises(Error) as caught, reviews.commit() as commit:
                commit.put(path, "x")
            kinds.append(caught.value.kind)
            assert caught.value.hint
        assert reviews.log() == before

    assert kinds == [*["invalid-path"] * 5, "path-collision", "invalid-path"]


def test_a_transaction_in_python_is_one_set(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    with hw.open(tmp_path) as workspace:
        with workspace.transaction(message="both") as transaction:
            transaction.repo("reviews").delete("/2025-a.txt")
            transaction.repo("archive@main").put("/a.txt", "x")

        made_here = workspace.repo("reviews").log().items[0]
        assert made_here.set == workspace.repo("archive").log().items[0].set == transaction.set
