"""Names of temporary files: nobody takes a living process for a dead one."""

import fcntl
import os
from pathlib import Path
from typing import Any

import pytest

from headwater.storage.incoming import Incoming


def test_a_process_whose_new_lock_another_one_holds_takes_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_open, other = os.open, list[tuple[int, Path]]()

    def open_and_be_met(path: Any, flags: int, mode: int = 0o777, **more: Any) -> int:
        descriptor = real_open(path, flags, mode, **more)
        if flags & os.O_EXCL and not other:  # who cleans up right now holds the new file for a dead process's
            other.append((real_open(path, os.O_RDWR), Path(path)))
            fcntl.flock(other[0][0], fcntl.LOCK_EX | fcntl.LOCK_NB)
        return descriptor

    monkeypatch.setattr(os, "open", open_and_be_met)
    living = Incoming(tmp_path)
    name = living.name()
    monkeypatch.undo()
    descriptor, taken = other[0]
    taken.unlink(missing_ok=True)
    os.close(descriptor)
    name.touch()

    Incoming(tmp_path).name()

    assert name.exists()
