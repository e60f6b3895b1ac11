"""The workspace as a Python program uses it."""

from pathlib import Path

import pytest

import headwater as hw
from headwater.errors import InvalidInput
from headwater.workspace.errors import WorkspaceExists


def test_a_workspace_is_made_once_and_opened_often(tmp_path: Path) -> None:
    with (
        hw.open(tmp_path, create=True) as workspace,
        workspace.repo("reviews", create=True).commit("main", message="March") as commit,
    ):
        commit.put("/1.txt", "A fine film.")

    with hw.open(tmp_path, create=True) as again:
        assert again.repo("reviews").at("main").read("/1.txt") == b"A fine film."
        assert [one.id for one in again.log("reviews").items] == [commit.id]
    with pytest.raises(WorkspaceExists):
        hw.Workspace.create(str(tmp_path))


def test_making_a_workspace_goes_on_where_it_was_interrupted(tmp_path: Path) -> None:
    hw.Workspace.create(str(tmp_path)).close()
    (tmp_path / ".headwater" / "headwater.toml").unlink()

    with hw.Workspace.create(str(tmp_path)) as workspace:
        assert workspace.info().repos == 0


def test_a_tag_is_made_at_a_commit_of_its_own_repo(tmp_path: Path) -> None:
    with hw.open(tmp_path, create=True) as workspace:
        with workspace.repo("a", create=True).commit("main") as commit:
            commit.put("/x", "1")

        made = workspace.create_tag("a@v1", at="a@main")

        assert made.commit == commit.id
        with pytest.raises(InvalidInput, match="another repo"):
            workspace.create_tag("a@v2", at="b@main")
