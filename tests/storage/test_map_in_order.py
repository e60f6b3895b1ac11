"""A map tree edited by a stream in the order of keys, beside one edited at once."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.db import Catalog
from headwater.storage import InvalidEntry, ObjectStore, Storage, open_store
from headwater.storage.shape import Shape

_KEYS = st.binary(min_size=1, max_size=3)
_SHAPE = Shape(bits=2, cap=8)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Storage:
    objects: ObjectStore = open_store("memory:")
    return Storage(
        Catalog.create(f"sqlite:///{tmp_path_factory.mktemp('maps')}/catalog.db"), objects, shape=_SHAPE
    )


@settings(max_examples=100, deadline=None)
@given(
    base=st.dictionaries(_KEYS, st.binary(max_size=3), max_size=60),
    changes=st.dictionaries(_KEYS, st.none() | st.binary(max_size=3), max_size=60),
)
def test_a_stream_of_changes_makes_the_tree_that_the_final_entries_make(
    small: Storage, base: dict[bytes, bytes], changes: dict[bytes, bytes | None]
) -> None:
    writer = small.writer()
    final = {key: value for key, value in (base | changes).items() if value is not None}

    streamed = writer.edit_map_in_order(
        writer.edit_map(small.map_tree(None), base.items()), sorted(changes.items())
    )

    assert dict(streamed.items()) == final
    assert streamed.root_hash == writer.edit_map(small.map_tree(None), final.items()).root_hash


def test_an_entry_that_does_not_fit_is_refused_in_a_stream_too(small: Storage) -> None:
    with pytest.raises(InvalidEntry):
        small.writer().edit_map_in_order(small.map_tree(None), [(b"key", b"x" * 5_000)])


@given(
    old=st.dictionaries(_KEYS, st.binary(max_size=1), max_size=60),
    new=st.dictionaries(_KEYS, st.binary(max_size=1), max_size=60),
    low=_KEYS,
    high=_KEYS,
)
@settings(max_examples=100, deadline=None)
def test_the_difference_within_a_range_is_that_of_the_range(
    small: Storage, old: dict[bytes, bytes], new: dict[bytes, bytes], low: bytes, high: bytes
) -> None:
    writer = small.writer()
    before = writer.edit_map(small.map_tree(None), old.items())
    after = writer.edit_map(small.map_tree(None), new.items())

    found = [(was or now or (b"",))[0] for was, now in before.leaf_diff(after, low, high)]

    differing = {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
    assert found == sorted(key for key in differing if low <= key < high)
