"""Repos from the command line: what a newcomer types first, and types wrong."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.stories.program import Command, commands_in, program_in


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    headwater = program_in(folder)
    headwater("init")
    headwater("repo", "create", "reviews")
    (folder / "texts").mkdir()
    (folder / "texts" / "1.txt").write_text("A fine film.\n")
    (folder / "texts" / "2.txt").write_text("Rather long.\n")
    return folder


@pytest.fixture
def repo(made: Path, headwater: Command, tmp_path: Path) -> Command:
    """Runs `headwater` in a copy of the folder with an empty repo and a folder of texts."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return headwater


@pytest.fixture(scope="module")
def full(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("full")
    shutil.copytree(made, folder, dirs_exist_ok=True)
    program_in(folder)("put", "reviews@main", "texts")
    return folder


@pytest.fixture
def filled(full: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Runs command lines where the texts are committed; for those that change nothing."""
    return commands_in(full, monkeypatch, capfd)


def test_what_was_put_can_be_listed_read_and_compared(repo: Command, tmp_path: Path) -> None:
    repo("put", "reviews@main", "texts", "-m", "first")
    (tmp_path / "texts" / "2.txt").write_text("Too long.\n")
    made = repo("put", "reviews@main", "texts", "-m", "second", "--json").document

    assert repo("cat", "reviews@main:/1.txt").out == "A fine film.\n"
    listed = repo("ls", "reviews", "--json").document["items"]
    assert [(file["path"], file["size"]) for file in listed] == [("/1.txt", 13), ("/2.txt", 10)]
    history = repo("log", "reviews", "--json").document["items"]
    assert [commit["message"] for commit in history] == ["second", "first"]
    assert history[0]["id"] == made["id"]
    changed = repo("diff", "reviews@main^", "reviews@main", "--json").document["items"]
    assert changed == [{"path": "/2.txt", "change": "changed", "old_size": 13, "new_size": 10}]


def test_stdin_becomes_a_file_and_appends_to_it(repo: Command) -> None:
    repo("put", "reviews@main:/log.txt", "-", stdin=b"one\n")
    repo("put", "reviews@main:/log.txt", "-", "--append", stdin=b"two\n")

    assert repo("cat", "reviews@main:/log.txt").out == "one\ntwo\n"


def test_a_folder_can_be_taken_out_again(repo: Command, tmp_path: Path) -> None:
    repo("put", "reviews@main:/2026", "texts")

    repo("get", "reviews@main:/2026", "-o", "copy")

    assert (tmp_path / "copy" / "1.txt").read_text() == "A fine film.\n"


def test_people_get_tables_and_messages_go_to_stderr(repo: Command) -> None:
    ended = repo("put", "reviews@main", "texts", "-m", "first")

    assert "first" in ended.out
    assert "2 files read" in ended.err
    assert repo("put", "reviews@main", "texts", "-m", "again", "--quiet").err == ""


@pytest.mark.parametrize(
    ("words", "kind", "says"),
    [
        (("cat", "reviews@main:/3.txt"), "path-not-found", "3.txt"),
        (("ls", "review"), "repo-not-found", "reviews"),
        (("ls", "reviews@nowhere"), "ref-not-found", "nowhere"),
        (("log", "reviews@main^9"), "ref-not-found", "main^9"),
        (("put", "reviews@main", "absent.txt"), "source-not-found", "absent.txt"),
        (("put", "reviews@main", "-"), "invalid-input", "Stdin"),
        (("put", "reviews@main:/../up", "texts/1.txt"), "invalid-path", ".."),
        (("repo", "create", "Reviews!"), "invalid-name", "Reviews!"),
        (("repo", "create", "models/x"), "protected-repo", "train"),
        (("repo", "create", "reviews"), "repo-exists", "reviews"),
        (("diff", "reviews@main", "other@main"), "repo-not-found", "other"),
        (("cat", "reviews@main"), "invalid-input", "names no file"),
        (("get", "reviews@main:/", "-o", "texts"), "target-exists", "texts"),
        (("init",), "workspace-exists", "already"),
    ],
)
def test_a_mistake_names_the_thing_and_the_next_step(
    filled: Command, words: tuple[str, ...], kind: str, says: str
) -> None:
    ended = filled(*words, "--json", status=1)

    assert ended.out == ""
    assert ended.error["kind"] == kind
    assert says in ended.error["message"] + ended.error["hint"]
    assert ended.error["hint"]


def test_wrong_usage_ends_with_status_2(headwater: Command) -> None:
    for words in (("put",), ("fly",), ("ls", "--colour"), ("--workspace",)):
        ended = headwater(*words, status=2)
        assert "--help" in ended.err
        assert ended.out == ""


def test_an_option_that_put_does_not_have_is_no_file_to_read(repo: Command, tmp_path: Path) -> None:
    (tmp_path / "-odd.txt").write_text("A name that may be.")

    ended = repo("put", "reviews@main", str(tmp_path), "--into", "/", status=2)

    assert "--into" in ended.err
    assert repo("put", "reviews@main", "-odd.txt", "--json").document["files"] >= 1


def test_a_command_outside_a_workspace_says_how_to_make_one(headwater: Command) -> None:
    ended = headwater("ls", "reviews", "--json", status=1)

    assert "headwater init" in ended.error["hint"]


def test_the_workspace_is_found_from_a_folder_below_or_by_name(repo: Command, tmp_path: Path) -> None:
    listed = repo("--workspace", str(tmp_path), "repo", "list", "--json").document["items"]

    assert [one["name"] for one in listed] == ["reviews"]
    assert (
        repo("repo", "list", f"--workspace={tmp_path / '.headwater'}", "--json").document["items"] == listed
    )


def test_a_workspace_of_a_newer_version_is_refused(repo: Command, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / ".headwater" / "catalog.db")) as catalog, catalog:
        catalog.execute("UPDATE alembic_version SET version_num = '9999'")
        catalog.execute(
            "INSERT INTO schema_history (revision, headwater, applied_ms) VALUES ('9999', '9.9.9', 0)"
        )

    ended = repo("ls", "reviews", "--json", status=1)

    assert ended.error["kind"] == "version-mismatch"
    assert "9.9.9" in ended.error["hint"]
