"""Folders of calls: whose pool lives they stay, and whose pool is dead they go."""

import fcntl
from pathlib import Path

import pytest

from headwater.execution.scratch import Scratch, remove_abandoned


def test_a_folder_that_was_taken_for_an_abandoned_one_while_it_was_made_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, waiting = fcntl.flock, [tmp_path]

    def late(file: int, operation: int) -> None:
        if waiting:
            remove_abandoned(waiting.pop())  # as another pool does that starts at this moment
        lock(file, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    scratch = Scratch(tmp_path)

    with scratch.folder() as folder:
        assert folder.is_dir()
    scratch.close()
    assert list(tmp_path.iterdir()) == []
