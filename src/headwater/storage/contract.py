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
from headwater.storage.protocol import ObjectKey, ObjectStore

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
