"""Laws of trees, on shapes so small that high trees and long runs grow from a few keys."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.storage import MapEntry, MapTree, Tree
from headwater.storage.block import Kind
from headwater.storage.edit import END, Change, put, remove
from headwater.storage.node import Row
from headwater.storage.shape import Shape
from headwater.storage.tree import AnyTree
from tests.storage.workbench import Grove, file_row, map_row

SHAPES = st.builds(Shape, bits=st.integers(1, 3), cap=st.sampled_from([2, 3, 5, 8, 1_024]))
FOLDERS = st.sampled_from(["a", "b", "b/c", "b-", "d"])
KEYS = st.builds(lambda folder, name: f"{folder}/{name}".encode(), FOLDERS, st.integers(0, 40))
CONTENTS = st.dictionaries(KEYS, st.integers(0, 5), max_size=80)
CHANGES = st.dictionaries(KEYS, st.none() | st.integers(0, 5), max_size=20)
KINDS = st.sampled_from([Kind.FILE_NODE, Kind.MAP_NODE])
BOUNDS = st.just(b"") | KEYS | FOLDERS.map(str.encode) | st.just(END)

Model = dict[bytes, int]


def rows(kind: Kind, model: Mapping[bytes, int]) -> list[Row]:
    make = map_row if kind is Kind.MAP_NODE else file_row
    return [make(key, model[key]) for key in sorted(model)]


def changes_of(kind: Kind, changes: Mapping[bytes, int | None]) -> list[Change]:
    make = map_row if kind is Kind.MAP_NODE else file_row
    ordered = sorted(changes.items())
    return [remove(key) if value is None else put(make(key, value)) for key, value in ordered]


def changed(model: Model, changes: Mapping[bytes, int | None]) -> Model:
    merged = {**model, **changes}
    return {key: value for key, value in merged.items() if value is not None}


@given(kind=KINDS, shape=SHAPES, model=CONTENTS, changes=CHANGES)
def test_an_edited_tree_is_the_tree_built_from_its_final_entries(
    kind: Kind, shape: Shape, model: Model, changes: dict[bytes, int | None]
) -> None:
    grove = Grove(kind, shape)
    tree = grove.build(rows(kind, model))

    edited = grove.edit(tree, changes_of(kind, changes))

    final = changed(model, changes)
    assert edited.root_hash == grove.build(rows(kind, final)).root_hash
    assert list(edited.leaf_rows(b"", None)) == rows(kind, final)
    assert edited.totals == (len(final), sum(row_size(kind, row) for row in rows(kind, final)))


@given(shape=SHAPES, batches=st.lists(CHANGES, max_size=6), data=st.data())
def test_neither_order_nor_batching_of_edits_shows_in_the_root(
    shape: Shape, batches: list[dict[bytes, int | None]], data: st.DataObject
) -> None:
    grove = Grove(shape=shape)
    final: Model = {}
    tree = grove.build([])
    for batch in batches:
        tree = grove.edit(tree, changes_of(Kind.FILE_NODE, batch))
        final = changed(final, batch)

    other = grove.build([])
    for key in data.draw(st.permutations(sorted(final))):
        other = grove.edit(other, [put(file_row(key, final[key]))])

    assert tree.root_hash == other.root_hash


@given(kind=KINDS, shape=SHAPES, model=CONTENTS, low=BOUNDS, high=BOUNDS, inside=CHANGES)
def test_removing_a_range_and_putting_into_it_is_the_tree_without_it_and_with_them(
    kind: Kind, shape: Shape, model: Model, low: bytes, high: bytes, inside: dict[bytes, int | None]
) -> None:
    grove = Grove(kind, shape)
    tree = grove.build(rows(kind, model))
    low, high = min(low, high), max(low, high)
    puts = {key: value for key, value in inside.items() if value is not None}
    changes = sorted([Change(low, high, None), *changes_of(kind, puts)], key=in_order)

    edited = grove.edit(tree, changes)

    final = {key: value for key, value in model.items() if not low <= key < high} | puts
    assert edited.root_hash == grove.build(rows(kind, final)).root_hash


@given(kind=KINDS, shape=SHAPES, model=CONTENTS, changes=CHANGES)
def test_a_diff_is_the_difference_of_the_entries(
    kind: Kind, shape: Shape, model: Model, changes: dict[bytes, int | None]
) -> None:
    grove = Grove(kind, shape)
    final = changed(model, changes)
    old, new = grove.build(rows(kind, model)), grove.build(rows(kind, final))

    found = differences(old, new)

    keys = sorted(key for key in model.keys() | final.keys() if model.get(key) != final.get(key))
    assert [key_of(pair) for pair in found] == keys
    assert [(a is not None, b is not None) for a, b in found] == [
        (key in model, key in final) for key in keys
    ]


@given(shape=SHAPES, model=CONTENTS, folder=FOLDERS)
def test_a_folder_digest_is_the_root_of_the_tree_of_exactly_its_files(
    shape: Shape, model: Model, folder: str
) -> None:
    grove = Grove(shape=shape)
    tree: Any = grove.build(rows(Kind.FILE_NODE, model))
    below = {key: value for key, value in model.items() if key.startswith(folder.encode() + b"/")}

    assert tree.folder_digest(folder) == grove.build(rows(Kind.FILE_NODE, below)).root_hash
    assert tree.folder_counts(folder) == (len(below), sum(below.values()))


@given(kind=KINDS, shape=SHAPES, model=CONTENTS, low=BOUNDS, high=BOUNDS)
def test_the_digest_of_any_range_is_that_of_the_tree_of_its_entries(
    kind: Kind, shape: Shape, model: Model, low: bytes, high: bytes
) -> None:
    grove = Grove(kind, shape)
    tree = grove.build(rows(kind, model))
    low, high = min(low, high), max(low, high)
    inside = {key: value for key, value in model.items() if low <= key < high}

    assert tree.range_hash(low, high) == grove.build(rows(kind, inside)).root_hash


@given(kind=KINDS, shape=SHAPES, model=CONTENTS, key=KEYS)
def test_a_lookup_finds_what_was_put_and_nothing_else(
    kind: Kind, shape: Shape, model: Model, key: bytes
) -> None:
    grove = Grove(kind, shape)
    tree = grove.build(rows(kind, model))

    found = tree.leaf_row(key)

    assert (None if found is None else found) == next(
        (row for row in rows(kind, model) if row[0] == key), None
    )


@given(shape=SHAPES, model=CONTENTS, changes=CHANGES)
def test_an_edit_that_changes_nothing_writes_nothing(
    shape: Shape, model: Model, changes: dict[bytes, int | None]
) -> None:
    grove = Grove(shape=shape)
    tree = grove.build(rows(Kind.FILE_NODE, model))
    same = {key: model.get(key) for key in changes}
    before = grove.blocks.written

    edited = grove.edit(tree, changes_of(Kind.FILE_NODE, same))

    assert edited.root == tree.root
    assert grove.blocks.written == before


@pytest.mark.parametrize("count", [1, 1_023, 1_024, 1_025, 2_048, 3_000])
def test_a_run_is_split_every_1024_entries_from_its_start(count: int) -> None:
    grove = Grove()
    is_boundary = grove.shape.boundaries(0)
    keys = (b"%d" % n for n in range(1_000_000))
    crowded = sorted(
        key for _, key in zip(range(count), (key for key in keys if not is_boundary(key)), strict=False)
    )

    tree = grove.build(file_row(key, 1) for key in crowded)
    grown = grove.edit(tree, [put(file_row(b"", 1))])
    shrunk = grove.edit(grown, [remove(b"")])

    leaves = max(-(-count // 1_024), 1)
    assert tree.node is not None
    assert tree.node.count == (leaves if leaves > 1 else count)
    assert grown.root_hash == grove.build(file_row(key, 1) for key in [b"", *crowded]).root_hash
    assert shrunk.root_hash == tree.root_hash


def differences(old: AnyTree, new: AnyTree) -> list[tuple[Any, Any]]:
    if isinstance(old, Tree) and isinstance(new, Tree):
        return list(old.diff(new))
    assert isinstance(old, MapTree)
    assert isinstance(new, MapTree)
    return list(old.diff(new))


def row_size(kind: Kind, row: Row) -> int:
    return len(row[1]) if kind is Kind.MAP_NODE else row[2]


def key_of(pair: tuple[Any, Any]) -> bytes:
    entry = pair[0] or pair[1]
    return entry.key if isinstance(entry, MapEntry) else str(entry.path).encode()


def in_order(change: Change) -> tuple[bytes, bool]:
    return (change.low, change.row is not None)


def height(tree: AnyTree) -> int:
    return -1 if tree.node is None else tree.node.level


def test_the_shapes_of_these_tests_do_grow_high_trees_and_split_runs() -> None:
    model = {b"%03d" % n: n % 5 for n in range(200)}

    heights = {
        height(Grove(shape=Shape(bits, cap)).build(rows(Kind.FILE_NODE, model)))
        for bits in (1, 3)
        for cap in (2, 5, 1_024)
    }

    assert max(heights) >= 7
