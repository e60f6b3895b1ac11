"""Workspaces in a folder and without one: made, opened, settled, and with keys that all machines share."""

import subprocess
import sys
from pathlib import Path

import pytest

import headwater as hw
from headwater.access import CatalogKeys
from headwater.clock import SystemClock
from headwater.db import Catalog
from headwater.errors import Error, InvalidInput, NotFound
from headwater.settings import place_of
from headwater.workspace.errors import ObjectsNotNamed, WorkspaceExists
from headwater.workspace.places import open_place


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Returns the URL of a catalog that is not there yet, on each kind of database."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/team.db"
    found: str = request.getfixturevalue("postgres_url")
    return found


def test_a_workspace_without_a_folder_is_made_once_and_opened_often(url: str, tmp_path: Path) -> None:
    with (
        hw.open(url, create=True, objects=str(tmp_path / "objects")) as workspace,
        workspace.repo("reviews", create=True).commit("main") as commit,
    ):
        commit.put("/1.txt", "A fine film.")
        commit.put("/large.bin", bytes(range(256)) * 2000)

    with hw.open(url, create=True) as again:
        assert again.repo("reviews").at("main").read("/1.txt") == b"A fine film."
        assert (again.info().url, again.info().objects) == (url, f"file:{tmp_path}/objects")
    with pytest.raises(WorkspaceExists):
        hw.Workspace.create(url, objects=str(tmp_path / "objects"))
    assert list((tmp_path / "objects" / "segments").iterdir())


def test_a_workspace_without_a_folder_needs_a_place_for_objects(url: str) -> None:
    with pytest.raises(ObjectsNotNamed, match="--objects"):
        hw.Workspace.create(url)

    with pytest.raises(NotFound):
        hw.open(url)


def test_a_store_that_takes_no_objects_leaves_nothing_behind(url: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    for place in (url, str(tmp_path / "work")):
        with pytest.raises(Error):
            hw.Workspace.create(place, objects=str(tmp_path / "file" / "objects"))

    with pytest.raises(NotFound):
        hw.open(url)
    assert not (tmp_path / "work").exists()


def test_making_one_goes_on_where_it_was_interrupted(url: str, tmp_path: Path) -> None:
    Catalog.create(url).close()
    with pytest.raises(NotFound, match="never finished"):
        hw.open(url)

    with hw.Workspace.create(url, objects=str(tmp_path / "objects")) as workspace:
        assert workspace.info().repos == 0


def test_a_folder_may_keep_its_objects_elsewhere(tmp_path: Path) -> None:
    with (
        hw.open(tmp_path / "work", create=True, objects=str(tmp_path / "large")) as workspace,
        workspace.repo("reviews", create=True).commit("main") as commit,
    ):
        commit.put("/large.bin", bytes(range(256)) * 2000)

    assert list((tmp_path / "large" / "segments").iterdir())
    assert not (tmp_path / "work" / ".headwater" / "objects").exists()


def test_what_is_not_shared_lies_in_the_users_own_folder(url: str, tmp_path: Path) -> None:
    hw.Workspace.create(url, objects=str(tmp_path / "objects")).close()

    parts = open_place(place_of(url), SystemClock())

    assert parts.folder == tmp_path / "state" / "headwater" / parts.config.workspace
    assert parts.folder.stat().st_mode & 0o777 == 0o700
    parts.close()


def test_settings_are_changed_in_the_catalog_and_hold_for_who_opens_it_next(url: str, tmp_path: Path) -> None:
    with hw.open(url, create=True, objects=str(tmp_path / "objects")) as workspace:
        before = workspace.info()
        changed = workspace.change_setting("workers.processes", "8")
        with pytest.raises(InvalidInput, match="processes"):
            workspace.change_setting("workers.processes", "many")
        with pytest.raises(InvalidInput, match="no setting") as caught:
            workspace.change_setting("worker.process", "8")

    assert (changed.name, changed.value, changed.default) == ("workers.processes", 8, 0)
    assert "workers.processes" in caught.value.hint
    with hw.open(url) as again:
        assert {one.name: one.value for one in again.settings()}["workers.processes"] == 8
        assert again.info() == before


def test_settings_in_a_file_are_changed_there(tmp_path: Path) -> None:
    with hw.open(tmp_path, create=True) as workspace, pytest.raises(InvalidInput) as caught:
        workspace.change_setting("workers.processes", "8")

    assert str(tmp_path / ".headwater" / "headwater.toml") in caught.value.hint


RACE = """
import sys
from headwater.access import CatalogKeys, Signer
from headwater.db import Catalog
keys = CatalogKeys(Catalog.open(sys.argv[1]))
sys.stdin.readline()
print(keys.token_secret().decode(), Signer(keys).key_id)
"""


def test_machines_that_need_a_key_at_once_get_the_same_one(url: str) -> None:
    Catalog.create(url).close()
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]

    answers = [racer.communicate("go\n")[0] for racer in racers]

    assert len(set(answers)) == 1
    assert answers[0].count(" ") == 1


def test_a_secret_in_a_file_is_never_kept_in_the_catalog(url: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    secret.write_bytes(b"s" * 40)
    catalog = Catalog.create(url)

    keys = CatalogKeys(catalog, token_secret_file=secret)

    assert keys.token_secret() == b"s" * 40
    assert keys.given_out() == {}
    assert CatalogKeys(catalog).token_secret() != b"s" * 40
