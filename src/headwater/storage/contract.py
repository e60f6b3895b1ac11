"""The promises of an object store as tests, for every store to inherit.

    class TestMyStore(ObjectStoreContract):
        @pytest.fixture
        def store(self) -> ObjectStore:
            return MyStore(...)

A store is one when these pass. Durability cannot be seen from inside a
running machine; each store has to show that in its own way.
"""
# ruff: noqa: D102 - these are tests: their names are their sentences, and they assert

from concurrent.futures import ThreadPoolExecutor

from headwater.errors import Error
from headwater.storage.errors import InvalidObjectKey, ObjectNotFound
from headwater.storage.protocol import ObjectKey, ObjectStore, Wanted, delete_many, get_many

_HOSTILE = (
    "",
    "/etc/passwd",
    "../up",
    "a/../../up",
    "a//b",
    "a/",
    "A",
    "a\0b",
    "a b",
    ".hidden",
    "a/.b",
    "ä",
    "a\nb",
)


class ObjectStoreContract:
    """Tests that need a fixture `store` with an empty store."""

    def test_what_was_put_comes_back(self, store: ObjectStore) -> None:
        key = ObjectKey.random()

        store.put(key, b"some bytes")

        assert store.get(key) == b"some bytes"
        assert store.exists(key)

    def test_any_buffer_may_be_put_and_later_changes_to_it_do_not_matter(self, store: ObjectStore) -> None:
        key, data = ObjectKey.random(), bytearray(b"as it was")

        store.put(key, data)
        data[:] = b"different"

        assert store.get(key) == b"as it was"

    def test_an_empty_object_is_an_object(self, store: ObjectStore) -> None:
        key = ObjectKey.random()

        store.put(key, b"")

        assert store.get(key) == b""
        assert store.exists(key)

    def test_a_span_gives_exactly_those_bytes(self, store: ObjectStore) -> None:
        key, data = ObjectKey.random(), bytes(range(256)) * 100
        store.put(key, data)

        assert store.get(key, slice(0, 1)) == data[:1]
        assert store.get(key, slice(1_000, 9_000)) == data[1_000:9_000]
        assert store.get(key, slice(25_599, 25_600)) == data[-1:]

    def test_a_span_past_the_end_gives_what_there_is(self, store: ObjectStore) -> None:
        key = ObjectKey.random()
        store.put(key, b"0123456789")

        assert store.get(key, slice(7, 100)) == b"789"
        assert store.get(key, slice(10, 20)) == b""

    def test_a_span_without_an_end_gives_the_rest(self, store: ObjectStore) -> None:
        key = ObjectKey.random()
        store.put(key, b"0123456789")

        assert store.get(key, slice(4, None)) == b"456789"
        assert store.get(key, slice(None, 4)) == b"0123"

    def test_an_empty_span_of_a_missing_object_is_missing(self, store: ObjectStore) -> None:
        absent = ObjectKey.random()

        assert isinstance(_refusal(lambda: store.get(absent, slice(0, 0))), ObjectNotFound)
        assert isinstance(_refusal(lambda: store.get(absent, slice(5, 9))), ObjectNotFound)

    def test_many_parts_come_back_in_the_order_they_were_asked_for(self, store: ObjectStore) -> None:
        first, second, absent = (ObjectKey.random() for _ in range(3))
        data = bytes(range(256)) * 4_000
        store.put(first, data)
        store.put(second, b"0123456789")

        found = get_many(
            store,
            [
                Wanted(first, 1_000_000, 1_000_010),
                Wanted(second, 7, 100),
                Wanted(absent, 0, 5),
                Wanted(first, 0, 700_000),
                Wanted(first, 600_000, 600_001),
                Wanted(second, 50, 60),
            ],
        )

        assert found == [
            data[1_000_000:1_000_010],
            b"789",
            None,
            data[:700_000],
            data[600_000:600_001],
            b"",
        ]
        assert get_many(store, []) == []

    def test_many_objects_are_deleted_and_missing_ones_passed_over(self, store: ObjectStore) -> None:
        keys = [ObjectKey.random() for _ in range(5)]
        for key in keys[1:]:
            store.put(key, b"x")

        delete_many(store, keys[:4])
        delete_many(store, [])

        assert list(store.list()) == keys[4:]

    def test_a_missing_object_names_its_key(self, store: ObjectStore) -> None:
        absent = ObjectKey.random()

        refused = _refusal(lambda: store.get(absent))

        assert isinstance(refused, ObjectNotFound)
        assert str(absent) in refused.message
        assert not store.exists(absent)

    def test_putting_the_same_bytes_again_is_harmless(self, store: ObjectStore) -> None:
        key = ObjectKey.random()
        store.put(key, b"twice")

        store.put(key, b"twice")

        assert store.get(key) == b"twice"
        assert list(store.list()) == [key]

    def test_a_deleted_object_is_gone_and_deleting_it_again_does_nothing(self, store: ObjectStore) -> None:
        key, other = ObjectKey.random(), ObjectKey.random()
        store.put(key, b"x")
        store.put(other, b"y")

        store.delete(key)
        store.delete(key)

        assert not store.exists(key)
        assert isinstance(_refusal(lambda: store.get(key)), ObjectNotFound)
        assert list(store.list()) == [other]

    def test_a_listing_is_in_order_and_keeps_to_its_prefix(self, store: ObjectStore) -> None:
        names = ["b/2", "a/1", "b/1", "b-c", "b/3/x"]
        for name in names:
            store.put(ObjectKey(name), b"")

        assert list(store.list()) == sorted(names)
        assert list(store.list("b/")) == ["b/1", "b/2", "b/3/x"]
        assert list(store.list("b")) == sorted(name for name in names if name.startswith("b"))
        assert list(store.list("b/3/x")) == ["b/3/x"]
        assert list(store.list("nothing")) == []

    def test_hostile_names_are_refused_before_anything_is_touched(self, store: ObjectStore) -> None:
        for name in _HOSTILE:
            hostile = _unchecked(name)
            for call in (
                lambda key=hostile: store.put(key, b""),
                lambda key=hostile: store.get(key),
                lambda key=hostile: store.exists(key),
                lambda key=hostile: store.delete(key),
            ):
                assert isinstance(_refusal(call), InvalidObjectKey), name
        assert list(store.list()) == []

    def test_many_threads_may_use_one_store(self, store: ObjectStore) -> None:
        keys = [ObjectKey.random() for _ in range(40)]

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda key: store.put(key, key.encode() * 1_000), keys))
            found = list(pool.map(store.get, keys))

        assert found == [key.encode() * 1_000 for key in keys]
        assert list(store.list()) == sorted(keys)


def _refusal(call: object) -> Error | None:
    assert callable(call)
    try:
        call()
    except Error as error:
        return error
    return None


def _unchecked(name: str) -> ObjectKey:
    return str.__new__(ObjectKey, name)
