"""Ends the processes of users' code after each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from headwater.pipelines.runtime import close
from tests.pipelines.runtime.runner import Runner


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    (tmp_path / "objects").mkdir()
    yield Runner(tmp_path)
    close()
