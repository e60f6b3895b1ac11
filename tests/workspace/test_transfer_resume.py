"""A put that was killed at any moment goes on: what is stored is not stored again, and the result is the same."""

import os
import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

import headwater as hw
from headwater.telemetry import Silent
from headwater.workspace import Workspace

MIB = 1024 * 1024
SEGMENT = 25 * MIB  # the most that one segment has

PUT = """
import os, sys
import headwater as hw
from headwater.telemetry import Silent
left = [int(sys.argv[3])]
class Deadly(Silent):
    def advance(self, steps=1, note="", *, size_bytes=0):
        left[0] -= size_bytes
        if left[0] < 0:
            os.kill(os.getpid(), 9)
with hw.open(sys.argv[1]) as workspace:
    workspace.put("r@main:/in", [sys.argv[2]], progress=Deadly())
"""


class Counting(Silent):
    """Progress of which only the last word is kept."""

    note = ""

    def finish(self, note: str = "") -> None:
        self.note = note or self.note


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sources")
    chance = random.Random(7)
    for number in range(400):
        (folder / f"{number % 3}").mkdir(exist_ok=True)
        (folder / f"{number % 3}" / f"{number:04d}").write_bytes(chance.randbytes(40_000))
    (folder / "1" / "large.bin").write_bytes(chance.randbytes(40 * MIB))
    (folder / "2" / "other.bin").write_bytes(chance.randbytes(9 * MIB))
    return folder


def size_of(folder: Path) -> int:
    return sum(place.stat().st_size for place in folder.rglob("*") if place.is_file())


@pytest.fixture(scope="module")
def undisturbed(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    with hw.open(tmp_path_factory.mktemp("undisturbed"), create=True) as workspace:
        workspace.create_repo("r")
        workspace.put("r@main:/in", [str(sources)])
        return root(workspace)


def root(workspace: Workspace) -> bytes:
    return workspace.repo("r").at("main").tree.root_hash


@pytest.fixture
def place(tmp_path: Path) -> Path:
    with hw.open(tmp_path / "w", create=True) as workspace:
        workspace.create_repo("r")
    return tmp_path / "w"


def killed_after(place: Path, sources: Path, size_bytes: int) -> None:
    done = subprocess.run([sys.executable, "-c", PUT, place, sources, str(size_bytes)], check=False)
    assert done.returncode == -9


def objects(place: Path) -> int:
    folder = place / ".headwater" / "objects" / "segments"
    return size_of(folder) if folder.exists() else 0


def journals(place: Path) -> list[Path]:
    return list((place / ".headwater" / "uploads").glob("*"))


@pytest.mark.parametrize("megabytes", [1, 12, 30, 45, 55, 63])
def test_a_second_run_stores_only_the_rest(
    place: Path, sources: Path, undisturbed: bytes, megabytes: int
) -> None:
    killed_after(place, sources, megabytes * MIB)
    before = objects(place)

    with hw.open(place) as workspace:
        assert not workspace.log("r@main").items
        workspace.put("r@main:/in", [str(sources)])

        assert root(workspace) == undisturbed
        stored = objects(place) - before
        assert stored <= size_of(sources) - megabytes * MIB + 4 * SEGMENT
        assert objects(place) <= size_of(sources) + SEGMENT
    assert journals(place) == []


def test_a_put_that_is_killed_many_times_ends_like_one_that_was_not(
    place: Path, sources: Path, undisturbed: bytes
) -> None:
    chance = random.Random(3)
    for _ in range(5):
        killed_after(place, sources, chance.randrange(1, 25) * MIB)

    with hw.open(place) as workspace:
        workspace.put("r@main:/in", [str(sources)])

        assert root(workspace) == undisturbed
        view = workspace.repo("r").at("main")
        assert view.read("/in/1/large.bin") == (sources / "1" / "large.bin").read_bytes()
        assert view.read("/in/2/0002") == (sources / "2" / "0002").read_bytes()


def test_files_that_are_stored_are_not_read_again_unless_they_changed(place: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for number in range(60):
        (folder / f"{number:02d}").write_bytes(os.urandom(MIB))
    killed_after(place, folder, 55 * MIB)
    (folder / "03").write_bytes(b"changed")
    progress = Counting()

    with hw.open(place) as workspace:
        workspace.put("r@main:/in", [str(folder)], progress=progress)

        view = workspace.repo("r").at("main")
        assert {file.path: view.read(file.path) for file in view.walk("/in")} == {
            f"/in/{one.name}": one.read_bytes() for one in folder.iterdir()
        }
    read, kept = (int(word) for word in progress.note.split() if word.isdigit())
    assert read + kept == 60
    assert kept >= 15


def test_what_is_no_longer_reserved_is_stored_again(place: Path, sources: Path, undisturbed: bytes) -> None:
    killed_after(place, sources, 50 * MIB)
    with sqlite3.connect(place / ".headwater" / "catalog.db") as catalog:
        catalog.execute("UPDATE segments SET expires_ms = 1 WHERE state = 'pending'")
    catalog.close()
    with hw.open(place) as workspace:
        progress = Counting()

        workspace.put("r@main:/in", [str(sources)], progress=progress)

        assert root(workspace) == undisturbed
        assert "already" not in progress.note


def test_a_torn_journal_is_read_up_to_the_tear(place: Path, sources: Path, undisturbed: bytes) -> None:
    killed_after(place, sources, 60 * MIB)
    (journal,) = journals(place)
    data = journal.read_bytes()
    journal.write_bytes(data[: len(data) * 2 // 3])

    with hw.open(place) as workspace:
        workspace.put("r@main:/in", [str(sources)])

        assert root(workspace) == undisturbed


def test_an_interrupted_put_keeps_what_was_stored(place: Path, sources: Path, undisturbed: bytes) -> None:
    class Impatient(Silent):
        left = 55 * MIB

        def advance(self, steps: int = 1, note: str = "", *, size_bytes: int = 0) -> None:
            self.left -= size_bytes
            if self.left < 0:
                raise KeyboardInterrupt

    with hw.open(place) as workspace:
        with pytest.raises(KeyboardInterrupt):
            workspace.put("r@main:/in", [str(sources)], progress=Impatient())
        assert len(journals(place)) == 1
        before = objects(place)
        assert before > 0

        workspace.put("r@main:/in", [str(sources)])

        assert root(workspace) == undisturbed
        assert objects(place) <= size_of(sources) + SEGMENT


def test_another_put_to_the_same_place_takes_nothing_of_it(
    place: Path, sources: Path, tmp_path: Path
) -> None:
    killed_after(place, sources, 50 * MIB)
    other = tmp_path / "other"
    other.mkdir()
    (other / "x").write_bytes(os.urandom(9 * MIB))

    with hw.open(place) as workspace:
        workspace.put("r@main:/in", [str(other)])

        assert [file.path for file in workspace.repo("r").at("main").walk("/")] == ["/in/x"]
    assert len(journals(place)) == 1
