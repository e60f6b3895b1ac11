"""Care from the command line: status, gc, check, repair, and what they say."""

import shutil
from pathlib import Path

import pytest

from tests.stories.program import Command, commands_in, program_in

BIG = b"0123456789" * 40_000


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    headwater = program_in(folder)
    headwater("init")
    headwater("repo", "create", "reviews")
    headwater("put", "reviews@main:/big.txt", "-", "-m", "first", stdin=BIG)
    headwater("put", "reviews@main:/small.txt", "-", "-m", "second", stdin=b"fine")
    return folder


@pytest.fixture
def run(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Command:
    """Runs command lines in a copy of a folder whose `reviews` has two commits, one with a large file."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return commands_in(tmp_path, monkeypatch, capfd)


def stored(folder: Path) -> list[Path]:
    return [path for path in (folder / ".headwater" / "objects" / "segments").iterdir() if path.is_file()]


def test_status_says_what_is_kept_once(run: Command) -> None:
    told = run("status", "--json").document

    assert told["named"] == 2 * len(BIG) + len(b"fine")
    assert len(BIG) < told["stored"] < len(BIG) + 5_000
    assert 0.45 < told["deduplicated"] < 0.5
    assert (told["packed_objects"], told["reserved"]) == (1, 0)
    assert told["unpacked"] > 0


def test_a_purged_file_takes_no_room_after_gc(run: Command, tmp_path: Path) -> None:
    run("rm", "reviews@main:/big.txt", "-m", "third")
    assert run("gc", "--json").document["segments"] == 0

    log = run("log", "reviews@main", "--json").document["items"]
    for commit in log[1:]:
        run("commit", "purge", f"reviews@{commit['id']}", "--force", "--reason", "not ours")
    freed = run("gc", "--json").document

    assert freed["segments"] >= 1
    assert freed["size"] > len(BIG)
    assert BIG not in b"".join(path.read_bytes() for path in stored(tmp_path))
    assert run("check").status == 0
    assert run("cat", "reviews@main:/small.txt").out == "fine"


def test_check_names_what_is_damaged_and_what_that_touches(run: Command, tmp_path: Path) -> None:
    assert run("check", "--json").document == {"items": [], "next": None}
    [path] = stored(tmp_path)
    replica = tmp_path / "replica" / "segments"
    replica.mkdir(parents=True)
    shutil.copy(path, replica)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"0123456789", b"0123456780", 1))

    found = run("check", "--json", status=1).document["items"]
    mended = run("check", "--repair", "--from", "replica", "--json").document["items"]

    [one] = found
    assert (one["kind"], one["paths"], one["damage"]) == ("block-damaged", ["big.txt"], True)
    assert len(one["commits"]) == 2
    assert all(ref.startswith("reviews@") for ref in one["commits"])
    assert [(one["repaired"], one["damage"]) for one in mended] == [("restored", False)]
    assert run("check").status == 0


def test_what_cannot_be_repaired_is_put_aside_and_told(run: Command, tmp_path: Path) -> None:
    [path] = stored(tmp_path)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"0123456789", b"0123456780", 1))

    told = run("check", "--repair", status=1).out
    refused = run("cat", "reviews@main:/big.txt", status=1).err

    assert "quarantined" in told
    assert "quarantine/" in refused
    assert run("cat", "reviews@main:/small.txt").out == "fine"
