"""What a writer makes durable and visible, and when: rows, objects, reservations, lost races, sharing."""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from headwater.db import Catalog
from headwater.storage import (
    CommitRecord,
    FileEntry,
    MapEntry,
    ObjectKey,
    ObjectStore,
    Put,
    RecordedTrees,
    SegmentMissing,
    SegmentsGone,
    Storage,
    StorageUnavailable,
    Tree,
    WriterClosed,
)
from headwater.storage.block import Kind
from headwater.storage.local import LocalStore
from headwater.storage.segment import ROW_LIMIT_BYTES, listed_blocks
from headwater.storage.stores import MemoryStore
from tests.storage.reference.recipes import MIB, stream
from tests.storage.workbench import commit, fake, publish, reopened, states


class Undone(Exception):
    """Undoes a transaction."""


@contextmanager
def undone(catalog: Catalog) -> Iterator[sa.Connection]:
    """A transaction that is undone at its end."""
    with pytest.raises(Undone), catalog.write() as conn:  # noqa: PT012 - the block is the caller's
        yield conn
        raise Undone


def get(tree: Tree, path: str) -> FileEntry:
    entry = tree.get(path)
    assert entry is not None
    return entry


def record(message: str = "") -> CommitRecord:
    return CommitRecord(
        id="1" * 32, set="2" * 32, repo="r", repo_kind="data", branch="main", parent=None, state="finished",
        created_ms=0, author="", message=message, metadata={}, provenance=(), trees=RecordedTrees(), files=0, size=0,
    )  # fmt: skip


def test_a_small_commit_is_one_row_and_no_object(
    storage: Storage, catalog: Catalog, objects: ObjectStore
) -> None:
    commit(storage, catalog, {"a": b"1", "b/c": b"2"})

    assert states(catalog) == {"live": 1}
    assert list(objects.list()) == []


def test_what_is_longer_than_a_row_is_an_object(
    storage: Storage, catalog: Catalog, objects: ObjectStore
) -> None:
    tree = commit(storage, catalog, {"a": os.urandom(ROW_LIMIT_BYTES), "b": b"x"})

    assert states(catalog) == {"live": 1}
    assert len(list(objects.list())) == 1
    assert reopened(catalog, objects).read(get(tree, "b")) == b"x"


def test_large_commits_are_several_objects_and_a_row(
    storage: Storage, catalog: Catalog, objects: ObjectStore
) -> None:
    files = {f"{n}.bin": stream(str(n), MIB) for n in range(40)}

    tree = commit(storage, catalog, files)

    fresh = reopened(catalog, objects)
    sizes = [len(objects.get(key)) for key in objects.list()]
    assert {path: fresh.read(get(tree, path)) for path in files} == files
    assert states(catalog) == {"live": len(sizes) + 1}
    assert all(8 * MIB <= size <= 9.1 * MIB for size in sizes)


def test_every_segment_lists_what_it_holds(storage: Storage, catalog: Catalog, objects: ObjectStore) -> None:
    commit(storage, catalog, {f"{n}.bin": stream(str(n), MIB) for n in range(8)})

    with catalog.read() as conn:
        rows = conn.execute(sa.text("SELECT id, object FROM segments")).all()
        data = conn.execute(sa.text("SELECT data FROM segment_bytes")).scalar_one()
    kinds: list[Kind] = []
    for id, key in rows:
        kinds += [block.kind for block in listed_blocks(id, objects.get(key) if key else data)]

    assert sorted(kinds) == [Kind.CONTENT] * 8 + [Kind.FILE_NODE]


def test_nothing_of_a_transaction_that_is_undone_is_visible(
    storage: Storage, catalog: Catalog, objects: ObjectStore
) -> None:
    writer = storage.writer()
    tree = writer.edit(
        storage.tree(None), [Put("a", writer.add(b"x")), Put("b", writer.add(os.urandom(MIB)))]
    )
    writer.seal()

    with undone(catalog) as conn:
        writer.publish(conn)

    assert "live" not in states(catalog)
    with pytest.raises(SegmentMissing):
        reopened(catalog, objects).tree(tree.root).get("a")


def test_a_tree_can_be_read_before_it_is_published(storage: Storage) -> None:
    writer = storage.writer()
    contents = {f"{n}": os.urandom(MIB) for n in range(10)} | {"small": b"x"}

    tree = writer.edit(storage.tree(None), [Put(path, writer.add(data)) for path, data in contents.items()])

    assert {entry.path: storage.read(entry) for entry in tree.entries()} == contents


def test_a_tree_can_be_read_inside_the_transaction_that_publishes_it(
    storage: Storage, catalog: Catalog
) -> None:
    writer = storage.writer()
    tree = writer.edit(storage.tree(None), [Put("a", writer.add(b"x"))])
    writer.seal()

    with catalog.write() as conn:
        writer.publish(conn)
        assert storage.read(get(storage.tree(tree.root), "a")) == b"x"


def test_after_a_lost_race_contents_stay_and_the_first_trees_leave_nothing(
    storage: Storage, catalog: Catalog, objects: ObjectStore
) -> None:
    base = commit(storage, catalog, {f"{n}": b"%d" % n for n in range(2_000)})
    writer = storage.writer()
    content = writer.add(b"mine")
    writer.edit(base, [Put("mine", content)])
    writer.seal()
    with undone(catalog) as conn:
        writer.publish(conn, [record("first try")])
    other = commit(storage, catalog, {"other": b"theirs"}, base)

    writer.rewind()
    tree = writer.edit(other, [Put("mine", content)])
    publish(writer, catalog)

    lone = commit(storage, catalog, {"mine": b"mine"}, other)
    fresh = reopened(catalog, objects)
    again = fresh.tree(tree.root)
    assert [fresh.read(get(again, path)) for path in ("mine", "other", "7")] == [b"mine", b"theirs", b"7"]
    assert again.root_hash == lone.root_hash
    assert blocks_of(catalog, tree) == blocks_of(catalog, lone)


def blocks_of(catalog: Catalog, tree: Tree) -> list[tuple[Kind, bytes]]:
    """Returns what the row holds that a tree's root lies in."""
    assert tree.root is not None
    with catalog.read() as conn:
        found = conn.execute(
            sa.text("SELECT data FROM segment_bytes WHERE segment = :id"), {"id": tree.root.segment}
        )
        return [(block.kind, block.hash) for block in listed_blocks(tree.root.segment, found.scalar_one())]


def test_a_rewound_writer_drops_objects_that_held_only_nodes(storage: Storage, catalog: Catalog) -> None:
    writer = storage.writer()
    content = writer.add(b"shared")
    many = [Put(f"{n:06d}", content) for n in range(300_000)]
    writer.edit(storage.tree(None), many)
    writer.seal()
    with undone(catalog) as conn:
        writer.publish(conn)

    writer.rewind()
    tree = writer.edit(storage.tree(None), many[:10])
    publish(writer, catalog)

    assert [entry.path for entry in tree.entries()] == [put.path for put in many[:10]]
    assert storage.read(get(tree, "000000")) == b"shared"


def test_a_writer_publishes_once_and_only_what_is_sealed(storage: Storage, catalog: Catalog) -> None:
    writer = storage.writer()
    writer.add(b"x")
    with pytest.raises(WriterClosed, match="before it is sealed"), catalog.write() as conn:
        writer.publish(conn)
    publish(writer, catalog)

    with pytest.raises(WriterClosed):
        writer.add(b"y")
    with pytest.raises(WriterClosed), catalog.write() as conn:
        writer.publish(conn)


def test_an_aborted_writer_leaves_no_object_and_nothing_visible(
    storage: Storage, catalog: Catalog, objects: ObjectStore
) -> None:
    writer = storage.writer()
    for n in range(12):
        writer.add(stream(str(n), MIB))
    assert len(list(objects.list())) > 0

    writer.abort()

    assert list(objects.list()) == []
    assert "live" not in states(catalog)


def test_giving_up_after_publishing_takes_nothing_back(
    storage: Storage, catalog: Catalog, objects: ObjectStore
) -> None:
    writer = storage.writer()
    tree = writer.edit(storage.tree(None), [Put("a", writer.add(stream("kept", MIB)))])
    publish(writer, catalog)

    writer.abort()

    assert reopened(catalog, objects).read(get(tree, "a")) == stream("kept", MIB)


def test_a_failing_store_ends_the_commit_and_leaves_nothing(catalog: Catalog, tmp_path: Path) -> None:
    class Full(LocalStore):
        puts = 0

        def _write(self, place: Path, data: bytes | bytearray | memoryview) -> None:
            self.puts += 1
            if self.puts > 2:
                raise OSError(28, "No space left on device")
            super()._write(place, data)

    store = Full(tmp_path / "objects")
    storage = Storage(catalog, store)
    writer = storage.writer()
    with pytest.raises(StorageUnavailable, match="No space left"):  # noqa: PT012 - it may fail at any of them
        for n in range(100):
            writer.add(stream(str(n), MIB))
        writer.seal()
    writer.abort()

    assert list(store.list()) == []
    assert "live" not in states(catalog)


def test_what_was_added_after_sealing_is_not_published_unnoticed(storage: Storage, catalog: Catalog) -> None:
    writer = storage.writer()
    writer.seal()
    writer.add(b"late")

    with pytest.raises(WriterClosed), catalog.write() as conn:
        writer.publish(conn)


def test_an_abandoned_writer_is_forgotten_and_its_tree_can_be_read_while_it_is_held(storage: Storage) -> None:
    tree = storage.writer().edit(storage.tree(None), [Put("a", fake(b"x"))])
    root = tree.root
    assert root is not None

    assert tree.get("a") is not None
    del tree
    gc.collect()

    with pytest.raises(SegmentMissing):
        storage.reader.block(root.segment, root.offset, root.length)


def test_segments_are_reserved_before_anything_is_uploaded(catalog: Catalog) -> None:
    seen: list[dict[str, int]] = []

    class Watched(MemoryStore):
        def put(self, key: ObjectKey, data: bytes | bytearray | memoryview) -> None:
            with catalog.read() as conn:
                found = conn.execute(sa.text("SELECT state FROM segments WHERE object = :key"), {"key": key})
                seen.append({row[0]: 1 for row in found})
            super().put(key, data)

    storage = Storage(catalog, Watched())
    commit(storage, catalog, {f"{n}": stream(str(n), MIB) for n in range(60)})

    assert len(seen) >= 6
    assert all(states == {"pending": 1} for states in seen)
    assert "pending" not in states(catalog)


def test_identical_content_is_written_again_unless_the_base_has_it(
    storage: Storage, catalog: Catalog
) -> None:
    data = os.urandom(10_000)
    base = commit(storage, catalog, {"a": data})
    with catalog.read() as conn:
        before = storage.stats(conn)

    same = commit(storage, catalog, {"a": data}, base)
    other = commit(storage, catalog, {"b": data})

    assert same.root == base.root
    assert get(other, "b").place != get(base, "a").place
    with catalog.read() as conn:
        assert storage.stats(conn) - before > 10_000


def test_what_another_commit_holds_may_be_shared_while_it_is_live(storage: Storage, catalog: Catalog) -> None:
    first = commit(storage, catalog, {"a": os.urandom(50_000), "large": stream("large", 3 * MIB)})
    raise_epoch(catalog)

    writer = storage.writer()
    edits = [Put("b", get(first, "a").content), Put("l", get(first, "large").content)]
    second = writer.edit(storage.tree(None), edits)
    publish(writer, catalog)

    assert get(second, "b").place == get(first, "a").place
    with catalog.read() as conn:
        epochs = conn.execute(sa.text("SELECT epoch FROM segments WHERE state = 'live'")).scalars().all()
    assert set(epochs) == {2}


def test_what_a_sweep_has_condemned_cannot_be_shared(storage: Storage, catalog: Catalog) -> None:
    first = commit(storage, catalog, {"a": b"old"})
    with catalog.write() as conn:
        conn.execute(sa.text("UPDATE segments SET state = 'condemned'"))
    writer = storage.writer()
    writer.edit(storage.tree(None), [Put("b", get(first, "a").content)])
    writer.seal()

    with pytest.raises(SegmentsGone), catalog.write() as conn:
        writer.publish(conn)

    assert states(catalog) == {"condemned": 1}


def test_a_map_relies_on_all_that_its_pointers_lead_to(storage: Storage, catalog: Catalog) -> None:
    inner = commit(storage, catalog, {"a": b"1"})
    outer = commit(storage, catalog, [Put("a", get(inner, "a").content)])
    assert outer.root is not None
    raise_epoch(catalog)

    writer = storage.writer()
    writer.edit_map(storage.map_tree(None), [MapEntry(b"k", b"v", (outer.root,))])
    publish(writer, catalog)

    with catalog.read() as conn:
        epochs = conn.execute(sa.text("SELECT epoch FROM segments ORDER BY id")).scalars().all()
    assert epochs == [2, 2, 2]


def test_a_reservation_that_was_taken_back_stops_the_commit(storage: Storage, catalog: Catalog) -> None:
    writer = storage.writer()
    writer.add(os.urandom(MIB))
    writer.seal()
    with catalog.write() as conn:
        conn.execute(sa.text("DELETE FROM segments WHERE state = 'pending'"))

    with pytest.raises(SegmentsGone), catalog.write() as conn:
        writer.publish(conn)


def raise_epoch(catalog: Catalog) -> None:
    with catalog.write() as conn:
        conn.execute(sa.text("UPDATE sweep_epoch SET epoch = epoch + 1"))


@pytest.mark.parametrize("size", [10, ROW_LIMIT_BYTES - 1_000, ROW_LIMIT_BYTES - 100, 2 * ROW_LIMIT_BYTES])
def test_a_commit_record_lies_in_a_row_that_its_transaction_writes(
    storage: Storage, catalog: Catalog, objects: ObjectStore, size: int
) -> None:
    writer = storage.writer()
    writer.edit(storage.tree(None), [Put("a", writer.add(os.urandom(size)))])
    writer.seal()

    with catalog.write() as conn:
        (place,) = writer.publish(conn, [record("the message" * 50)])

    with catalog.read() as conn:
        row = conn.execute(
            sa.text("SELECT length(data) FROM segment_bytes WHERE segment = :id"), {"id": place.segment}
        ).scalar_one()
    assert row <= ROW_LIMIT_BYTES
    assert reopened(catalog, objects).commit_record(place) == record("the message" * 50)


def test_records_of_commits_that_wrote_nothing_else_are_a_row_too(
    storage: Storage, catalog: Catalog, objects: ObjectStore
) -> None:
    given = [record("covered"), record("failed")]

    with catalog.write() as conn:
        places = storage.publish_records(conn, given)

    assert [reopened(catalog, objects).commit_record(place) for place in places] == given
    assert states(catalog) == {"live": 1}


def test_segment_ids_are_never_given_out_twice(catalog: Catalog, objects: ObjectStore) -> None:
    first, second = (Storage(catalog, objects) for _ in range(2))

    for storage in (first, second, first, second):
        commit(storage, catalog, {"a": b"x"})

    with catalog.read() as conn:
        ids = conn.execute(sa.text("SELECT id FROM segments")).scalars().all()
    assert len(set(ids)) == 4


def test_a_one_file_commit_is_one_transaction(storage: Storage, catalog: Catalog) -> None:
    base = commit(storage, catalog, {"a": b"x"})
    with catalog.read() as conn:
        before = conn.execute(sa.text("SELECT value FROM counters WHERE name = 'segment'")).scalar_one()

    for n in range(5):
        base = commit(storage, catalog, {f"{n}": b"x"}, base)

    with catalog.read() as conn:
        after = conn.execute(sa.text("SELECT value FROM counters WHERE name = 'segment'")).scalar_one()
    assert (after, states(catalog)) == (before, {"live": 6})
