"""Folders that are over: out of the way at once, gone a little later."""

from pathlib import Path

import pytest

from headwater.pipelines.runtime.broom import Broom
from tests.waiting import until


@pytest.fixture
def gone(tmp_path: Path) -> Path:
    (tmp_path / "gone").mkdir()
    return tmp_path / "gone"


def _folder(place: Path) -> Path:
    (place / "inner").mkdir(parents=True)
    (place / "inner" / "file").write_text("text")
    return place


def test_the_path_of_a_folder_is_free_at_once_and_its_files_go(tmp_path: Path, gone: Path) -> None:
    with Broom(gone) as broom:
        for _ in range(3):
            broom.take(_folder(tmp_path / "out"))
            assert not (tmp_path / "out").exists()

        until(lambda: not list(gone.iterdir()))


def test_what_is_no_folder_leaves_its_path_too(tmp_path: Path, gone: Path) -> None:
    (tmp_path / "link").symlink_to(_folder(tmp_path / "elsewhere"))

    with Broom(gone) as broom:
        broom.take(tmp_path / "link")
        broom.take(tmp_path / "missing")

    assert not (tmp_path / "link").is_symlink()
    assert (tmp_path / "elsewhere" / "inner" / "file").exists()


def test_a_closed_broom_takes_folders_all_the_same(tmp_path: Path, gone: Path) -> None:
    broom = Broom(gone)
    broom.close()

    broom.take(_folder(tmp_path / "out"))

    assert not (tmp_path / "out").exists()
