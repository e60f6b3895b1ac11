"""Copies of what was read are right or not there, keep to their room, and may be shared."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.slow_store import SlowStore
from headwater.storage import ObjectKey, ObjectNotFound, open_store
from headwater.storage.backends.cache import PAGE_BYTES, CachedStore
from headwater.storage.protocol import Wanted, get_many, origin
from headwater.storage.stores import MemoryStore

DATA = bytes(range(256)) * 10_000


@pytest.fixture
def slow() -> SlowStore:
    return SlowStore(MemoryStore(), 0)


def kept(folder: Path) -> list[Path]:
    return [one for one in folder.rglob("*") if one.is_file()]


def test_what_was_read_once_is_not_asked_for_again_even_by_another_process(
    slow: SlowStore, tmp_path: Path
) -> None:
    key = ObjectKey.random()
    slow.put(key, DATA)
    CachedStore(slow, tmp_path, 10_000_000).get(key, slice(5, 2_000_000))
    before = slow.traffic

    found = CachedStore(slow, tmp_path, 10_000_000).get(key, slice(1_000, 1_999_999))

    assert found == DATA[1_000:1_999_999]
    assert (slow.traffic - before).requests == 0


def test_a_damaged_copy_is_read_anew(slow: SlowStore, tmp_path: Path) -> None:
    key = ObjectKey.random()
    slow.put(key, DATA)
    CachedStore(slow, tmp_path, 10_000_000).get(key, slice(0, 100))
    (copy,) = kept(tmp_path)
    for damage in (b"", b"short", copy.read_bytes()[:-1] + b"x", bytes(len(DATA))):
        copy.write_bytes(damage)

        assert CachedStore(slow, tmp_path, 10_000_000).get(key, slice(0, 100)) == DATA[:100]


def test_the_folder_keeps_to_its_budget_and_what_was_used_last_stays(slow: SlowStore, tmp_path: Path) -> None:
    keys = [ObjectKey.random() for _ in range(60)]
    for key in keys:
        slow.put(key, bytes(PAGE_BYTES))
    budget = 8 * PAGE_BYTES
    store = CachedStore(slow, tmp_path, budget)

    for key in keys:
        store.get(key, slice(0, 10))
    before = slow.traffic
    CachedStore(slow, tmp_path, budget).get(keys[-1], slice(0, 10))

    assert sum(one.stat().st_size for one in kept(tmp_path)) <= budget * 1.25
    assert (slow.traffic - before).requests == 0


def test_a_folder_that_cannot_be_written_only_means_that_nothing_is_kept(
    slow: SlowStore, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    key = ObjectKey.random()
    slow.put(key, DATA)

    store = CachedStore(slow, tmp_path / "file" / "cache", 10_000_000)

    assert store.get(key, slice(7, 9)) == DATA[7:9]


def test_whoever_must_see_what_is_kept_goes_past_the_copies(slow: SlowStore, tmp_path: Path) -> None:
    key, store = ObjectKey.random(), CachedStore(slow, tmp_path, 10_000_000)
    store.put(key, DATA)
    store.get(key, slice(0, 10))

    slow.delete(key)

    assert not store.exists(key)
    with pytest.raises(ObjectNotFound):
        origin(store).get(key, slice(0, 10))


def test_pages_that_are_missing_come_in_one_round(slow: SlowStore) -> None:
    keys = [ObjectKey.random() for _ in range(5)]
    for key in keys:
        slow.put(key, DATA)
    store, before = CachedStore(slow), slow.traffic

    get_many(store, [Wanted(key, 1_000_000, 1_000_100) for key in keys])

    assert (slow.traffic - before).rounds == 1


SHARED = """
import sys
from pathlib import Path
from headwater.storage import ObjectKey, open_store
from headwater.storage.backends.cache import CachedStore
store = CachedStore(open_store(f"file:{sys.argv[1]}/objects"), Path(sys.argv[1]) / "cache", 3_000_000)
for turn in range(40):
    for n in range(12):
        assert store.get(ObjectKey(f"k/{n}"), slice(5, 9)) == b"%04d" % n, n
        store._pages = type(store._pages)(1)  # nothing stays in memory
"""


def test_several_processes_share_one_folder_that_is_too_small_for_them(tmp_path: Path) -> None:
    objects = open_store(f"file:{tmp_path}/objects")
    for number in range(12):
        objects.put(ObjectKey(f"k/{number}"), b"12345" + b"%04d" % number + bytes(PAGE_BYTES))

    command = [sys.executable, "-c", SHARED, str(tmp_path)]
    readers = [subprocess.Popen(command) for _ in range(3)]

    assert [reader.wait() for reader in readers] == [0, 0, 0]


def test_many_threads_read_through_one_cache(slow: SlowStore, tmp_path: Path) -> None:
    key, store = ObjectKey.random(), CachedStore(slow, tmp_path, 3_000_000)
    slow.put(key, DATA)
    wrong = list[int]()

    def read(seed: int) -> None:
        for step in range(50):
            at = (seed * 7_919 + step * 104_729) % len(DATA)
            if store.get(key, slice(at, at + 700)) != DATA[at : at + 700]:
                wrong.append(at)

    threads = [threading.Thread(target=read, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


@given(
    length=st.integers(0, 3 * PAGE_BYTES),
    spans=st.lists(st.tuples(st.integers(0, 3 * PAGE_BYTES), st.integers(0, 2 * PAGE_BYTES)), max_size=5),
)
def test_any_parts_through_the_cache_are_those_of_the_object(
    length: int, spans: list[tuple[int, int]]
) -> None:
    inner, key = MemoryStore(), ObjectKey.random()
    data = DATA[:length]
    inner.put(key, data)
    store = CachedStore(inner)

    found = get_many(store, [Wanted(key, start, start + size) for start, size in spans])

    assert found == [data[start : start + size] for start, size in spans]
