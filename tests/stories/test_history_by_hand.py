"""History from the command line: merged, squashed, kept for a time, given up, and every refusal named."""

import shutil
from pathlib import Path

import pytest

from tests.stories.program import Command, commands_in, program_in


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    headwater = program_in(folder)
    headwater("init")
    headwater("repo", "create", "reviews")
    headwater("put", "reviews@main:/1.txt", "-", "-m", "first", stdin=b"fine")
    headwater("branch", "create", "reviews@cleaned", "--at", "reviews@main")
    return folder


@pytest.fixture
def repo(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Command:
    """Runs command lines in a copy of a folder whose `reviews` has one commit on `main` and `cleaned`."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return commands_in(tmp_path, monkeypatch, capfd)


def put(repo: Command, branch: str, path: str, text: str) -> str:
    """Commits one file and returns the commit's id."""
    id: str = repo("put", f"reviews@{branch}:{path}", "-", "--json", stdin=text.encode()).document["id"]
    return id


def listed(repo: Command, *words: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = repo(*words, "--json").document["items"]
    return found


def test_a_branch_is_cleaned_and_merged(repo: Command) -> None:
    put(repo, "main", "/2.txt", "long")
    cleaned = put(repo, "cleaned", "/1.txt", "Fine.")

    made = repo("merge", "reviews@cleaned", "reviews@main", "-m", "Clean", "--json").document

    assert (made["how"], made["merged"], made["settled"]) == ("merged", cleaned, 0)
    assert repo("cat", "reviews@main:/1.txt").out == "Fine."
    [newest, *_] = listed(repo, "log", "reviews@main")
    assert (newest["id"], newest["message"]) == (made["commit"], "Clean")
    assert cleaned[:12] in repo("why", "reviews@main").out


def test_conflicts_are_listed_and_settled_by_the_side_that_is_preferred(repo: Command) -> None:
    put(repo, "main", "/1.txt", "here")
    put(repo, "cleaned", "/1.txt", "there!")

    refused = repo("merge", "reviews@cleaned", "main", "--json", status=1).error
    rows = listed(repo, "merge", "reviews@cleaned", "main", "--dry-run")
    table = repo("merge", "reviews@cleaned", "main", "--dry-run").out
    shown = repo("merge", "reviews@cleaned", "reviews@main", status=1)
    made = repo("merge", "reviews@cleaned", "main", "--prefer", "theirs", "--json").document

    assert refused["kind"] == "merge-conflict"
    [detail] = refused["details"]
    assert (detail["path"], detail["kind"]) == ("/1.txt", "changed")
    assert [detail[side]["size"] for side in ("base", "ours", "theirs")] == [4, 4, 6]
    assert [row["path"] for row in rows] == ["/1.txt"]
    assert "changed" in table
    assert "/1.txt" in table
    assert "/1.txt: changed on both sides" in shown.err
    assert "--prefer ours" in shown.err
    assert made["settled"] == 1
    assert repo("cat", "reviews@main:/1.txt").out == "there!"


def test_a_merge_moves_forward_unless_it_is_told_not_to(repo: Command) -> None:
    cleaned = put(repo, "cleaned", "/1.txt", "Fine.")

    kept = repo("merge", "reviews@cleaned", "main", "--no-forward", "--json").document
    back = repo("branch", "move", "reviews@main", "reviews@main^", "--json").document
    moved = repo("merge", "reviews@cleaned", "main", "--json").document

    assert kept["how"] == "merged"
    assert back["commit"] != kept["commit"]
    assert (moved["how"], moved["commit"]) == ("forwarded", cleaned)


def test_a_weeks_commits_become_one(repo: Command) -> None:
    for number in range(4):
        put(repo, "main", f"/day-{number}.txt", "x")
    before = listed(repo, "log", "reviews@main")

    made = repo(
        "commit", "squash", "reviews@main", "--since", "reviews@main^4", "-m", "Week", "--json"
    ).document

    after = listed(repo, "log", "reviews@main")
    assert [one["message"] for one in after] == ["Week", "first"]
    assert len(listed(repo, "ls", "reviews@main")) == 5
    gone = repo("ls", f"reviews@{before[1]['id']}", "--json", status=1).error
    assert gone["kind"] == "commit-purged"
    assert f"squashed into {made['id']}" in gone["message"]


def test_a_repo_keeps_what_it_is_told_to(repo: Command) -> None:
    for number in range(3):
        put(repo, "main", "/1.txt", f"{number}")

    unset = repo("repo", "retain", "reviews", "--json").document
    kept = repo("repo", "retain", "reviews", "--last", "2", "--days", "7", "--json").document
    off = repo("repo", "retain", "reviews", "--off", "--json").document
    wrong = repo("repo", "retain", "reviews", "--last", "0", "--json", status=1).error

    assert unset == {"repo": "reviews", "last": None, "days": None} == off
    assert (kept["last"], kept["days"]) == (2, 7)
    assert wrong["kind"] == "invalid-retention"


def test_what_has_expired_goes_with_the_next_gc_and_all_else_is_whole(repo: Command) -> None:
    ids = [put(repo, "main", "/1.txt", f"{number}") for number in range(5)]
    repo("tag", "create", "reviews@v1", "--at", f"reviews@{ids[0]}")
    repo("repo", "retain", "reviews", "--last", "2")

    repo("gc")
    repo("gc")

    states = [one["state"] for one in listed(repo, "log", f"reviews@{ids[-1]}")]
    assert states == ["finished", "finished", "purged", "purged", "finished", "finished"]
    assert repo("cat", "reviews@v1:/1.txt").out == "0"
    assert repo("cat", "reviews@main:/1.txt").out == "4"
    assert repo("check", "--json").document["items"] == []


def test_a_purged_commit_tells_when_and_why_and_why_still_shows_it(repo: Command) -> None:
    old = listed(repo, "log", "reviews@main")[0]["id"]
    put(repo, "main", "/1.txt", "clean")
    put(repo, "cleaned", "/1.txt", "clean")

    named = repo("commit", "purge", "reviews@main", "--json", status=1).error
    purged = repo("commit", "purge", f"reviews@{old}", "--reason", "a customer asked", "--json").document
    read = repo("cat", f"reviews@{old}:/1.txt", "--json", status=1).error
    why = repo("why", f"reviews@{old}").out

    assert named["kind"] == "commit-named"
    assert "headwater branch move reviews@main TO" in named["hint"]
    assert (purged["state"], purged["purged"]["reason"]) == ("purged", "a customer asked")
    assert read["kind"] == "commit-purged"
    assert "a customer asked" in read["message"]
    assert old[:12] in why
    assert "given up" in why


def test_names_are_deleted_and_found_again_by_their_commits(repo: Command) -> None:
    repo("tag", "create", "reviews@v1", "--at", "reviews@main")
    was = repo("branch", "delete", "reviews@cleaned", "--json").document
    tag = repo("tag", "delete", "reviews@v1", "--json").document

    assert was["commit"] == tag["commit"]
    assert [one["name"] for one in listed(repo, "branch", "list", "reviews")] == ["main"]
    assert listed(repo, "tag", "list", "reviews") == []
    assert repo("cat", f"reviews@{was['commit']}:/1.txt").out == "fine"
    missing = repo("branch", "delete", "reviews@cleaned", "--json", status=1).error
    assert missing["kind"] == "ref-not-found"


def test_a_repo_is_deleted_and_made_anew(repo: Command) -> None:
    commit = listed(repo, "log", "reviews")[0]["id"]

    was = repo("repo", "delete", "reviews", "--reason", "a mistake", "--json").document
    repo("repo", "create", "reviews")

    assert was["files"] == 1
    assert listed(repo, "log", "reviews") == []
    shown = repo("commit", "show", commit, "--json").document
    assert (shown["state"], shown["purged"]["reason"]) == ("purged", "a mistake")


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (["merge", "reviews@cleaned", "other@main"], "invalid-input"),
        (["merge", "reviews@cleaned", "reviews@nowhere"], "ref-not-found"),
        (["merge", "reviews@nowhere", "reviews@main"], "ref-not-found"),
        (["commit", "squash", "reviews@main", "--since", "main"], "nothing-to-squash"),
        (["commit", "purge", "reviews@ffffffffffff"], "ref-not-found"),
        (["repo", "delete", "nothing"], "repo-not-found"),
        (["repo", "delete", "models/iris"], "protected-repo"),
        (["branch", "move", "reviews@main", "reviews@00000000"], "ref-not-found"),
        (["branch", "move", "reviews@main", "other@main"], "invalid-input"),
        (["tag", "delete", "reviews@v9"], "ref-not-found"),
    ],
)
def test_what_cannot_be_is_one_clear_error(repo: Command, words: list[str], kind: str) -> None:
    before = listed(repo, "log", "reviews@main")

    error = repo(*words, "--json", status=1).error

    assert error["kind"] == kind
    assert error["hint"]
    assert listed(repo, "log", "reviews@main") == before
