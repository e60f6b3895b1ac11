"""Where the workspace is, and what its settings say."""

from pathlib import Path

import pytest

from headwater.errors import InvalidInput, NotFound, Unavailable
from headwater.settings import (
    Environment,
    folder_of,
    locate,
    make_folder,
    read_config,
    read_environment,
    write_config,
)


def test_the_nearest_workspace_upward_is_found(tmp_path: Path) -> None:
    folder = folder_of(str(tmp_path))
    make_folder(folder)
    write_config(folder, "w1")
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)

    assert locate(None, start=below) == folder


def test_a_path_its_settings_folder_and_a_file_url_are_one_workspace(tmp_path: Path) -> None:
    expected = tmp_path.resolve() / ".headwater"

    assert folder_of(str(tmp_path)) == folder_of(str(expected)) == folder_of(f"file://{tmp_path}") == expected


def test_without_a_workspace_the_hint_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="headwater init"):
        read_config(tmp_path / ".headwater")


def test_an_unknown_scheme_is_named() -> None:
    with pytest.raises(InvalidInput, match="ftp://"):
        folder_of("ftp://somewhere")


def test_an_unknown_setting_is_named_with_its_file(tmp_path: Path) -> None:
    folder = folder_of(str(tmp_path))
    make_folder(folder)
    (folder / "headwater.toml").write_text("[serving]\nspeed = 3\n")

    with pytest.raises(InvalidInput, match="speed") as caught:
        read_config(folder)

    assert str(folder / "headwater.toml") in caught.value.message


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(Unavailable, match="file"):
        make_folder(tmp_path / "file" / ".headwater")


def test_an_empty_variable_counts_as_absent() -> None:
    assert read_environment({"HEADWATER_WORKSPACE": "", "HEADWATER_SECRET_KEY_FILE": "k"}) == Environment(
        None, "k"
    )
