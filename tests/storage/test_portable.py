"""What travels to a task without a catalog, and what comes back from it."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from headwater.db import Catalog
from headwater.storage import (
    InvalidPath,
    ObjectKey,
    ObjectStore,
    PortableFile,
    PortableOutput,
    Put,
    Reservation,
    ReservationSpent,
    SegmentsGone,
    Storage,
    StoredBytesCorrupt,
    copy_portable,
    open_store,
    read_portable,
    write_outputs,
)
from tests.storage.reference.recipes import MIB, stream
from tests.storage.workbench import commit, publish, reopened, states

FILES = {"empty": b"", "small": b"A fine film.", "large": stream("portable", 12 * MIB)}


def sent(file: PortableFile) -> PortableFile:
    """Returns a file as it arrives at the other side."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(file), type=PortableFile)


def tidy(folder: Path, files: dict[str, bytes]) -> Path:
    for path, data in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    return folder


@pytest.mark.parametrize("files", [FILES, {"empty": b"", "small": b"x"}], ids=["as objects", "in a row"])
def test_a_file_reads_the_same_without_a_catalog(
    storage: Storage, catalog: Catalog, objects: ObjectStore, tmp_path: Path, files: dict[str, bytes]
) -> None:
    tree = commit(storage, catalog, files)

    portable = {entry.path: sent(storage.portable(entry)) for entry in tree.entries()}
    for path, file in portable.items():
        copy_portable(file, objects, tmp_path / path)

    assert {path: read_portable(file, objects) for path, file in portable.items()} == files
    assert {path: (tmp_path / path).read_bytes() for path in files} == files


def test_what_lies_in_the_catalog_rides_along_and_the_rest_does_not(
    storage: Storage, catalog: Catalog
) -> None:
    row = commit(storage, catalog, {"a": b"in a row"})
    object = commit(storage, catalog, {"a": os.urandom(MIB)})

    riding, named = (storage.portable(next(tree.entries())) for tree in (row, object))

    assert [part.data for part in riding.parts] == [b"in a row"]
    assert [part.data for part in named.parts] == [None]
    assert len(msgspec.msgpack.encode(named)) < 300


def test_the_executable_bit_travels(
    storage: Storage, catalog: Catalog, objects: ObjectStore, tmp_path: Path
) -> None:
    writer = storage.writer()
    tree = writer.edit(storage.tree(None), [Put("run", writer.add(b"#!/bin/sh", executable=True))])

    place = tidy(tmp_path / "out", {"plain": b""}) / "run"
    copy_portable(storage.portable(next(tree.entries())), objects, place)
    output = write_outputs(place.parent, objects, storage.reserve(1))

    assert os.access(place, os.X_OK)
    assert [one.file.executable for one in output.files] == [False, True]


def test_damaged_bytes_are_not_copied_out(storage: Storage, catalog: Catalog, objects: ObjectStore) -> None:
    entry = next(commit(storage, catalog, {"a": os.urandom(MIB)}).entries())
    file = storage.portable(entry)
    key = ObjectKey(file.parts[0].object)
    objects.put(key, objects.get(key)[:-400_000] + bytes(400_000))

    with pytest.raises(StoredBytesCorrupt, match=str(key)):
        read_portable(file, objects)


@pytest.mark.parametrize("size", [10, 100_000, 300_000, 12 * MIB])
def test_what_a_task_wrote_becomes_part_of_a_commit(
    storage: Storage, catalog: Catalog, objects: ObjectStore, tmp_path: Path, size: int
) -> None:
    files = {"a/b.txt": b"text", "empty": b"", "model.bin": stream("model", size), "ü/x": b"y"}
    written = write_outputs(tidy(tmp_path / "out", files), objects, storage.reserve(4))
    output = msgspec.msgpack.decode(msgspec.msgpack.encode(written), type=PortableOutput)

    writer = storage.writer()
    contents = writer.adopt(output)
    tree = writer.edit(storage.tree(None), [Put(path, content) for path, content in contents.items()])
    publish(writer, catalog)

    fresh = reopened(catalog, objects)
    assert {entry.path: fresh.read(entry) for entry in tree.entries()} == files
    assert tree.root_hash == commit(storage, catalog, files).root_hash
    assert {one.path: read_portable(one.file, objects) for one in output.files} == files


def test_small_outputs_ride_back_and_large_ones_lie_in_reserved_segments(
    storage: Storage, catalog: Catalog, objects: ObjectStore, tmp_path: Path
) -> None:
    reservation = storage.reserve(3)

    small = write_outputs(tidy(tmp_path / "small", {"a": b"x" * 200_000}), objects, reservation)
    assert list(objects.list()) == []
    large = write_outputs(tidy(tmp_path / "large", {"a": os.urandom(20 * MIB)}), objects, reservation)

    assert small.segments == ()
    assert {one.id for one in large.segments} <= {one.id for one in reservation.segments}
    assert [key.rpartition("-")[0] for key in objects.list()] == sorted(
        one.key for one in reservation.segments if one.id in {segment.id for segment in large.segments}
    )
    assert states(catalog) == {"pending": 3}


def test_a_late_attempt_cannot_overwrite_an_accepted_one(
    storage: Storage, catalog: Catalog, objects: ObjectStore, tmp_path: Path
) -> None:
    reservation = storage.reserve(2)
    accepted = write_outputs(tidy(tmp_path / "first", {"a": b"1" * 300_000}), objects, reservation)
    late = write_outputs(tidy(tmp_path / "second", {"a": b"2" * 300_000}), objects, reservation)

    writer = storage.writer()
    tree = writer.edit(storage.tree(None), [Put("a", writer.adopt(accepted)["a"])])
    publish(writer, catalog)

    assert reopened(catalog, objects).read(next(tree.entries())) == b"1" * 300_000
    other = storage.writer()
    other.adopt(late)
    other.seal()
    with pytest.raises(SegmentsGone), catalog.write() as conn:
        other.publish(conn)


def test_two_writers_of_one_transaction_may_adopt_the_same_output(
    storage: Storage, catalog: Catalog, objects: ObjectStore, tmp_path: Path
) -> None:
    output = write_outputs(tidy(tmp_path / "out", {"a": os.urandom(MIB)}), objects, storage.reserve(2))
    first, second = storage.writer(), storage.writer()
    trees = [
        writer.edit(storage.tree(None), [Put("a", writer.adopt(output)["a"])]) for writer in (first, second)
    ]
    first.seal()
    second.seal()

    with catalog.write() as conn:
        first.publish(conn)
        second.publish(conn)

    assert len({reopened(catalog, objects).read(next(tree.entries())) for tree in trees}) == 1


def test_what_was_reserved_and_not_written_can_be_given_back(
    storage: Storage, catalog: Catalog, objects: ObjectStore, tmp_path: Path
) -> None:
    reservation = storage.reserve(4)
    output = write_outputs(tidy(tmp_path, {"a": os.urandom(300_000)}), objects, reservation)

    with catalog.write() as conn:
        storage.release(conn, reservation, tuple(segment.id for segment in output.segments))

    assert states(catalog) == {"pending": 1}


def test_an_output_larger_than_its_reservation_is_refused(
    storage: Storage, objects: ObjectStore, tmp_path: Path
) -> None:
    folder = tidy(tmp_path, {f"{n}": os.urandom(MIB) for n in range(20)})

    with pytest.raises(ReservationSpent, match="more than the 1"):
        write_outputs(folder, objects, storage.reserve(1))


def test_names_and_kinds_of_file_that_cannot_be_kept_are_refused(
    storage: Storage, objects: ObjectStore, tmp_path: Path
) -> None:
    folder = tidy(tmp_path / "out", {"a/b": b""})
    (folder / "a" / "link").symlink_to(tmp_path)
    with pytest.raises(InvalidPath, match="a/link"):
        write_outputs(folder, objects, storage.reserve(1))

    (folder / "a" / "link").unlink()
    (folder / "e\u0301").write_bytes(b"")
    with pytest.raises(InvalidPath, match="normal form"):
        write_outputs(folder, objects, storage.reserve(1))


def test_a_task_needs_no_catalog_and_does_not_import_one(tmp_path: Path) -> None:
    script = """
import sys
from headwater.storage import PortableFile, PortableOutput, Reservation, copy_portable, open_store, write_outputs
print(sorted({"sqlalchemy", "alembic", "pyfastcdc"} & set(sys.modules)))
"""

    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)

    assert done.stdout == "[]\n"


def test_a_reservation_travels(storage: Storage) -> None:
    reservation = storage.reserve(2)

    assert msgspec.msgpack.decode(msgspec.msgpack.encode(reservation), type=Reservation) == reservation
    assert isinstance(open_store("memory:").url, str)
