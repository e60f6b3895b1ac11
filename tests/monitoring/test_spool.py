import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from headwater.monitoring.spool import SpoolWriter, commit_turn, spool_files


def lines_in(folder: Path) -> list[bytes]:
    return [line for file in spool_files(folder) for line in file.lines()]


def claimable(folder: Path) -> list[bool]:
    found = []
    for file in spool_files(folder):
        with file.claimed() as is_free:
            found.append(is_free)
    return found


def test_lines_come_back_in_the_order_they_were_appended(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path / "iris", "w")

    writer.append(b"one\ntwo\n")
    writer.append(b"three\n")

    assert lines_in(tmp_path / "iris") == [b"one", b"two", b"three"]


def test_a_sealed_file_is_followed_by_another_of_the_same_writer(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path, "w")
    writer.append(b"one\n")

    writer.seal()
    writer.append(b"two\n")

    assert [(file.writer, list(file.lines())) for file in spool_files(tmp_path)] == [
        ("w", [b"one"]),
        ("w", [b"two"]),
    ]


def test_only_the_file_that_is_being_written_cannot_be_claimed(tmp_path: Path) -> None:
    writer = SpoolWriter(tmp_path, "w")
    writer.append(b"one\n")
    writer.seal()
    writer.append(b"two\n")

    assert claimable(tmp_path) == [True, False]


def test_a_torn_last_line_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "w.000001.jsonl").write_bytes(b"one\ntw")

    assert lines_in(tmp_path) == [b"one"]


def test_the_file_of_a_killed_writer_can_be_claimed(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path;"
        "from headwater.monitoring.spool import SpoolWriter;"
        "SpoolWriter(Path(sys.argv[1]), 'w').append(b'one\\n');"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )

    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)

    assert lines_in(tmp_path) == [b"one"]
    assert claimable(tmp_path) == [True]


def test_an_append_that_fails_is_cut_off_and_the_writer_goes_on_in_another_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = SpoolWriter(tmp_path, "w")
    writer.append(b"one\n")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", _full_disk)
        with pytest.raises(OSError, match="No space"):
            writer.append(b"lost\n")
    writer.append(b"two\n")

    assert [list(file.lines()) for file in spool_files(tmp_path)] == [[b"one"], [b"two"]]


def _full_disk(_: int) -> None:
    raise OSError(28, "No space left on device")


def test_one_committer_at_a_time_has_the_turn(tmp_path: Path) -> None:
    order: list[str] = []
    waiting = threading.Event()

    def other() -> None:
        waiting.set()
        with commit_turn(tmp_path):
            order.append("second")

    with commit_turn(tmp_path):
        thread = threading.Thread(target=other)
        thread.start()
        waiting.wait()
        order.append("first")
    thread.join()

    assert order == ["first", "second"]
