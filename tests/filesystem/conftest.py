"""A workspace with a repo and the file system over it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from headwater.workspace import Workspace

TOP = "reviews@main"


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.create(str(tmp_path / "work")) as workspace:
        reviews = workspace.create_repo("reviews")
        with reviews.commit() as commit:
            commit.put("/1.txt", "one")
            commit.put("/2026/2.txt", "two")
            commit.put("/2026/deep/3.txt", "three")
        yield workspace


@pytest.fixture
def place(workspace: Workspace, tmp_path: Path) -> str:
    del workspace
    return str(tmp_path / "work")


@pytest.fixture
def fs(place: str) -> Any:
    return fsspec.filesystem("headwater", workspace=place)
