"""Contents: small and large files, parts of them, streams, appends, and damage that is never handed on."""

import io
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.db import Catalog
from headwater.errors import InvalidInput
from headwater.storage import (
    FileEntry,
    ObjectKey,
    ObjectStore,
    Put,
    SegmentMissing,
    Storage,
    StoredBytesCorrupt,
    Tree,
    content_hash,
)
from headwater.storage.chunker import split, split_stream
from tests.storage.reference.make_vectors import load
from tests.storage.reference.recipes import CONTENTS, MIB, stream
from tests.storage.workbench import commit, publish, reopened


def only(tree: Tree) -> FileEntry:
    return next(tree.entries())


def chunks_stored(objects: ObjectStore) -> int:
    return sum(len(objects.get(key)) for key in objects.list())


@pytest.mark.parametrize("name", CONTENTS)
def test_a_file_comes_back_with_the_hash_of_the_format(
    storage: Storage, catalog: Catalog, objects: ObjectStore, name: str
) -> None:
    data, vector = stream(name, CONTENTS[name]), load("contents")[name]

    entry = only(commit(storage, catalog, {"file": data}))

    assert entry.hash.hex() == vector["hash"]
    assert entry.size == len(data)
    assert reopened(catalog, objects).read(entry) == data


class Trickle:
    """A stream that gives a little at a time, as a socket does."""

    def __init__(self, data: bytes) -> None:
        self._rest = io.BytesIO(data)

    def read(self, size: int = -1) -> bytes:
        return self._rest.read(min(size, 300_001) if size >= 0 else 300_001)


@pytest.mark.parametrize("size", [0, 10, MIB, MIB + 1, 9 * MIB])
def test_bytes_streams_and_paths_make_the_same_file(storage: Storage, tmp_path: Path, size: int) -> None:
    data = stream("sources", size)
    place = tmp_path / "file"
    place.write_bytes(data)
    writer = storage.writer()

    contents = [writer.add(one) for one in (data, bytearray(data), io.BytesIO(data), Trickle(data), place)]

    assert len({(content.hash, content.size) for content in contents}) == 1


def test_a_stream_of_text_and_a_path_that_is_not_there_are_refused(storage: Storage, tmp_path: Path) -> None:
    writer = storage.writer()

    with pytest.raises(InvalidInput, match="binary mode"):
        writer.add(io.StringIO("text"))  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="nowhere"):
        writer.add(tmp_path / "nowhere")


@pytest.mark.parametrize("size", [100, 9 * MIB])
def test_a_part_of_a_file_is_the_slice_of_its_bytes(storage: Storage, catalog: Catalog, size: int) -> None:
    data = stream("parts", size)
    entry = only(commit(storage, catalog, {"file": data}))

    for start, stop in (
        (0, 10),
        (size // 2, size // 2 + 50),
        (size - 5, None),
        (-7, None),
        (5, 5),
        (9, 3),
        (0, 2 * size),
    ):
        assert storage.read(entry, start, stop) == data[start:stop]


def test_a_part_of_a_large_file_reads_only_the_chunks_it_touches(
    storage: Storage, catalog: Catalog, objects: ObjectStore
) -> None:
    entry = only(commit(storage, catalog, {"file": stream("random", 40 * MIB)}))
    fresh = reopened(catalog, objects)

    fresh.read(entry, 20 * MIB, 20 * MIB + 10)

    assert (fresh.reader.row_reads, fresh.reader.object_reads) == (1, 1)  # the chunk list and one chunk


@settings(max_examples=20)
@given(moves=st.lists(st.tuples(st.integers(0, 3 * MIB), st.integers(0, 2 * MIB)), max_size=5))
def test_an_open_file_reads_like_any_file(
    shared: tuple[Storage, FileEntry, bytes], moves: list[tuple[int, int]]
) -> None:
    storage, entry, data = shared
    expected = io.BytesIO(data)

    with storage.open(entry) as file:
        for to, size in moves:
            file.seek(to)
            expected.seek(to)
            assert file.read(size) == expected.read(size)
        assert file.seek(0, io.SEEK_END) == len(data)
        assert file.read() == b""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Storage, FileEntry, bytes]:
    from headwater.storage import open_store

    catalog = Catalog.create(f"sqlite:///{tmp_path_factory.mktemp('shared')}/catalog.db")
    storage = Storage(catalog, open_store("memory:"))
    data = stream("open", 3 * MIB)
    return storage, only(commit(storage, catalog, {"file": data})), data


def test_an_open_file_is_lines_of_text_to_those_who_want_them(storage: Storage, catalog: Catalog) -> None:
    entry = only(commit(storage, catalog, {"a.csv": b"x,y\n1,2\n"}))

    with io.TextIOWrapper(storage.open(entry)) as text:
        assert text.readlines() == ["x,y\n", "1,2\n"]


def test_an_edit_in_a_large_file_stores_about_one_chunk(
    storage: Storage, catalog: Catalog, objects: ObjectStore
) -> None:
    data = stream("random", 40 * MIB)
    base = commit(storage, catalog, {"file": data})
    before = chunks_stored(objects)
    edited = data[: 15 * MIB] + b"an insertion" + data[15 * MIB :]

    writer = storage.writer()
    content = writer.add(edited, like=only(base))
    tree = writer.edit(base, [Put("file", content)])
    publish(writer, catalog)

    assert chunks_stored(objects) - before < 10 * MIB
    assert reopened(catalog, objects).read(only(tree)) == edited


@pytest.mark.parametrize("size", [0, 100, MIB, MIB + 1, 9 * MIB])
@pytest.mark.parametrize("more", [0, 10, 2 * MIB])
def test_an_appended_file_is_the_file_of_all_its_bytes(
    storage: Storage, catalog: Catalog, size: int, more: int
) -> None:
    before, after = stream("before", size), stream("after", more)
    entry = only(commit(storage, catalog, {"file": before}))
    writer = storage.writer()

    appended = writer.append(entry, after)
    streamed = writer.append(entry, io.BytesIO(after))
    whole = writer.add(before + after)

    assert (appended.hash, appended.size) == (whole.hash, whole.size) == (streamed.hash, streamed.size)
    assert storage.read(appended) == before + after


def test_an_append_to_a_large_file_stores_its_last_chunk_and_what_is_new(
    storage: Storage, catalog: Catalog, objects: ObjectStore
) -> None:
    data = stream("random", 40 * MIB)
    entry = only(commit(storage, catalog, {"file": data}))
    before, last = chunks_stored(objects), load("cuts")["random"]["chunks"][-1]

    writer = storage.writer()
    tree = writer.edit(storage.tree(None), [Put("file", writer.append(entry, b"more"))])
    publish(writer, catalog)

    assert chunks_stored(objects) - before < last + 100_000
    assert tree.size == len(data) + 4


@settings(max_examples=10)
@given(data=st.binary(max_size=300_000), times=st.integers(0, 40), cut=st.integers(0, 5 * MIB))
def test_chunks_joined_again_are_the_stream(data: bytes, times: int, cut: int) -> None:
    whole = data * times
    head, rest = whole[:cut], io.BytesIO(whole[cut:])

    in_memory = [bytes(chunk) for chunk in split(whole)]
    streamed = [bytes(chunk) for chunk in split_stream(head, rest)]

    assert b"".join(in_memory) == whole
    assert streamed == in_memory


@pytest.mark.parametrize("size", [1_000, 400_000, 3 * MIB])
def test_a_flipped_byte_in_an_object_is_found_named_and_never_returned(
    storage: Storage, catalog: Catalog, objects: ObjectStore, size: int
) -> None:
    tree = commit(storage, catalog, {"file": stream("flip", size), "other": os.urandom(300_000)})
    key = next(iter(objects.list()))
    sound = objects.get(key)

    outcomes = []
    for at in range(16, len(sound), len(sound) // 40):
        damaged = bytearray(sound)
        damaged[at] ^= 0x10
        objects.put(key, damaged)
        outcomes.append(read_all(reopened(catalog, objects), tree, key))

    assert set(outcomes) <= {"refused", "sound"}
    assert outcomes.count("refused") > 30


def read_all(storage: Storage, tree: Tree, key: ObjectKey) -> str:
    """Reads every file; returns "sound" if all is as it was, for the damage lies where nothing was read."""
    try:
        found = {entry.path: storage.read(entry) for entry in storage.tree(tree.root).entries()}
    except StoredBytesCorrupt as error:
        return "refused" if key in error.message and "segment" in error.message else error.message
    assert {path: content_hash(data) for path, data in found.items() if len(data) <= MIB} == {
        entry.path: entry.hash for entry in tree.entries() if entry.size <= MIB
    }
    return "sound"


def test_a_flipped_byte_in_a_row_is_found_and_named(
    storage: Storage, catalog: Catalog, objects: ObjectStore
) -> None:
    import sqlalchemy as sa

    tree = commit(storage, catalog, {"file": b"x" * 1_000})
    with catalog.write() as conn:
        data = bytearray(conn.execute(sa.text("SELECT data FROM segment_bytes")).scalar_one())
        data[100] ^= 1
        conn.execute(sa.text("UPDATE segment_bytes SET data = :data"), {"data": bytes(data)})

    with pytest.raises(StoredBytesCorrupt, match="row of the catalog"):
        reopened(catalog, objects).read(only(tree))


def test_a_missing_object_names_its_segment(storage: Storage, catalog: Catalog, objects: ObjectStore) -> None:
    tree = commit(storage, catalog, {"file": stream("gone", MIB)})
    key = next(iter(objects.list()))
    objects.delete(key)

    with pytest.raises(SegmentMissing, match=str(key)):
        reopened(catalog, objects).read(only(tree))


def test_an_object_that_is_cut_off_is_damaged(
    storage: Storage, catalog: Catalog, objects: ObjectStore
) -> None:
    entry = only(commit(storage, catalog, {"file": stream("short", MIB)}))
    key = next(iter(objects.list()))
    objects.put(key, objects.get(key)[:1_000])

    with pytest.raises(StoredBytesCorrupt, match="ends before"):
        reopened(catalog, objects).read(entry)
