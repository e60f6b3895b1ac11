"""What a check finds, which commits it names, and what a repair makes of it."""

import os
from pathlib import Path

import pytest
import sqlalchemy as sa

from headwater.db import Catalog
from headwater.errors import Error
from headwater.storage import (
    Finding,
    ObjectKey,
    ObjectStore,
    Pointer,
    Storage,
    StoredBytesCorrupt,
    Tree,
    open_store,
)
from headwater.storage.content import SMALL_BYTES
from headwater.storage.stores import MemoryStore
from tests.clocks import HandClock
from tests.storage.care.ledger import Ledger, contents
from tests.storage.workbench import commit, reopened

BIG = 300_000


def place_of(tree: Tree, path: str) -> Pointer:
    entry = tree.get(path)
    assert entry is not None
    assert entry.place is not None
    return entry.place


def flip(catalog: Catalog, objects: ObjectStore, place: Pointer) -> None:
    """Changes one byte in the middle of a block, wherever it lies."""
    with catalog.write() as conn:
        key, start = conn.execute(
            sa.text("SELECT object, start FROM segments WHERE id = :id"), {"id": place.segment}
        ).one()
        at = place.offset + place.length // 2
        if key is None:
            query = sa.text("SELECT data FROM segment_bytes WHERE segment = :id")
            data = bytearray(conn.execute(query, {"id": place.segment}).scalar_one())
            data[at] ^= 1
            change = sa.text("UPDATE segment_bytes SET data = :data WHERE segment = :id")
            conn.execute(change, {"data": bytes(data), "id": place.segment})
            return
    data = bytearray(objects.get(ObjectKey(key)))
    data[start + at] ^= 1
    objects.delete(ObjectKey(key))
    objects.put(ObjectKey(key), data)


def check(catalog: Catalog, objects: ObjectStore, ledger: Ledger, *, deep: bool = True) -> list[Finding]:
    return list(reopened(catalog, objects).check([ledger], deep=deep))


def repair(
    catalog: Catalog, objects: ObjectStore, ledger: Ledger, replica: ObjectStore | None = None
) -> list[Finding]:
    return list(reopened(catalog, objects).repair([ledger], replica=replica))


def copied(objects: ObjectStore) -> MemoryStore:
    replica = MemoryStore()
    for key in objects.list():
        replica.put(key, objects.get(key))
    return replica


def test_nothing_is_wrong_with_what_is_whole(
    storage: Storage, catalog: Catalog, objects: ObjectStore, ledger: Ledger
) -> None:
    tree = ledger.commit(
        storage, "a", {f"{n}": b"%d" % n for n in range(500)} | {"big": os.urandom(3 * SMALL_BYTES)}
    )
    ledger.commit(storage, "b", {"7": b"other"}, tree)
    storage.pack(everything=True)
    ledger.commit(storage, "c", {"8": b"other"}, tree)

    assert check(catalog, objects, ledger) == check(catalog, objects, ledger, deep=False) == []


@pytest.mark.parametrize("packed", [False, True])
def test_a_flipped_byte_is_found_and_the_commits_and_paths_named(
    storage: Storage, catalog: Catalog, objects: ObjectStore, ledger: Ledger, *, packed: bool
) -> None:
    first = ledger.commit(storage, "first", {f"{n:03}": b"%d" % n for n in range(300)})
    second = ledger.commit(storage, "second", {"new": b"x"}, first)
    ledger.commit(storage, "third", {"042": b"replaced"}, second)
    ledger.commit(storage, "fourth", {"other": b"y"})
    if packed:
        storage.pack(everything=True)
    place = place_of(first, "042")

    flip(catalog, objects, place)

    [found] = check(catalog, objects, ledger)
    assert (found.kind, found.segment, found.offset) == ("block-damaged", place.segment, place.offset)
    assert (found.commits, found.paths) == (("first", "second"), ("042",))
    assert found.is_damage
    assert f"segment {place.segment}" in found.where


def test_a_damaged_node_touches_all_below_it(
    storage: Storage, catalog: Catalog, objects: ObjectStore, ledger: Ledger
) -> None:
    tree = ledger.commit(storage, "a", {f"{n:03}": b"%d" % n for n in range(3)})
    assert tree.root is not None

    flip(catalog, objects, tree.root)

    [found] = check(catalog, objects, ledger)
    assert (found.kind, found.commits, found.paths) == ("block-damaged", ("a",), ("/",))


@pytest.mark.parametrize("deep", [False, True])
def test_a_missing_object_is_found_without_reading_anything(
    storage: Storage, catalog: Catalog, objects: ObjectStore, ledger: Ledger, *, deep: bool
) -> None:
    ledger.commit(storage, "a", {"a": b"1"})
    ledger.commit(storage, "b", {"b": os.urandom(BIG)})
    [key] = objects.list()

    objects.delete(key)

    [found] = check(catalog, objects, ledger, deep=deep)
    assert (found.kind, found.object, found.commits) == ("object-missing", key, ("b",))


def test_an_object_that_is_cut_off_is_found(
    storage: Storage, catalog: Catalog, objects: ObjectStore, ledger: Ledger
) -> None:
    ledger.commit(storage, "b", {"b": os.urandom(BIG)})
    [key] = objects.list()
    data = objects.get(key)
    objects.delete(key)

    objects.put(key, data[:-100])

    [found] = check(catalog, objects, ledger)
    assert (found.kind, found.commits) == ("object-cut-off", ("b",))


def test_a_row_without_bytes_and_a_segment_without_a_row_are_found(
    storage: Storage, catalog: Catalog, objects: ObjectStore, ledger: Ledger
) -> None:
    first = ledger.commit(storage, "a", {"a": b"1"})
    second = ledger.commit(storage, "b", {"b": b"1"})
    with catalog.write() as conn:
        conn.execute(
            sa.text("DELETE FROM segment_bytes WHERE segment = :id"),
            {"id": first.root and first.root.segment},
        )
        conn.execute(
            sa.text("DELETE FROM segments WHERE id = :id"), {"id": second.root and second.root.segment}
        )

    found = check(catalog, objects, ledger)

    assert {(one.kind, one.commits) for one in found} == {
        ("bytes-missing", ("a",)),
        ("segment-unknown", ("b",)),
    }


def test_an_object_that_nothing_names_is_no_damage(
    storage: Storage, catalog: Catalog, objects: ObjectStore, ledger: Ledger
) -> None:
    ledger.commit(storage, "a", {"a": b"1"})
    key = ObjectKey.random()

    objects.put(key, b"1")

    [found] = check(catalog, objects, ledger)
    assert (found.kind, found.object, found.is_damage) == ("object-orphaned", key, False)


def test_a_node_that_does_not_say_what_the_one_above_says_is_found(
    storage: Storage, catalog: Catalog, objects: ObjectStore, ledger: Ledger
) -> None:
    many = ledger.commit(storage, "a", {f"{n:04}": b"%d" % n for n in range(900)})
    other = commit(storage, catalog, {"zzz": b"1"})
    assert many.root is not None
    assert other.root is not None
    with catalog.write() as conn:  # a map from id to place that leads elsewhere
        ids = {"one": many.root.segment, "other": other.root.segment}
        conn.execute(sa.text("DELETE FROM segment_bytes WHERE segment = :one"), ids)
        conn.execute(sa.text("UPDATE segment_bytes SET segment = :one WHERE segment = :other"), ids)

    found = check(catalog, objects, ledger)

    assert ("segment-damaged", ("a",)) in {(one.kind, one.commits) for one in found}


@pytest.mark.parametrize("packed", [False, True])
def test_a_block_is_restored_from_another_segment(
    storage: Storage, catalog: Catalog, objects: ObjectStore, ledger: Ledger, *, packed: bool
) -> None:
    data = os.urandom(5_000)
    tree = ledger.commit(storage, "a", {"a": data})
    ledger.commit(storage, "b", {"b": data, "c": b"1"})
    if packed:
        storage.pack(everything=True)
    flip(catalog, objects, place_of(tree, "a"))

    [found] = repair(catalog, objects, ledger)

    assert (found.repaired, found.commits, found.is_damage) == ("restored", ("a",), False)
    assert check(catalog, objects, ledger) == []
    assert contents(reopened(catalog, objects), tree) == {"a": data}


def test_an_object_is_restored_from_a_replica(
    storage: Storage, catalog: Catalog, objects: ObjectStore, ledger: Ledger
) -> None:
    trees = [ledger.commit(storage, f"{n}", {"a": os.urandom(1_000)}) for n in range(5)]
    storage.pack(everything=True)
    trees.append(ledger.commit(storage, "big", {"a": os.urandom(BIG)}))
    replica = copied(objects)
    first, second = objects.list()
    objects.delete(first)
    objects.delete(second)

    found = repair(catalog, objects, ledger, replica)

    assert {one.repaired for one in found} == {"restored"}
    assert len(found) == 6
    assert check(catalog, objects, ledger) == []
    assert all(contents(reopened(catalog, objects), tree) for tree in trees)


def test_what_cannot_be_restored_is_quarantined_and_the_rest_of_it_stays_readable(
    storage: Storage, catalog: Catalog, objects: ObjectStore, ledger: Ledger
) -> None:
    tree = ledger.commit(storage, "a", {"a": os.urandom(BIG), "b": os.urandom(1_000)})
    before = storage.read(tree.get("b"))  # type: ignore[arg-type]
    flip(catalog, objects, place_of(tree, "a"))

    [found] = repair(catalog, objects, ledger)

    fresh = reopened(catalog, objects)
    assert found.repaired == "quarantined"
    assert found.is_damage
    assert fresh.read(fresh.tree(tree.root).get("b")) == before  # type: ignore[arg-type]
    with pytest.raises(StoredBytesCorrupt, match="quarantine/"):
        fresh.read(fresh.tree(tree.root).get("a"))  # type: ignore[arg-type]


def test_nothing_new_relies_on_what_is_quarantined_and_a_sweep_takes_it(
    storage: Storage, catalog: Catalog, objects: ObjectStore, ledger: Ledger, clock: HandClock
) -> None:
    tree = ledger.commit(storage, "a", {"a": os.urandom(BIG)})
    flip(catalog, objects, place_of(tree, "a"))
    repair(catalog, objects, ledger)
    entry = tree.get("a")
    assert entry is not None

    from headwater.storage import Put

    with pytest.raises(Error, match="given up"):
        commit(storage, catalog, [Put("b", entry.content)])
    ledger.drop("a")
    storage.sweep([ledger])
    clock.sleep(25 * 3600)
    storage.sweep([ledger])

    assert list(objects.list()) == []
    assert check(catalog, objects, ledger) == []


def test_good_segments_of_a_damaged_object_stay_where_they_are(
    storage: Storage, catalog: Catalog, objects: ObjectStore, ledger: Ledger
) -> None:
    trees = [ledger.commit(storage, f"{n}", {"a": os.urandom(1_000)}) for n in range(5)]
    storage.pack(everything=True)
    flip(catalog, objects, place_of(trees[2], "a"))

    found = repair(catalog, objects, ledger)
    again = repair(catalog, objects, ledger)

    fresh = reopened(catalog, objects)
    assert [one.repaired for one in found + again] == ["quarantined", "quarantined"]
    assert [one.commits for one in found + again] == [("2",), ("2",)]
    assert all(len(contents(fresh, trees[n])["a"]) == 1_000 for n in (0, 1, 3, 4))


def test_a_check_goes_on_while_segments_are_packed_and_swept(
    catalog: Catalog, ledger: Ledger, tmp_path: Path
) -> None:
    objects = open_store(f"file:{tmp_path}/objects")
    storage = Storage(catalog, objects)
    for n in range(20):
        ledger.commit(storage, f"{n:02}", {"a": os.urandom(10_000)})
    findings = storage.check([ledger])

    storage.pack(everything=True)
    ledger.drop("03", "07")
    storage.sweep([ledger])

    assert list(findings) == []
