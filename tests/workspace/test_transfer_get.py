"""Copying files of a commit onto this machine: whole or not at all, and on again after an interruption."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import headwater as hw
from headwater.storage import FileEntry, Storage, StoredBytesCorrupt
from headwater.telemetry import Silent
from headwater.workspace import Workspace
from headwater.workspace.errors import CopyUnderWay, TargetExists, TargetUnwritable

MIB = 1024 * 1024


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with hw.open(tmp_path / "w", create=True) as workspace:
        yield workspace


@pytest.fixture
def files(workspace: Workspace) -> dict[str, bytes]:
    made = {f"{number % 7}/{number:04d}.txt": b"%d" % number * 50 for number in range(900)}
    made |= {"large.bin": os.urandom(20 * MIB), "empty": b"", "run.sh": b"#!"}
    with workspace.repo("r", create=True).commit() as commit:
        for path, data in made.items():
            commit.put(path, data, executable=path == "run.sh")
    return made


def read_back(folder: Path) -> dict[str, bytes]:
    return {
        str(place.relative_to(folder)): place.read_bytes() for place in folder.rglob("*") if place.is_file()
    }


def partial(to: Path) -> Path:
    return to.with_name(f".{to.name}.headwater-part")


def test_a_folder_goes_out_whole_with_its_executable_bits(
    workspace: Workspace, files: dict[str, bytes], tmp_path: Path
) -> None:
    workspace.get("r@main", tmp_path / "out" / "copy")

    assert read_back(tmp_path / "out" / "copy") == files
    assert os.access(tmp_path / "out" / "copy" / "run.sh", os.X_OK)
    assert not os.access(tmp_path / "out" / "copy" / "empty", os.X_OK)
    assert not partial(tmp_path / "out" / "copy").exists()


@pytest.mark.parametrize("path", ["large.bin", "empty", "3/0003.txt"])
def test_a_file_goes_out_under_any_name(
    workspace: Workspace, files: dict[str, bytes], tmp_path: Path, path: str
) -> None:
    workspace.get(f"r@main:/{path}", tmp_path / "one")

    assert (tmp_path / "one").read_bytes() == files[path]


def test_a_folder_of_a_commit_loses_what_is_above_it(
    workspace: Workspace, files: dict[str, bytes], tmp_path: Path
) -> None:
    workspace.get("r@main:/3", tmp_path / "three")

    assert read_back(tmp_path / "three") == {
        path[2:]: data for path, data in files.items() if path.startswith("3/")
    }


@pytest.mark.parametrize("make", ["file", "folder", "broken link"])
def test_what_is_there_stays(
    workspace: Workspace, files: dict[str, bytes], tmp_path: Path, make: str
) -> None:
    to = tmp_path / "to"
    if make == "file":
        to.write_text("mine")
    elif make == "folder":
        to.mkdir()
    else:
        to.symlink_to(tmp_path / "nowhere")

    with pytest.raises(TargetExists):
        workspace.get("r@main", to)

    assert not partial(to).exists()


GET = """
import os, sys, threading
from pathlib import Path
import headwater as hw
from headwater.telemetry import Silent
left = [int(sys.argv[3])]
class Deadly(Silent):
    def advance(self, steps=1, note="", *, size_bytes=0):
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), 9)
with hw.open(sys.argv[1]) as workspace:
    workspace.get("r@main", Path(sys.argv[2]), progress=Deadly())
"""


@pytest.mark.parametrize("steps", [0, 1, 2, 4, 6])
def test_a_killed_copy_goes_on_and_is_whole(
    workspace: Workspace, files: dict[str, bytes], tmp_path: Path, steps: int
) -> None:
    to = tmp_path / "copy"
    killed = subprocess.run([sys.executable, "-c", GET, tmp_path / "w", to, str(steps)], check=False)
    assert killed.returncode == -9
    assert not to.exists()

    workspace.get("r@main", to)

    assert read_back(to) == files
    assert not partial(to).exists()


def test_what_was_copied_is_not_read_again_and_what_is_wrong_is(
    workspace: Workspace, files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    to = tmp_path / "copy"
    killed = subprocess.run([sys.executable, "-c", GET, tmp_path / "w", to, "4"], check=False)
    assert killed.returncode == -9
    left = read_back(partial(to) / "content")
    damaged = next(path for path, data in left.items() if path.endswith(".txt") and data)
    (partial(to) / "content" / damaged).write_bytes(b"?" * len(left[damaged]))
    asked: list[str] = []
    read_small = Storage.read_small

    def watched(self: Storage, wanted: list[FileEntry]) -> list[bytes | memoryview]:
        asked.extend(file.path for file in wanted)
        return read_small(self, wanted)

    monkeypatch.setattr(Storage, "read_small", watched)
    workspace.get("r@main", to)

    assert read_back(to) == files
    whole = {path for path, data in left.items() if data == files[path] and len(data) <= MIB}
    assert damaged in asked
    assert not (whole - {damaged}) & set(asked)


def test_an_unfinished_copy_of_another_commit_is_refused_with_the_way_on(
    workspace: Workspace, files: dict[str, bytes], tmp_path: Path
) -> None:
    to = tmp_path / "copy"
    subprocess.run([sys.executable, "-c", GET, tmp_path / "w", to, "1"], check=False)
    first = workspace.repo("r").at("main").commit.id
    with workspace.repo("r").commit() as commit:
        commit.put("new", b"new")

    with pytest.raises(CopyUnderWay, match=first[:12]) as caught:
        workspace.get("r@main", to)

    assert first in caught.value.hint
    workspace.get(f"r@{first}:/", to)
    assert read_back(to) == files


def test_two_copies_to_one_place_do_not_mix(
    workspace: Workspace, files: dict[str, bytes], tmp_path: Path
) -> None:
    class Nested(Silent):
        tried = False

        def advance(self, steps: int = 1, note: str = "", *, size_bytes: int = 0) -> None:
            if not self.tried:
                self.tried = True
                with pytest.raises(CopyUnderWay, match="right now"):
                    workspace.get("r@main", tmp_path / "copy")

    progress = Nested()
    workspace.get("r@main", tmp_path / "copy", progress=progress)

    assert progress.tried
    assert read_back(tmp_path / "copy") == files


def test_damage_is_found_before_anything_has_the_name(
    workspace: Workspace, files: dict[str, bytes], tmp_path: Path
) -> None:
    objects = sorted((tmp_path / "w" / ".headwater" / "objects" / "segments").iterdir())
    for place in objects:
        data = bytearray(place.read_bytes())
        data[len(data) // 2] ^= 1
        place.write_bytes(data)

    with pytest.raises(StoredBytesCorrupt):
        workspace.get("r@main", tmp_path / "copy")

    assert not (tmp_path / "copy").exists()


def test_a_place_that_cannot_be_written_is_named(
    workspace: Workspace, files: dict[str, bytes], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("x")

    with pytest.raises(TargetUnwritable, match="file"):
        workspace.get("r@main", tmp_path / "file" / "below")


def test_a_file_goes_to_stdout_as_it_is(
    workspace: Workspace, files: dict[str, bytes], tmp_path: Path
) -> None:
    line = [sys.executable, "-m", "headwater", "--workspace", str(tmp_path / "w")]

    whole = subprocess.run([*line, "get", "r@main:/large.bin", "-o", "-"], check=True, capture_output=True)
    part = subprocess.run(
        [*line, "cat", "r@main:/large.bin", "--range", "9000000:-5000000"], check=True, capture_output=True
    )

    assert whole.stdout == files["large.bin"]
    assert part.stdout == files["large.bin"][9_000_000:-5_000_000]
