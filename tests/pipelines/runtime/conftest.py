"""Ends the processes of users' code after each test."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from headwater.pipelines.runtime import close
from tests.pipelines.runtime.runner import Runner


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    (tmp_path / "objects").mkdir()
    yield Runner(tmp_path)
    close()


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    """Waits for something that another process does."""

    def wait(is_so: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 10
        while not is_so():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.005)  # another process has no other way to tell

    return wait
