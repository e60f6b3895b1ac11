"""The lock beside a catalog in a file."""

import fcntl
import os
from pathlib import Path

from headwater.db.turn import FileLock


def test_a_turn_ends_though_a_child_that_was_forked_meanwhile_has_its_file_open(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "catalog.sqlite")

    with lock.hold():
        inherited = [os.dup(handle) for handle in lock._held]  # noqa: SLF001 - what a fork does at that instant

    with (tmp_path / "catalog.sqlite.lock").open() as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    for handle in inherited:
        os.close(handle)
