"""Rows become objects: when, how many, and that nobody notices."""

import os
import threading
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from headwater.db import Catalog
from headwater.storage import ObjectKey, ObjectStore, Storage
from headwater.storage.care.pack import MOST_ROWS
from headwater.storage.stores import MemoryStore
from tests.clocks import HandClock
from tests.conftest import LARGE
from tests.storage.care.ledger import Ledger, contents
from tests.storage.workbench import reopened, states

COMMITS = 10_000 if LARGE else 600


class Observed(MemoryStore):
    """Calls somebody, once, when an object has been put."""

    def __init__(self) -> None:
        super().__init__()
        self.after_put: Callable[[], None] | None = None

    def put(self, key: ObjectKey, data: bytes | bytearray | memoryview) -> None:
        super().put(key, data)
        call, self.after_put = self.after_put, None
        if call is not None:
            call()


def rows(catalog: Catalog) -> int:
    with catalog.read() as conn:
        return int(conn.execute(sa.text("SELECT count(*) FROM segment_bytes")).scalar_one())


def test_rows_become_one_object_and_read_the_same(
    storage: Storage, catalog: Catalog, objects: ObjectStore, ledger: Ledger
) -> None:
    trees = [ledger.commit(storage, f"{n}", {f"{n}": b"%d" % n}) for n in range(20)]

    packed = storage.pack(everything=True)

    fresh = reopened(catalog, objects)
    assert (packed.segments, packed.objects, len(list(objects.list())), rows(catalog)) == (20, 1, 1, 0)
    assert [contents(fresh, fresh.tree(tree.root)) for tree in trees] == [
        {f"{n}": b"%d" % n} for n in range(20)
    ]


def test_a_reader_that_remembers_the_old_place_reads_on(
    storage: Storage, catalog: Catalog, objects: ObjectStore, ledger: Ledger
) -> None:
    tree = ledger.commit(storage, "a", {"a": b"1"})
    reader = reopened(catalog, objects)
    assert reader.reader.place(tree.root.segment if tree.root else 0) is not None

    storage.pack(everything=True)

    assert contents(reader, reader.tree(tree.root)) == {"a": b"1"}


def test_little_is_left_where_it_is(storage: Storage, catalog: Catalog, ledger: Ledger) -> None:
    ledger.commit(storage, "a", {"a": b"1"})

    packed = storage.pack()

    assert (packed.segments, rows(catalog)) == (0, 1)


def test_some_that_is_ten_minutes_old_is_packed(
    storage: Storage, catalog: Catalog, ledger: Ledger, clock: HandClock
) -> None:
    for n in range(6):
        ledger.commit(storage, f"{n}", {f"{n}": os.urandom(200_000)})

    before = storage.pack()
    clock.sleep(601)
    after = storage.pack()

    assert (before.segments, after.segments, rows(catalog)) == (0, 6, 0)


def test_the_packer_of_a_busy_process_works_in_its_background(
    storage: Storage, catalog: Catalog, objects: ObjectStore, ledger: Ledger
) -> None:
    for n in range(45):
        ledger.commit(storage, f"{n}", {f"{n}": os.urandom(200_000)})

    storage.close()

    [packed] = objects.list()
    assert 8_000_000 < len(objects.get(packed)) < 9_000_000
    assert rows(catalog) < 5


def test_ten_thousand_commits_leave_some_dozens_of_objects(
    catalog: Catalog, objects: ObjectStore, ledger: Ledger
) -> None:
    storage = Storage(catalog, objects)
    tree = ledger.commit(storage, "main", {f"{n:04}": b"%d" % n for n in range(1_000)})

    for n in range(COMMITS):
        tree = ledger.commit(storage, "main", {f"{n % 1_000:04}": b"changed %d" % n}, tree)
    storage.close()
    storage.pack(everything=True)

    assert len(list(objects.list())) <= COMMITS / 300
    assert states(catalog) == {"live": COMMITS + 1}
    assert contents(storage, tree)["0000"].startswith(b"changed")


def test_a_crash_before_the_transaction_leaks_no_object(
    catalog: Catalog, ledger: Ledger, clock: HandClock
) -> None:
    objects = Observed()
    storage = Storage(catalog, objects, clock=clock)
    tree = ledger.commit(storage, "a", {"a": b"1"})

    def die() -> None:
        raise KeyboardInterrupt

    objects.after_put = die
    with pytest.raises(KeyboardInterrupt):
        storage.pack(everything=True)
    clock.sleep(2 * 3600)

    swept = storage.sweep([ledger])

    assert (swept.reservations, list(objects.list())) == (1, [])
    assert contents(storage, tree) == {"a": b"1"}


def test_what_was_swept_while_it_was_packed_stays_swept(
    catalog: Catalog, ledger: Ledger, clock: HandClock
) -> None:
    objects = Observed()
    storage = Storage(catalog, objects, clock=clock)
    ledger.commit(storage, "a", {"a": b"1"})
    kept = ledger.commit(storage, "b", {"b": b"2"})

    def sweep() -> None:
        ledger.drop("a")
        storage.sweep([ledger])

    objects.after_put = sweep
    packed = storage.pack(everything=True)

    assert packed.segments == 0
    assert list(objects.list()) == []
    assert contents(storage, kept) == {"b": b"2"}


def test_only_one_packs_at_a_time(
    storage: Storage, catalog: Catalog, objects: ObjectStore, ledger: Ledger
) -> None:
    for n in range(50):
        ledger.commit(storage, f"{n}", {f"{n}": os.urandom(1_000)})
    found = []

    threads = [
        threading.Thread(target=lambda: found.append(reopened(catalog, objects).pack(everything=True)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(one.segments for one in found) == 50
    assert len(list(objects.list())) == 1


def test_an_object_that_is_mostly_dead_is_written_anew(
    storage: Storage, catalog: Catalog, objects: ObjectStore, ledger: Ledger, clock: HandClock
) -> None:
    trees = {f"{n:02}": ledger.commit(storage, f"{n:02}", {"a": os.urandom(20_000)}) for n in range(30)}
    storage.pack(everything=True)
    [old] = objects.list()
    ledger.drop(*list(trees)[:20])

    swept = storage.sweep([ledger])

    assert (swept.segments, swept.packed.segments, swept.packed.emptied) == (20, 10, 1)
    assert old in list(objects.list())  # tasks that were told to read there still can
    clock.sleep(25 * 3600)
    storage.sweep([ledger])
    assert old not in list(objects.list())
    for name in list(trees)[20:]:
        assert len(contents(storage, trees[name])["a"]) == 20_000


def test_a_transaction_of_the_packer_moves_a_bounded_number_of_rows() -> None:
    assert MOST_ROWS <= 2_048
