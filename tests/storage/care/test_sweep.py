"""What a sweep frees and what it leaves, also when it is killed, runs twice, or meets writers."""

import os
import threading
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from headwater.db import Catalog
from headwater.storage import (
    MapEntry,
    ObjectKey,
    ObjectStore,
    Pointer,
    Put,
    SegmentMissing,
    SegmentsGone,
    Storage,
    StoredBytesCorrupt,
)
from headwater.storage.content import SMALL_BYTES
from headwater.storage.segment import erased, listed_blocks
from headwater.storage.stores import MemoryStore
from tests.clocks import HandClock
from tests.storage.care.ledger import Ledger, contents
from tests.storage.workbench import reopened, states

BIG = 300_000  # more than a row holds
DAY_S = 24 * 3600


def test_what_no_root_leads_to_goes(
    storage: Storage, catalog: Catalog, objects: ObjectStore, ledger: Ledger
) -> None:
    kept = ledger.commit(storage, "kept", {"a": b"1", "b": os.urandom(BIG)})
    ledger.commit(storage, "row", {"a": b"2"})
    ledger.commit(storage, "object", {"a": os.urandom(BIG)})
    ledger.drop("row", "object")

    swept = storage.sweep([ledger])

    fresh = reopened(catalog, objects)
    assert (swept.segments, swept.objects, states(catalog)) == (2, 1, {"live": 1})
    assert swept.size > BIG
    assert len(contents(fresh, fresh.tree(kept.root))["b"]) == BIG


def test_everything_below_a_root_stays(storage: Storage, catalog: Catalog, ledger: Ledger) -> None:
    large = ledger.commit(storage, "large", {"big": os.urandom(3 * SMALL_BYTES), "small": b"1"})
    writer = storage.writer()
    tree = writer.edit_map(
        storage.map_tree(None), [MapEntry(b"datum", b"value", (large.root or Pointer(b"", 0, 0, 0),))]
    )
    writer.seal()
    with catalog.write() as conn:
        writer.publish(conn)
        ledger.keep(conn, "map", tree.root)
    ledger.drop("large")

    swept = storage.sweep([ledger])

    assert swept.segments == 0
    assert len(contents(storage, large)["big"]) == 3 * SMALL_BYTES


def test_a_second_sweep_finds_nothing(storage: Storage, ledger: Ledger) -> None:
    ledger.commit(storage, "a", {"a": b"1"})
    ledger.drop("a")

    first, second = storage.sweep([ledger]), storage.sweep([ledger])

    assert (first.segments, second.segments) == (1, 0)
    assert second.epoch == first.epoch + 1


def test_a_segment_goes_from_an_object_that_others_lie_in(
    storage: Storage, catalog: Catalog, objects: ObjectStore, ledger: Ledger
) -> None:
    trees = [ledger.commit(storage, f"{n}", {"a": os.urandom(1_000)}) for n in range(10)]
    storage.pack(everything=True)
    ledger.drop("3")

    swept = storage.sweep([ledger])

    assert (swept.segments, swept.objects, len(list(objects.list()))) == (1, 0, 1)
    assert len(contents(storage, trees[4])["a"]) == 1_000
    with pytest.raises(SegmentMissing):
        contents(reopened(catalog, objects), trees[3])


def test_a_damaged_tree_stops_the_sweep_before_it_frees_anything(
    storage: Storage, catalog: Catalog, objects: ObjectStore, ledger: Ledger
) -> None:
    ledger.commit(storage, "a", {"a": b"1"})
    ledger.commit(storage, "b", {"b": b"1"})
    ledger.drop("b")
    with catalog.write() as conn:
        data = bytearray(
            conn.execute(sa.text("SELECT data FROM segment_bytes WHERE segment = 1")).scalar_one()
        )
        data[40] ^= 1
        conn.execute(
            sa.text("UPDATE segment_bytes SET data = :data WHERE segment = 1"), {"data": bytes(data)}
        )

    with pytest.raises(StoredBytesCorrupt):
        reopened(catalog, objects).sweep([ledger])

    assert states(catalog)["live"] == 2


def test_a_writer_that_relies_on_what_is_condemned_gives_up(
    storage: Storage, catalog: Catalog, ledger: Ledger
) -> None:
    old = ledger.commit(storage, "old", {"a": os.urandom(BIG)})
    entry = old.get("a")
    assert entry is not None
    writer = storage.writer()
    writer.edit(storage.tree(None), [Put("b", entry.content)])
    writer.seal()
    ledger.drop("old")
    storage.sweep([ledger])

    with pytest.raises(SegmentsGone), catalog.write() as conn:
        writer.publish(conn)


def test_a_writer_that_relies_on_it_first_keeps_it(
    storage: Storage, catalog: Catalog, ledger: Ledger
) -> None:
    old = ledger.commit(storage, "old", {"a": os.urandom(BIG)})
    entry = old.get("a")
    assert entry is not None

    class Late:
        """A source whose snapshot is taken just before the writer commits."""

        def roots(self, conn: sa.Connection) -> Iterator[Pointer]:
            yield from ledger.roots(conn)
            if not done:
                done.append(True)
                thread = threading.Thread(target=write)
                thread.start()
                thread.join()

    def write() -> None:
        writer = storage.writer()
        tree = writer.edit(storage.tree(None), [Put("b", entry.content)])
        writer.seal()
        with catalog.write() as conn:
            writer.publish(conn)
            ledger.keep(conn, "new", tree.root)

    done: list[bool] = []
    ledger.drop("old")
    storage.sweep([Late()])

    with catalog.read() as conn:
        [root] = list(ledger.roots(conn))
    assert len(contents(storage, storage.tree(root))["b"]) == BIG


class Killed(MemoryStore):
    """Dies at a call of `delete`."""

    deaths = 0

    def delete(self, key: ObjectKey) -> None:
        if self.deaths:
            self.deaths -= 1
            raise KeyboardInterrupt
        super().delete(key)


def test_a_sweep_that_was_killed_is_gone_on_with(catalog: Catalog, ledger: Ledger) -> None:
    objects = Killed()
    storage = Storage(catalog, objects)
    kept = ledger.commit(storage, "kept", {"a": b"1"})
    for n in range(5):
        ledger.commit(storage, f"{n}", {"a": os.urandom(BIG)})
        ledger.drop(f"{n}")

    objects.deaths = 1
    with pytest.raises(KeyboardInterrupt):
        storage.sweep([ledger])
    assert states(catalog) == {"live": 1, "condemned": 5}
    storage.sweep([ledger])

    assert (list(objects.list()), states(catalog)) == ([], {"live": 1})
    assert contents(storage, kept) == {"a": b"1"}


def test_many_sweepers_at_once_are_harmless(
    storage: Storage, catalog: Catalog, objects: ObjectStore, ledger: Ledger
) -> None:
    trees = [ledger.commit(storage, f"{n:02}", {"a": b"%d" % n, "b": os.urandom(9_000)}) for n in range(40)]
    storage.pack(everything=True)
    ledger.drop(*[f"{n:02}" for n in range(0, 40, 2)])
    swept = []

    threads = [
        threading.Thread(target=lambda: swept.append(reopened(catalog, objects).sweep([ledger])))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(swept) == 4
    assert sum(one.segments for one in swept) == 20
    assert [contents(storage, tree)["a"] for tree in trees[1::2]] == [b"%d" % n for n in range(1, 40, 2)]


def test_a_reservation_that_ran_out_goes_with_its_object_however_late_it_comes(
    storage: Storage, objects: ObjectStore, ledger: Ledger, clock: HandClock
) -> None:
    reservation = storage.reserve(2, lease_s=60)
    early, late = (ObjectKey(one.key) for one in reservation.segments)
    objects.put(early, b"1")
    assert storage.sweep([ledger]).reservations == 0
    clock.sleep(61)

    assert storage.sweep([ledger]).reservations == 2
    assert list(objects.list()) == []
    objects.put(late, b"2")
    clock.sleep(DAY_S + 1)
    storage.sweep([ledger])

    assert list(objects.list()) == []


@pytest.mark.parametrize(
    "orphan", [ObjectKey.random(), ObjectKey("live/job.set.00000001")], ids=["segment", "log"]
)
def test_an_object_that_nothing_names_goes_when_it_was_seen_for_a_day(
    storage: Storage, objects: ObjectStore, ledger: Ledger, clock: HandClock, orphan: ObjectKey
) -> None:
    reservation = storage.reserve(1)
    attempt = ObjectKey(reservation.segments[0].key).attempt()
    objects.put(orphan, b"1")
    objects.put(attempt, b"1")

    first = storage.sweep([ledger])
    clock.sleep(DAY_S - 60)
    before = storage.sweep([ledger])
    clock.sleep(61)
    after = storage.sweep([ledger])

    assert (first.orphans, before.orphans, after.orphans) == (0, 0, 1)
    assert list(objects.list()) in ([attempt], [])  # whose reservation runs out about then


def packed_bytes(catalog: Catalog, objects: ObjectStore) -> bytes:
    with catalog.read() as conn:
        rows = conn.execute(sa.text("SELECT data FROM segment_bytes")).scalars()
        return b"".join([*map(bytes, rows), *(objects.get(key) for key in objects.list())])


@pytest.mark.parametrize("place", ["row", "object", "pack"])
def test_what_was_purged_cannot_be_read_where_it_shares_a_segment(
    storage: Storage, catalog: Catalog, objects: ObjectStore, ledger: Ledger, place: str
) -> None:
    filler = {"filler": os.urandom(BIG)} if place == "object" else {}
    secret = ledger.commit(storage, "secret", {"a": b"not secret", "b": b"very secret", **filler})
    entry = secret.get("a")
    assert entry is not None
    kept = ledger.commit(storage, "kept", {"c": b"3"})
    writer = storage.writer()
    kept = writer.edit(kept, [Put("a", entry.content)])
    writer.seal()
    with catalog.write() as conn:
        writer.publish(conn)
        ledger.keep(conn, "kept", kept.root)
    if place == "pack":
        storage.pack(everything=True)
    storage.sweep([ledger])

    with catalog.write() as conn:
        ledger.keep(conn, "secret", None)
        storage.ask_erasure(conn, [secret.root or Pointer(b"", 0, 0, 0)])
    swept = storage.sweep([ledger])

    found = packed_bytes(catalog, objects)
    assert (b"very secret" in found, b"not secret" in found) == (False, True)
    assert swept.erased >= 2
    assert contents(reopened(catalog, objects), kept) == {"a": b"not secret", "c": b"3"}
    assert list(storage.check([ledger])) == []


def test_a_segment_with_erased_blocks_keeps_its_length_and_its_footer(
    storage: Storage, catalog: Catalog, ledger: Ledger
) -> None:
    tree = ledger.commit(storage, "a", {"a": b"1", "b": b"2"})
    segment = tree.root.segment if tree.root else 0
    with catalog.read() as conn:
        before = bytes(conn.execute(sa.text("SELECT data FROM segment_bytes")).scalar_one())
    entry = tree.get("b")
    assert entry is not None
    assert entry.place is not None

    after = erased(segment, before, {entry.place.offset})

    kept = [block for block in listed_blocks(segment, before) if block.offset != entry.place.offset]
    assert len(after) == len(before)
    assert list(listed_blocks(segment, after)) == kept
    start, stop = entry.place.offset, entry.place.offset + entry.place.length
    assert after[start:stop] == bytes(stop - start)
