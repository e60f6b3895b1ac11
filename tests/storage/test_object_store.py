"""The stores keep the promises of `ObjectStore`; the local one also across a crash."""

import errno
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from headwater.storage import ObjectKey, ObjectStore, StorageUnavailable, UnknownStore, open_store
from headwater.storage.contract import ObjectStoreContract
from headwater.storage.local import TEMPORARY, LocalStore


class TestMemoryStore(ObjectStoreContract):
    @pytest.fixture
    def store(self) -> ObjectStore:
        return open_store("memory:")


class TestLocalStore(ObjectStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> ObjectStore:
        return open_store(f"file:{tmp_path}/objects")


def test_a_store_opens_again_by_its_url(tmp_path: Path) -> None:
    key = ObjectKey.random()
    first = open_store(f"file://{tmp_path}/with%20space")
    first.put(key, b"x")

    assert open_store(first.url).get(key) == b"x"
    assert (tmp_path / "with space").is_dir()


@pytest.mark.parametrize("url", ["", "s3:bucket", "file:relative", "memory:x", "/plain/path", "ftp://host"])
def test_a_url_that_names_no_store_is_refused(url: str) -> None:
    with pytest.raises(UnknownStore) as caught:
        open_store(url)

    assert repr(url) in caught.value.message


class Crash(Exception):
    """Stands for the machine stopping."""


STEPS = ["_write", "_make_folder", "_rename", "_sync_folder"]


class Breaking(LocalStore):
    """A local store that stops before one of its steps."""

    def __init__(self, folder: Path, step: str, after: int) -> None:
        super().__init__(folder)
        self._step, self._left = step, after
        for name in STEPS:
            setattr(self, name, self._counted(name, getattr(self, name)))

    def _counted(self, name: str, step: object) -> object:
        def counted(*given: object) -> object:
            assert callable(step)
            if name == self._step:
                if self._left == 0:
                    raise Crash(name)
                self._left -= 1
            return step(*given)

        return counted


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("after", range(8))
def test_a_crash_between_any_two_steps_leaves_an_object_whole_or_absent(
    tmp_path: Path, step: str, after: int
) -> None:
    kept, torn = ObjectKey.random(), ObjectKey.random()
    open_store(f"file:{tmp_path}").put(kept, b"kept")
    broken = Breaking(tmp_path, step, after)

    acknowledged = False
    try:
        broken.put(torn, b"whole" * 10_000)
        acknowledged = True
    except Crash:
        pass

    store = open_store(f"file:{tmp_path}")
    assert store.get(kept) == b"kept"
    if acknowledged or store.exists(torn):
        assert store.get(torn) == b"whole" * 10_000
    assert set(store.list()) - {torn} == {kept}


def test_data_is_synced_before_its_name_and_its_name_before_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, steps = LocalStore(tmp_path), list[str]()
    store.put(ObjectKey.random(), b"folders are there now")
    fsync, replace = os.fsync, os.replace

    def seen_fsync(descriptor: int) -> None:
        steps.append("fsync " + ("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"))
        fsync(descriptor)

    def seen_replace(*given: str) -> None:
        steps.append("rename")
        replace(*given)

    monkeypatch.setattr(os, "fsync", seen_fsync)
    monkeypatch.setattr(os, "replace", seen_replace)
    store.put(ObjectKey.random(), b"x")

    assert steps == ["fsync file", "rename", "fsync folder"]


def test_a_write_that_fails_leaves_no_temporary_file(tmp_path: Path) -> None:
    broken = Breaking(tmp_path, "_rename", 0)

    with pytest.raises(Crash):
        broken.put(ObjectKey.random(), b"x" * 100_000)

    assert left_in(tmp_path) == []


def left_in(folder: Path) -> list[Path]:
    """Returns the temporary files there are, locks apart."""
    return [one for one in (folder / TEMPORARY).iterdir() if one.suffix != ".lock"]


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.ENOSPC, "room"),
        (errno.EDQUOT, "quota"),
        (errno.EFBIG, "ulimit -f"),
        (errno.EMFILE, "ulimit -n"),
        (errno.EACCES, "writable"),
        (errno.EROFS, "read-only"),
        (errno.EIO, "health"),
    ],
)
def test_a_fault_of_the_disk_is_named_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, says: str
) -> None:
    store = LocalStore(tmp_path)

    def full(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(store, "_write", full)
    with pytest.raises(StorageUnavailable) as caught:
        store.put(ObjectKey.random(), b"x")

    assert os.strerror(number) in caught.value.message
    assert says in caught.value.hint
    assert not caught.value.is_transient


def test_a_limit_on_the_size_of_files_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    script = (
        "import resource, sys\n"
        "from headwater.storage import ObjectKey, StorageUnavailable, open_store\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try:\n"
        "    open_store(f'file:{sys.argv[1]}').put(ObjectKey.random(), bytes(1_000_000))\n"
        "except StorageUnavailable as error:\n"
        "    print(error.hint)\n"
    )

    told = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    ).stdout

    assert "ulimit -f" in told
    assert left_in(tmp_path) == []


def test_a_file_where_the_folder_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "objects").write_text("not a folder")
    store = open_store(f"file:{tmp_path}/objects")

    with pytest.raises(StorageUnavailable) as caught:
        store.put(ObjectKey.random(), b"x")

    assert "move it away" in caught.value.hint


def test_files_that_are_no_objects_are_passed_over(tmp_path: Path) -> None:
    store, key = LocalStore(tmp_path), ObjectKey.random()
    store.put(key, b"x")
    (tmp_path / "README.md").write_text("mine")
    (tmp_path / "segments" / "Notes").write_text("mine")

    assert list(store.list()) == [key]


WRITING = """
import os, sys, time
from pathlib import Path
from headwater.storage import ObjectKey
from headwater.storage.local import LocalStore
class Stuck(LocalStore):
    def _rename(self, temporary, place):
        print("stuck", flush=True)
        sys.stdin.readline()
        super()._rename(temporary, place)
Stuck(Path(sys.argv[1])).put(ObjectKey("k/late"), b"late" * 1000)
print("done", flush=True)
"""


def test_what_a_dead_process_left_is_removed_and_what_a_living_one_writes_is_not(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITING, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with (
        subprocess.Popen(command, **pipes) as dead,  # type: ignore[call-overload]
        subprocess.Popen(command, **pipes) as living,  # type: ignore[call-overload]
    ):
        assert dead.stdout.readline() == living.stdout.readline() == "stuck\n"
        dead.kill()
        dead.wait()
        assert len(left_in(tmp_path)) == 2

        open_store(f"file:{tmp_path}").put(ObjectKey("k/other"), b"x")
        assert len(left_in(tmp_path)) == 1
        living.stdin.write("\n")
        living.stdin.flush()
        assert living.stdout.readline() == "done\n"

    assert open_store(f"file:{tmp_path}").get(ObjectKey("k/late")) == b"late" * 1000
    assert left_in(tmp_path) == []


def test_what_an_older_version_left_goes_after_a_week(tmp_path: Path) -> None:
    store = open_store(f"file:{tmp_path}")
    store.put(ObjectKey("k/a"), b"")
    old, young = (tmp_path / TEMPORARY / name for name in ("0" * 32, "1" * 32))
    for place in (old, young):
        place.write_bytes(b"half")
    week_ago = time.time() - 8 * 24 * 3600
    os.utime(old, (week_ago, week_ago))

    open_store(f"file:{tmp_path}").put(ObjectKey("k/b"), b"")

    assert left_in(tmp_path) == [young]


def test_a_store_that_is_let_go_of_leaves_no_lock(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put(ObjectKey.random(), b"x")

    del store

    assert list((tmp_path / TEMPORARY).iterdir()) == []


def test_a_link_out_of_the_folder_cannot_be_named(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "objects")
    (tmp_path / "secret").write_bytes(b"s")
    store.put(ObjectKey("a/b"), b"x")

    assert not store.exists(ObjectKey("a/b/secret"))
    assert list(store.list()) == ["a/b"]


KILLED = """
import sys
from pathlib import Path
from headwater.storage import ObjectKey, open_store
store = open_store(f"file:{sys.argv[1]}")
print("ready", flush=True)
for n in range(10_000):
    key = ObjectKey(f"k/{n}")
    store.put(key, b"%08d" % n * 200_000)
    print(n, flush=True)
"""


@pytest.mark.parametrize("delay_s", [0.001, 0.01, 0.03])
def test_a_killed_writer_leaves_no_half_object_and_loses_none_that_was_acknowledged(
    tmp_path: Path, delay_s: float
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        writer.stdout.readline()
        deadline = time.monotonic() + delay_s
        while time.monotonic() < deadline:
            pass
        writer.kill()
        acknowledged = [0, *map(int, writer.stdout.read().split("\n")[:-1])]

    store = open_store(f"file:{tmp_path}")
    found = {key: store.get(key) for key in store.list()}
    assert {f"k/{n}" for n in acknowledged} <= found.keys()
    assert all(data == b"%08d" % int(key[2:]) * 200_000 for key, data in found.items())
    assert len(found) - len(acknowledged) <= 1
