"""Segments that one writer put and never published: kept for another writer, or lost with their reservation."""

import os

import pytest
import sqlalchemy as sa

from headwater.db import Catalog
from headwater.storage import Chunk, ObjectStore, Put, SegmentsGone, Storage, WrittenSegment
from tests.storage.reference.recipes import MIB, stream
from tests.storage.workbench import commit, publish, reopened, states


class Kept:
    """A keeper that remembers what it hears."""

    def __init__(self) -> None:
        self.segments: list[WrittenSegment] = []
        self.chunks: list[Chunk] = []

    def keep(self, segment: WrittenSegment, chunks: list[Chunk]) -> None:
        self.segments.append(segment)
        self.chunks += chunks


def test_small_files_of_a_batch_are_those_added_one_by_one(storage: Storage, catalog: Catalog) -> None:
    data = [b"", b"one", os.urandom(70_000), b"one"]
    writer, single = storage.writer(), storage.writer()

    contents = writer.add_small([(one, number == 1) for number, one in enumerate(data)])

    expected = [single.add(one, executable=number == 1) for number, one in enumerate(data)]
    marks = [(one.hash, one.size, one.executable) for one in contents]
    assert marks == [(one.hash, one.size, one.executable) for one in expected]
    tree = writer.edit(storage.tree(None), [Put(f"{n}", one) for n, one in enumerate(contents)])
    publish(writer, catalog)
    assert [storage.read(entry) for entry in tree.entries()] == data


def test_batches_outlive_a_lost_race(storage: Storage, catalog: Catalog, objects: ObjectStore) -> None:
    data = [os.urandom(900_000) for _ in range(30)]
    writer = storage.writer()
    contents = writer.add_small([(one, False) for one in data])
    puts = [Put(f"{n:02d}", one) for n, one in enumerate(contents)]
    writer.edit(storage.tree(None), puts)
    writer.seal()

    writer.rewind()
    tree = writer.edit(storage.tree(None), puts)
    publish(writer, catalog)

    fresh = reopened(catalog, objects)
    assert [fresh.read(entry) for entry in tree.entries()] == data


def test_what_a_keeper_heard_of_is_taken_over_by_another_writer(
    storage: Storage, catalog: Catalog, objects: ObjectStore
) -> None:
    kept, data = Kept(), [stream(str(n), MIB) for n in range(30)]
    first = storage.writer()
    first.keep_for(kept)
    contents = [first.add(one) for one in data]
    first.abort()
    stored = {one.id for one in kept.segments}
    assert len(stored) >= 2
    whole = [
        (one, content) for one, content in zip(data, contents, strict=True) if segment_of(content) in stored
    ]

    other = Storage(catalog, objects)
    writer = other.writer()
    assert writer.take_over(kept.segments) == stored
    tree = writer.edit(other.tree(None), [Put(f"{n:02d}", content) for n, (_, content) in enumerate(whole)])
    publish(writer, catalog)

    fresh = reopened(catalog, objects)
    assert [fresh.read(entry) for entry in tree.entries()] == [one for one, _ in whole]


def segment_of(content: object) -> int:
    place = getattr(content, "place", None)
    assert place is not None
    return int(place.segment)


def test_chunks_that_were_kept_are_not_stored_again(
    storage: Storage, catalog: Catalog, objects: ObjectStore
) -> None:
    kept, data = Kept(), stream("random", 40 * MIB)
    first = storage.writer()
    first.keep_for(kept)
    content = first.add(data)
    first.abort()
    before = sum(len(objects.get(key)) for key in objects.list())
    assert len(kept.chunks) >= 3

    writer = storage.writer()
    alive = writer.take_over(kept.segments)
    again = writer.add(data, known=[one for one in kept.chunks if one.place.segment in alive])
    tree = writer.edit(storage.tree(None), [Put("file", again)])
    publish(writer, catalog)

    after = sum(len(objects.get(key)) for key in objects.list())
    assert again.hash == content.hash
    assert before + (after - before) < 40 * MIB + 100_000
    assert reopened(catalog, objects).read(next(tree.entries())) == data


def test_a_reservation_that_is_over_is_not_taken_over(storage: Storage, catalog: Catalog) -> None:
    kept = Kept()
    first = storage.writer()
    first.keep_for(kept)
    first.add(stream("x", 20 * MIB))
    first.abort()
    with catalog.write() as conn:
        conn.execute(sa.text("UPDATE segments SET expires_ms = 1"))

    assert storage.writer().take_over(kept.segments) == set()


def test_what_was_swept_after_it_was_taken_over_stops_the_commit(storage: Storage, catalog: Catalog) -> None:
    kept = Kept()
    first = storage.writer()
    first.keep_for(kept)
    content = first.add(stream("x", MIB))
    first.add(stream("y", 20 * MIB))
    first.abort()
    writer = storage.writer()
    writer.take_over(kept.segments)
    writer.edit(storage.tree(None), [Put("x", content)])
    writer.seal()
    with catalog.write() as conn:
        conn.execute(sa.text("DELETE FROM segments WHERE state = 'pending'"))

    with pytest.raises(SegmentsGone), catalog.write() as conn:
        writer.publish(conn)


def test_a_segment_is_not_taken_over_twice(storage: Storage, catalog: Catalog) -> None:
    kept = Kept()
    first = storage.writer()
    first.keep_for(kept)
    content = first.add(stream("x", MIB))
    first.add(stream("y", 20 * MIB))
    first.abort()
    writer = storage.writer()
    writer.take_over(kept.segments)
    writer.edit(storage.tree(None), [Put("x", content)])
    publish(writer, catalog)

    assert storage.writer().take_over(kept.segments) == set()
    assert "live" in states(catalog)


def test_small_files_and_streams_are_read_as_one_by_one(storage: Storage, catalog: Catalog) -> None:
    files = {f"{n:03d}": stream(str(n), n * 37) for n in range(300)} | {"large": stream("large", 9 * MIB)}
    tree = commit(storage, catalog, files)
    entries = {entry.path: entry for entry in tree.entries()}

    small = [entry for entry in entries.values() if entry.size <= MIB]
    assert storage.read_small(small[::-1]) == [files[entry.path] for entry in small[::-1]]
    for start, stop in ((0, None), (5, 3 * MIB), (-7, None), (8 * MIB, 20 * MIB), (4, 4)):
        assert b"".join(storage.stream(entries["large"], start, stop)) == files["large"][start:stop]
    parts = storage.parts(entries["large"])
    assert b"".join(map(storage.read_part, parts)) == files["large"]
