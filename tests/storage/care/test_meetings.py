"""What care does to a segment while care of another kind is at it: neither undoes the other."""

import os
from collections.abc import Callable

import sqlalchemy as sa

from headwater.db import Catalog, Leases
from headwater.storage import ObjectKey, Pointer, Put, Storage
from headwater.storage.stores import MemoryStore
from tests.clocks import HandClock
from tests.storage.care.ledger import Ledger, contents
from tests.storage.workbench import reopened


class Meeting(MemoryStore):
    """Calls somebody, once, before the next object is put."""

    def __init__(self) -> None:
        super().__init__()
        self.before_put: Callable[[], object] | None = None

    def put(self, key: ObjectKey, data: bytes | bytearray | memoryview) -> None:
        call, self.before_put = self.before_put, None
        if call is not None:
            call()
        super().put(key, data)


def bytes_of_row(catalog: Catalog, segment: int) -> bytes:
    query = sa.text("SELECT data FROM segment_bytes WHERE segment = :id")
    with catalog.read() as conn:
        return bytes(conn.execute(query, {"id": segment}).scalar_one())


def set_row(catalog: Catalog, segment: int, data: bytes) -> None:
    with catalog.write() as conn:
        conn.execute(
            sa.text("UPDATE segment_bytes SET data = :data WHERE segment = :id"),
            {"id": segment, "data": data},
        )


def test_a_row_that_is_repaired_while_it_is_packed_stays_repaired(catalog: Catalog, ledger: Ledger) -> None:
    objects = Meeting()
    storage = Storage(catalog, objects)
    tree = ledger.commit(storage, "a", {"a": b"word " * 1_000})
    again = ledger.commit(storage, "b", {"a": b"word " * 1_000})
    place = next(tree.entries()).place
    assert place is not None
    assert again.root is not None
    data = bytearray(bytes_of_row(catalog, place.segment))
    data[place.offset + 10] ^= 1
    set_row(catalog, place.segment, bytes(data))
    repairer = reopened(catalog, objects)

    objects.before_put = lambda: list(repairer.repair([ledger]))
    storage.pack(everything=True)

    fresh = reopened(catalog, objects)
    assert contents(fresh, fresh.tree(tree.root)) == {"a": b"word " * 1_000}


def test_what_is_erased_while_it_is_packed_stays_erased(
    catalog: Catalog, ledger: Ledger, clock: HandClock
) -> None:
    objects = Meeting()
    storage = Storage(catalog, objects, clock=clock)
    secret = os.urandom(1_000)
    both = ledger.commit(storage, "both", {"kept": b"1", "secret": secret})
    [kept, _] = both.entries()
    writer = storage.writer()
    rest = writer.edit(storage.tree(None), [Put("kept", kept.content)])
    writer.seal()
    with catalog.write() as conn:
        writer.publish(conn)
        ledger.keep(conn, "rest", rest.root)
    with catalog.write() as conn:
        ledger.keep(conn, "both", None)
        storage.ask_erasure(conn, [both.root or Pointer(b"", 0, 0, 0)])
    sweeper = reopened(catalog, objects)

    objects.before_put = lambda: sweeper.sweep([ledger])
    storage.pack(everything=True)

    fresh = reopened(catalog, objects)
    assert contents(fresh, fresh.tree(rest.root)) == {"kept": b"1"}
    segment = kept.place.segment if kept.place else 0
    place = fresh.reader.place(segment)
    assert place is not None
    assert secret not in fresh.reader.block(segment, 0, place.length)


def test_what_was_purged_goes_with_a_later_sweep_where_another_process_was_packing(
    catalog: Catalog, ledger: Ledger, clock: HandClock
) -> None:
    objects = Meeting()
    storage = Storage(catalog, objects, clock=clock)
    secret = ledger.commit(storage, "secret", {"a": b"very secret"})
    for n in range(20):
        ledger.commit(storage, f"{n}", {f"{n}": b"%d" % n})
    storage.pack(everything=True)
    with catalog.write() as conn:
        ledger.keep(conn, "secret", None)
        storage.ask_erasure(conn, [secret.root or Pointer(b"", 0, 0, 0)])
    leases = Leases(catalog)
    packing = leases.acquire("storage-pack", "another process", 300.0)
    assert packing is not None
    storage.sweep([ledger])
    leases.release(packing)

    storage.sweep([ledger])

    assert not [key for key in objects.list() if b"very secret" in objects.get(key)]
    assert list(storage.check([ledger])) == []
