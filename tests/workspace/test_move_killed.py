"""A move that ends at any statement or commit: the source stays whole, and the same call goes on."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import headwater as hw
from headwater.errors import NotFound
from headwater.ids import random_id
from headwater.telemetry import Silent
from headwater.workspace import move_workspace
from headwater.workspace.errors import MoveInTheWay, MoveUnfinished, WorkspaceMoved
from tests.conftest import LARGE
from tests.faults.death import Died, Life, mortal_catalogs
from tests.workspace.telling import told

POINTS = 7


def small_workspace(folder: Path) -> None:
    with hw.open(folder, create=True) as workspace:
        reviews = workspace.repo("reviews", create=True)
        for number in range(3):
            with reviews.commit("main") as commit:
                commit.put(f"/{number}.txt", f"review {number}")
        with reviews.commit("main") as commit:
            commit.put("/large.bin", b"x" * 300_000 + bytes(range(256)) * 1000)
        workspace.create_tag("reviews@v1", at="reviews@main^")
        workspace.tokens.create("shop", ["predict:*"])


def is_whole(url: str) -> bool:
    try:
        hw.open(url).close()
    except (MoveUnfinished, NotFound):
        return False
    return True


@pytest.fixture(params=["sqlite", "postgresql"])
def new_target(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Returns a function that names a catalog with nothing in it, on each kind of database."""
    if request.param == "sqlite":
        return lambda: f"sqlite:///{tmp_path}/{random_id()}.db"
    server = request.getfixturevalue("postgres_server")
    template = request.getfixturevalue("postgres_template")
    return lambda: str(server.url(server.database(template)))


def test_a_move_that_dies_anywhere_goes_on_and_loses_nothing(
    new_target: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    small_workspace(tmp_path / "origin")
    with hw.open(tmp_path / "origin") as workspace:
        before = told(workspace)
    life = Life()
    with mortal_catalogs(life):
        with life.until(None):
            move_workspace(tmp_path / "origin", new_target(), objects=str(tmp_path / "kept"), keep=True)
        steps = life.calls
        for last in range(0, steps, 1 if LARGE else steps // POINTS):
            folder, target = tmp_path / str(last), new_target()
            shutil.copytree(tmp_path / "origin", folder)
            with life.until(last), pytest.raises(Died):
                move_workspace(folder, target, objects=str(folder / "objects"))
            _still_whole(folder, target, before)

            moved = move_workspace(folder, target, objects=str(folder / "objects"))

            assert moved.state == "moved"
            with hw.open(target) as workspace:
                assert told(workspace) == before
                workspace.create_repo("goes-on")
            with pytest.raises(WorkspaceMoved):
                hw.open(folder)
            shutil.rmtree(folder)


def test_a_move_whose_target_is_open_already_cannot_be_given_up(
    new_target: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    small_workspace(tmp_path / "origin")
    shutil.copytree(tmp_path / "origin", tmp_path / "counted")
    target, life = new_target(), Life()
    with mortal_catalogs(life):
        with life.until(None):
            move_workspace(tmp_path / "counted", new_target(), objects=str(tmp_path / "other"))
        with life.until(life.calls - 1), pytest.raises(Died):
            move_workspace(tmp_path / "origin", target, objects=str(tmp_path / "objects"))
    assert is_whole(target)

    with pytest.raises(MoveInTheWay, match="has arrived"):
        move_workspace(tmp_path / "origin", None, abandon=True)

    moved = move_workspace(tmp_path / "origin", target, objects=str(tmp_path / "objects"))
    assert moved.state == "moved"


class GivesUp(Silent):
    """Has the move of a workspace given up when its tables are read back, as somebody in another window may."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def start(self, what: str, *given: Any, **named: Any) -> None:
        super().start(what, *given, **named)
        if what == "Reading tables back":
            move_workspace(self._folder, None, abandon=True)


def test_a_move_that_was_given_up_meanwhile_does_not_end(
    new_target: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder, target = tmp_path / "origin", new_target()
    small_workspace(folder)

    with pytest.raises(MoveInTheWay, match="given up"):
        move_workspace(folder, target, objects=str(tmp_path / "objects"), progress=GivesUp(folder))

    assert not is_whole(target)
    with hw.open(folder) as workspace:
        workspace.create_repo("goes-on")


def _still_whole(folder: Path, target: str, before: object) -> None:
    """Sees to it that at most one of both places is usable, and that the source tells all until it moved."""
    if is_whole(target):
        return
    with hw.open(folder) as workspace:
        assert told(workspace) == before
