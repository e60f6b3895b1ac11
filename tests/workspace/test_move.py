"""A workspace goes to another place: everything arrives, nothing is lost on the way, and it opens there alone."""

import re
from pathlib import Path

import pytest

import headwater as hw
from headwater.clock import SystemClock
from headwater.db import CatalogClosed
from headwater.settings import place_of
from headwater.storage import ObjectKey, open_store
from headwater.workspace import move_workspace
from headwater.workspace.errors import (
    MoveIncomplete,
    MoveInTheWay,
    MoveUnfinished,
    WorkspaceExists,
    WorkspaceMoved,
)
from headwater.workspace.parts import Parts
from headwater.workspace.places import open_place
from headwater.workspace.presence import Presence
from tests.workspace.telling import told

LARGE = bytes(range(256)) * 4096


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns a folder whose workspace has two repos, branches, tags, small files and large ones."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with hw.open(tmp_path / "old", create=True) as workspace:
        reviews = workspace.repo("reviews", create=True)
        with reviews.commit("main", message="first") as commit:
            for number in range(20):
                commit.put(f"/{number}.txt", f"review {number}")
        with reviews.commit("main", message="large") as commit:
            commit.put("/large.bin", LARGE)
        workspace.create_tag("reviews@v1", at="reviews@main^")
        workspace.create_branch("reviews@side", at="reviews@main^")
        with workspace.repo("other", create=True).commit("main") as commit:
            commit.put("/x", b"x" * 400_000)
        workspace.tokens.create("shop", ["predict:*"])
    return tmp_path


def parts_at(url: Path | str) -> Parts:
    """Opens a workspace as the floors below see it."""
    return open_place(place_of(str(url)), SystemClock())


def test_a_workspace_that_moved_is_the_same_at_its_new_place(folder: Path) -> None:
    target = f"sqlite:///{folder}/catalog.db"
    with hw.open(folder / "old") as workspace:
        text = workspace.tokens.create("web", ["predict:iris"]).token
        before = told(workspace)
    parts = parts_at(folder / "old")
    signature = parts.signer.sign(b"bytes")
    parts.close()

    moved = move_workspace(folder / "old", target, objects=str(folder / "objects"))

    assert (moved.state, moved.target) == ("moved", target)
    with hw.open(target) as workspace:
        assert told(workspace) == before
        assert workspace.tokens.verify(text).allows("predict:iris")
        assert workspace.repo("reviews").at("main").read("/large.bin") == LARGE
        with workspace.repo("reviews").commit("main") as commit:
            commit.put("/new.txt", "after")
        assert workspace.repo("reviews").at("main").read("/new.txt") == b"after"
    parts_at(target).signer.verify(b"bytes", signature)


def test_a_workspace_comes_back_from_a_database_to_a_folder(folder: Path) -> None:
    with hw.open(folder / "old") as workspace:
        before = told(workspace)
    middle = f"sqlite:///{folder}/catalog.db"
    move_workspace(folder / "old", middle, objects=str(folder / "objects"))

    moved = move_workspace(middle, folder / "back")

    assert moved.objects == 2
    with hw.open(folder / "back") as workspace:
        assert told(workspace) == before
        assert workspace.info().objects == f"file:{folder}/back/.headwater/objects"


def test_a_workspace_that_moved_says_where_it_went(folder: Path) -> None:
    target = f"sqlite:///{folder}/catalog.db"
    still_open = hw.open(folder / "old")

    move_workspace(folder / "old", target, objects=str(folder / "objects"))

    with pytest.raises(WorkspaceMoved, match=re.escape(target)) as caught:
        hw.open(folder / "old")
    assert target in caught.value.hint
    with pytest.raises(CatalogClosed, match=f"has moved to {target}"):
        still_open.create_repo("more")
    still_open.close()
    assert move_workspace(folder / "old", target, objects=str(folder / "objects")).state == "moved"


def test_a_copy_leaves_the_workspace_usable_where_it_is(folder: Path) -> None:
    made = move_workspace(folder / "old", folder / "new", keep=True)

    assert made.state == "copied"
    for place in ("old", "new"):
        with hw.open(folder / place) as workspace:
            workspace.create_repo(f"only-{place}")
            assert workspace.repo("reviews").at("main").read("/large.bin") == LARGE


def test_a_workspace_that_is_in_use_is_not_moved(folder: Path) -> None:
    parts = parts_at(folder / "old")
    with Presence(parts.catalog, parts.roster):
        with pytest.raises(MoveInTheWay, match="server"):
            move_workspace(folder / "old", folder / "new")
        parts.repos.create("still-open")

    assert move_workspace(folder / "old", folder / "new").state == "moved"


def test_a_commit_that_was_open_is_finished_at_the_new_place(folder: Path) -> None:
    target = f"sqlite:///{folder}/catalog.db"
    with hw.open(folder / "old") as workspace:
        (begun,) = workspace.start_commits(["reviews@main"])
        workspace.put(f"reviews@{begun.id}:/late.txt", [str(_file(folder, "late"))])

    move_workspace(folder / "old", target, objects=str(folder / "objects"))

    with hw.open(target) as workspace:
        workspace.finish_commits(begun.id)
        assert workspace.repo("reviews").at("main").read("/late.txt") == b"late"


def test_nothing_is_moved_over_another_workspace(folder: Path) -> None:
    hw.open(folder / "new", create=True).close()

    with pytest.raises(WorkspaceExists):
        move_workspace(folder / "old", folder / "new")

    hw.open(folder / "old").create_repo("still-open")


def test_an_object_that_is_missing_is_named_and_the_source_can_be_used_again(folder: Path) -> None:
    objects = open_store(f"file:{folder}/old/.headwater/objects")
    gone = next(iter(objects.list()))
    objects.delete(ObjectKey(gone))

    with pytest.raises(MoveIncomplete, match=gone):
        move_workspace(folder / "old", folder / "new")

    with hw.open(folder / "old") as workspace, pytest.raises(CatalogClosed, match="is being moved"):
        workspace.create_repo("more")
    assert move_workspace(folder / "old", None, abandon=True).state == "abandoned"
    hw.open(folder / "old").create_repo("more")


def test_a_place_that_is_not_whole_yet_does_not_open(folder: Path) -> None:
    objects = open_store(f"file:{folder}/old/.headwater/objects")
    gone = ObjectKey(next(iter(objects.list())))
    data = objects.get(gone)
    objects.delete(gone)
    target = f"sqlite:///{folder}/catalog.db"
    with pytest.raises(MoveIncomplete):
        move_workspace(folder / "old", target, objects=str(folder / "objects"))

    with pytest.raises(MoveUnfinished, match="still being moved"):
        hw.open(target)

    objects.put(gone, data)
    move_workspace(folder / "old", target, objects=str(folder / "objects"))
    assert hw.open(target).repo("reviews").at("main").read("/large.bin") == LARGE


def _file(folder: Path, text: str) -> Path:
    place = folder / "source.txt"
    place.write_text(text)
    return place
