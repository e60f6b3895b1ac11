"""Outputs of many datums in shared segments, and small files read with few requests."""

from pathlib import Path

import msgspec
import pytest

from headwater.storage import (
    NewFile,
    ObjectKey,
    ObjectStore,
    OutputStream,
    PortableFile,
    Reservation,
    open_store,
    read_portable,
    read_together,
)
from headwater.storage.values import Reserved


class Counting:
    """A store that counts how often it is read."""

    def __init__(self, store: ObjectStore) -> None:
        self._store, self.reads = store, 0

    def get(self, key: ObjectKey, span: slice | None = None) -> bytes:
        self.reads += 1
        return self._store.get(key, span)


@pytest.fixture
def store() -> ObjectStore:
    return open_store("memory:")


def stored(store: ObjectStore, contents: list[bytes]) -> list[PortableFile]:
    stream = OutputStream(
        store, Reservation(tuple(Reserved(n, f"segments/{n:08x}") for n in range(1, 9)), 2**62)
    )
    fill = NewFile("fill", bytes(300_000))
    files = stream.add([fill, *(NewFile(str(n), data) for n, data in enumerate(contents))])
    stream.finish()
    return [file.file for file in files[1:]]


@pytest.mark.parametrize("at_once", [1, 4])
def test_neighbours_are_read_with_one_request(store: ObjectStore, at_once: int) -> None:
    contents = [b"text %d" % number for number in range(100)]
    files = stored(store, contents)
    counting = Counting(store)

    found = read_together(files, counting, at_once=at_once)  # type: ignore[arg-type]  # reads only

    assert [found[file.hash] for file in files] == contents
    assert counting.reads == 1


def test_files_far_apart_are_read_one_by_one(store: ObjectStore) -> None:
    files = stored(store, [b"first", bytes([7]) * 500_000, b"last"])
    counting = Counting(store)

    found = read_together([files[0], files[2]], counting, at_once=2)  # type: ignore[arg-type]  # reads only

    assert sorted(found.values()) == [b"first", b"last"]
    assert counting.reads == 2


def test_what_cannot_be_read_is_left_out_and_the_rest_is_there(store: ObjectStore) -> None:
    good, bad = stored(store, [b"good", b"bad"])
    part = msgspec.structs.replace(bad.parts[0], hash=b"x" * 32)
    gone = msgspec.structs.replace(bad.parts[0], object="segments/99")
    files = [good, *(msgspec.structs.replace(bad, parts=(one,)) for one in (part, gone))]

    assert read_together(files, store) == {good.hash: b"good"}


def test_an_output_of_a_stream_reads_as_what_was_added(store: ObjectStore, tmp_path: Path) -> None:
    place = tmp_path / "large"
    place.write_bytes(bytes(range(256)) * 8_000)
    stream = OutputStream(store, Reservation((Reserved(1, "segments/01"), Reserved(2, "segments/02")), 2**62))

    small = stream.add([NewFile("a", b"small"), NewFile("b", b"", executable=True)])
    large = stream.add([NewFile("c", place)])
    segments = stream.finish()

    assert [file.place for file in small] == [None, None]
    assert read_portable(large[0].file, store) == place.read_bytes()
    assert [segment.id for segment in segments] == [1]
    assert (small[1].file.executable, small[1].file.parts) == (True, ())
