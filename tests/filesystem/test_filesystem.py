import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.filesystem.places import Place, parse, strip
from headwater.workspace import Workspace
from tests.filesystem.conftest import TOP


def commits(workspace: Workspace, ref: str = TOP) -> int:
    return len(workspace.log(ref, limit=1000).items)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("headwater://reviews@main/a/b.txt", Place("reviews", "main", "a/b.txt")),
        ("headwater://models/iris@prod/model.json", Place("models/iris", "prod", "model.json")),
        ("reviews@main^2", Place("reviews", "main^2", "")),
        ("reviews/a.txt", Place("reviews", "main", "a.txt")),
        ("models/iris/a.txt", Place("models/iris", "main", "a.txt")),
        ("reviews/mail/me@home.txt", Place("reviews", "main", "mail/me@home.txt")),
        ("headwater://", Place("", "", "")),
    ],
)
def test_a_url_is_read_in_one_way(url: str, place: Place) -> None:
    assert parse(url) == place


@given(path=st.text("ab@/.^", max_size=8))
def test_a_path_that_was_written_is_read_again(path: str) -> None:
    place = Place("reviews", "main", strip(path))

    assert parse(str(place)) == place


def test_folders_and_files_are_listed(fs: Any) -> None:
    assert fs.ls("", detail=False) == [TOP]
    assert fs.ls(TOP, detail=False) == [f"{TOP}/1.txt", f"{TOP}/2026"]
    assert fs.ls(f"headwater://{TOP}/1.txt", detail=False) == [f"{TOP}/1.txt"]
    assert fs.find(TOP) == [f"{TOP}/1.txt", f"{TOP}/2026/2.txt", f"{TOP}/2026/deep/3.txt"]
    assert fs.glob(f"{TOP}/**/*.txt") == [f"{TOP}/1.txt", f"{TOP}/2026/2.txt", f"{TOP}/2026/deep/3.txt"]
    assert fs.glob(f"{TOP}/*/*.txt") == [f"{TOP}/2026/2.txt"]
    assert [top for top, _, _ in fs.walk(TOP)] == [TOP, f"{TOP}/2026", f"{TOP}/2026/deep"]
    assert fs.du(TOP) == 11


def test_a_file_says_what_it_is(fs: Any) -> None:
    info = fs.info(f"{TOP}/1.txt")

    assert (info["name"], info["size"], info["type"]) == (f"{TOP}/1.txt", 3, "file")
    assert fs.isdir(f"{TOP}/2026")
    assert fs.isfile(f"{TOP}/1.txt")
    assert not fs.exists(f"{TOP}/absent")
    assert fs.created(f"{TOP}/1.txt") == fs.modified(f"{TOP}/1.txt")
    assert fs.ukey(f"{TOP}/1.txt") == info["hash"]
    before = fs.checksum(f"{TOP}/1.txt")
    fs.pipe(f"{TOP}/1.txt", b"else")
    assert fs.checksum(f"{TOP}/1.txt") != before


def test_a_file_is_read_whole_in_part_and_by_moving_in_it(fs: Any) -> None:
    data = bytes(range(256)) * 20_000
    fs.pipe(f"{TOP}/big", data)

    assert fs.cat(f"{TOP}/big") == data
    assert fs.cat_file(f"{TOP}/big", 1_000_000, 1_000_010) == data[1_000_000:1_000_010]
    assert fs.cat_file(f"{TOP}/big", -5) == data[-5:]
    assert fs.cat_ranges([f"{TOP}/big"] * 2, [0, 7], [3, 9]) == [data[:3], data[7:9]]
    with fs.open(f"{TOP}/big", block_size=4096) as file:
        assert file.size == len(data)
        file.seek(-10, 2)
        assert file.read() == data[-10:]
        file.seek(123_456)
        assert file.read(5) == data[123_456:123_461]
    with fs.open(f"{TOP}/1.txt", "r") as text:
        assert text.read() == "one"


def test_an_open_file_stays_what_it_was(fs: Any) -> None:
    with fs.open(f"{TOP}/1.txt") as file:
        fs.pipe(f"{TOP}/1.txt", b"else")

        assert file.read() == b"one"


def test_what_was_before_is_read_by_any_ref(fs: Any, workspace: Workspace) -> None:
    first = workspace.log(TOP).items[0].id
    workspace.create_tag("reviews@v1", at="main")
    fs.pipe(f"{TOP}/1.txt", b"else")

    for what in ("main^", "v1", first, first[:8]):
        assert fs.cat(f"reviews@{what}/1.txt") == b"one"


def test_a_written_file_is_one_commit_when_it_is_closed(fs: Any, workspace: Workspace) -> None:
    with fs.open(f"{TOP}/new/4.txt", "wb") as file:
        file.write(b"fo")
        file.write(b"ur")
        assert not fs.exists(f"{TOP}/new/4.txt")

    assert fs.cat(f"{TOP}/new/4.txt") == b"four"
    assert commits(workspace) == 2


def test_a_file_that_was_left_by_an_exception_is_forgotten(fs: Any, workspace: Workspace) -> None:
    def write() -> None:
        with fs.open(f"{TOP}/1.txt", "wb") as file:
            file.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write()

    assert fs.cat(f"{TOP}/1.txt") == b"one"
    assert commits(workspace) == 1


def test_a_file_can_be_added_to_and_made_only_once(fs: Any) -> None:
    with fs.open(f"{TOP}/1.txt", "ab") as file:
        file.write(b" more")

    assert fs.cat(f"{TOP}/1.txt") == b"one more"
    with pytest.raises(FileExistsError):
        fs.open(f"{TOP}/1.txt", "xb")


def test_folders_go_up_and_down_in_one_commit(fs: Any, workspace: Workspace, tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / "up" / str(number % 2)).mkdir(parents=True, exist_ok=True)
        (tmp_path / "up" / str(number % 2) / f"{number}.txt").write_text(str(number))

    fs.put(str(tmp_path / "up") + "/", f"{TOP}/up/", recursive=True)
    fs.get(f"{TOP}/up/", str(tmp_path / "down") + "/", recursive=True)

    assert len(fs.find(f"{TOP}/up")) == 5
    assert (tmp_path / "down" / "1" / "3.txt").read_text() == "3"
    assert commits(workspace) == 2


def test_files_are_copied_moved_and_removed(fs: Any, workspace: Workspace) -> None:
    fs.cp(f"{TOP}/2026/", f"{TOP}/copy/", recursive=True)
    fs.mv(f"{TOP}/1.txt", f"{TOP}/moved.txt")
    fs.rm(f"{TOP}/2026", recursive=True)
    fs.makedirs(f"{TOP}/empty")

    assert fs.find(TOP) == [f"{TOP}/copy/2.txt", f"{TOP}/copy/deep/3.txt", f"{TOP}/moved.txt"]
    assert commits(workspace) == 4


def test_a_transaction_is_one_commit_set_over_repos_or_nothing(fs: Any, workspace: Workspace) -> None:
    workspace.create_repo("prices")

    with fs.transaction:
        fs.pipe(f"{TOP}/a", b"a")
        with fs.open("prices@main/b", "wb") as file:
            file.write(b"b")
        fs.rm(f"{TOP}/1.txt")
        assert fs.exists(f"{TOP}/1.txt")

    def give_up() -> None:
        with fs.transaction:
            fs.pipe(f"{TOP}/c", b"c")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        give_up()

    assert workspace.log(TOP).items[0].set == workspace.log("prices@main").items[0].set
    assert fs.find(TOP) == [f"{TOP}/2026/2.txt", f"{TOP}/2026/deep/3.txt", f"{TOP}/a"]
    fs.pipe(f"{TOP}/d", b"d")
    assert commits(workspace) == 3


def test_errors_are_those_of_python(fs: Any) -> None:
    with pytest.raises(FileNotFoundError, match="absent"):
        fs.cat(f"{TOP}/absent")
    with pytest.raises(FileNotFoundError):
        fs.ls("absent@main")
    with pytest.raises(FileNotFoundError, match="nobody"):
        fs.ls("reviews@nobody")
    with pytest.raises(IsADirectoryError):
        fs.open(f"{TOP}/2026")
    with pytest.raises(IsADirectoryError):
        fs.rm(f"{TOP}/2026")
    with pytest.raises(FileNotFoundError):
        fs.rm(f"{TOP}/absent")
    with pytest.raises(OSError, match=r"\.\."):
        fs.pipe(f"{TOP}/a/../b", b"x")
    with pytest.raises(OSError, match=r"1\.txt"):
        fs.pipe(f"{TOP}/1.txt/below", b"x")
    with pytest.raises(ValueError, match="r\\+b"):
        fs.open(f"{TOP}/1.txt", "r+b")


def test_protected_repos_are_read_only(fs: Any, workspace: Workspace) -> None:
    parts = workspace._parts  # noqa: SLF001 - only the floors below write such repos
    with parts.catalog.write() as conn:
        parts.repos.ensure(conn, "models/iris")

    with pytest.raises(PermissionError, match="promote"):
        fs.pipe("models/iris@main/a", b"x")


def test_a_branch_without_commits_is_an_empty_folder(fs: Any, workspace: Workspace) -> None:
    workspace.create_repo("empty")

    assert fs.ls("empty@main") == []
    assert fs.find("empty@main") == []
    assert fs.isdir("empty@main")
    assert not fs.exists("empty@main/a")
    fs.pipe("empty@main/a", b"x")
    assert fs.cat("empty@main/a") == b"x"


def test_it_finds_its_workspace_after_a_journey(
    fs: Any, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    here = fsspec.filesystem("headwater", workspace="work")
    sent = pickle.dumps([here, fs, fsspec.open(f"headwater://{TOP}/1.txt", workspace=place)])

    said = subprocess.run(
        [
            sys.executable,
            "-c",
            f"""import pickle, sys
a, b, c = pickle.loads(sys.stdin.buffer.read())
print(a.cat('{TOP}/1.txt'), b.cat('{TOP}/1.txt'), c.open().read())""",
        ],
        input=sent,
        capture_output=True,
        cwd="/",
        check=True,
    )

    assert said.stdout.split() == [b"b'one'"] * 3


def test_threads_write_without_losing_anything(place: str, workspace: Workspace) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def write(number: int) -> None:
        fsspec.filesystem("headwater", workspace=place).pipe(f"{TOP}/t/{number}", b"x")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(24)))

    assert workspace.repo("reviews").at().stat("/t").size == 24


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    import headwater.filesystem
    from headwater.errors import MissingExtra

    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "fsspec" else found(name))

    with pytest.raises(MissingExtra) as caught:
        _ = headwater.filesystem.HeadwaterFileSystem

    assert "pip install 'headwater[fsspec]'" in caught.value.hint
