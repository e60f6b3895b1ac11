"""Reading trees: lookups, listings, folders, and maps."""

import pytest

from headwater.db import Catalog
from headwater.storage import (
    Content,
    DeleteFolder,
    FolderItem,
    InvalidEntry,
    InvalidPath,
    MapEntry,
    ObjectStore,
    Pointer,
    Put,
    Storage,
    content_hash,
)
from tests.storage.workbench import commit, commit_map, fake, publish, reopened

FILES = {
    "a.txt": b"1",
    "a/b/c.txt": b"22",
    "a/b/d.txt": b"333",
    "a/e.txt": b"4444",
    "a-z": b"55555",
    "ä/ö": b"6",
}


def test_the_empty_tree_has_nothing_in_it(storage: Storage) -> None:
    tree = storage.tree(None)

    assert (tree.root, tree.files, tree.size) == (None, 0, 0)
    assert (list(tree.entries()), list(tree.children()), list(tree.diff(tree))) == ([], [], [])
    assert tree.get("a") is None
    assert tree.folder_digest("a") == tree.folder_digest() == tree.root_hash
    assert tree.folder_counts("a") == (0, 0)


def test_a_tree_without_its_last_file_is_the_empty_tree(storage: Storage, catalog: Catalog) -> None:
    base = commit(storage, catalog, {"a/1": b"x"})

    tree = commit(storage, catalog, [DeleteFolder("a")], base)

    assert tree.root is None
    assert tree.root_hash == storage.tree(None).root_hash


def test_a_file_is_found_with_and_without_a_slash_in_front(storage: Storage, catalog: Catalog) -> None:
    tree = commit(storage, catalog, FILES)

    found = tree.get("/a/b/c.txt")

    assert found is not None
    assert found == tree.get("a/b/c.txt")
    assert (found.path, found.size, found.hash) == ("a/b/c.txt", 2, content_hash(b"22"))
    assert tree.get("a/b") is None
    with pytest.raises(InvalidPath):
        tree.get("../a")


def test_entries_come_in_byte_order_and_keep_to_prefix_and_cursor(storage: Storage, catalog: Catalog) -> None:
    tree = commit(storage, catalog, FILES)

    paths = [entry.path for entry in tree.entries()]

    assert paths == sorted(FILES, key=str.encode)
    assert [entry.path for entry in tree.entries("a/")] == ["a/b/c.txt", "a/b/d.txt", "a/e.txt"]
    assert [entry.path for entry in tree.entries("a/b/c")] == ["a/b/c.txt"]
    assert [entry.path for entry in tree.entries("a/", after="a/b/c.txt")] == ["a/b/d.txt", "a/e.txt"]
    assert [entry.path for entry in tree.entries(after="a/e.txt")] == ["ä/ö"]
    assert list(tree.entries("zz")) == []


def test_a_folder_shows_what_lies_directly_in_it(storage: Storage, catalog: Catalog) -> None:
    tree = commit(storage, catalog, FILES)

    top = list(tree.children("/"))

    assert [(item.name, item.kind, item.files, item.size) for item in top] == [
        ("a-z", "file", 1, 5),
        ("a.txt", "file", 1, 1),
        ("a", "folder", 3, 9),
        ("ä", "folder", 1, 1),
    ]
    assert top[2].hash == tree.folder_digest("a")
    assert list(tree.children("a/b")) == [
        FolderItem("c.txt", "file", 2, 1, content_hash(b"22")),
        FolderItem("d.txt", "file", 3, 1, content_hash(b"333")),
    ]
    assert list(tree.children("a.txt")) == []
    assert tree.has_folder("a/b")
    assert not tree.has_folder("a.txt")


def test_a_folder_digest_does_not_see_what_lies_around_the_folder(storage: Storage, catalog: Catalog) -> None:
    alone = commit(storage, catalog, {f"f/{n}": b"x" for n in range(300)})
    among = commit(storage, catalog, {f"{folder}/{n}": b"x" for folder in "dfg" for n in range(300)})

    assert alone.folder_digest("f") == among.folder_digest("f") == alone.root_hash


def test_a_large_tree_reads_the_same_after_reopening(
    storage: Storage, catalog: Catalog, objects: ObjectStore
) -> None:
    paths = [f"{n % 13}/{n:05d}" for n in range(20_000)]
    tree = commit(storage, catalog, [Put(path, fake(path.encode())) for path in paths])

    again = reopened(catalog, objects).tree(tree.root)

    assert (again.files, again.size) == (20_000, sum(map(len, paths)))
    assert [entry.path for entry in again.entries()] == sorted(paths)
    assert [item.name for item in again.children()] == sorted({path.partition("/")[0] for path in paths})
    assert [item.files for item in again.children()] == [
        sum(path.startswith(f"{name}/") for path in paths) for name in sorted(map(str, range(13)))
    ]


def test_a_diff_names_old_and_new_of_each_changed_file(storage: Storage, catalog: Catalog) -> None:
    old = commit(storage, catalog, FILES)
    new = commit(storage, catalog, {"a/b/c.txt": b"changed", "new": b"n"}, old)
    new = commit(storage, catalog, [DeleteFolder("ä")], new)

    rows = list(old.diff(new))

    assert [(a and a.path, b and b.path) for a, b in rows] == [
        ("a/b/c.txt", "a/b/c.txt"),
        (None, "new"),
        ("ä/ö", None),
    ]
    assert [(b and b.path, a and a.path) for a, b in new.diff(old)] == [
        (a and a.path, b and b.path) for a, b in rows
    ]


def test_the_executable_bit_is_part_of_a_file(storage: Storage, catalog: Catalog) -> None:
    writer = storage.writer()
    plain, runs = writer.add(b"#!"), writer.add(b"#!", executable=True)
    first = writer.edit(storage.tree(None), [Put("a", plain)])
    second = writer.edit(first, [Put("a", runs)])

    changed = [(old and old.executable, new and new.executable) for old, new in first.diff(second)]

    assert first.root_hash != second.root_hash
    assert changed == [(False, True)]


def test_a_map_gives_back_values_and_the_pointers_beside_them(storage: Storage, catalog: Catalog) -> None:
    writer = storage.writer()
    place = writer.add(b"what the value names").place
    assert place is not None
    entries = [MapEntry(b"key %d" % n, b"value", (place,) * (n % 3)) for n in range(500)]
    tree = writer.edit_map(storage.map_tree(None), entries)
    publish(writer, catalog)

    again = storage.map_tree(tree.root)

    assert again.count == 500
    assert again.get(b"key 7") == b"value"
    assert again.get(b"key 500") is None
    assert again.entry(b"key 8") == MapEntry(b"key 8", b"value", (place, place))
    assert list(again.entries()) == sorted(entries)
    assert [key for key, _ in again.items(b"key 49", after=b"key 490")] == [
        b"key %d" % n for n in range(491, 500)
    ]


def test_where_things_lie_does_not_show_in_a_map_s_root(storage: Storage) -> None:
    writer = storage.writer()
    first, second = writer.add(b"x").place, writer.add(b"x").place
    assert first != second
    assert first is not None
    assert second is not None

    roots = [
        writer.edit_map(storage.map_tree(None), [MapEntry(b"k", b"v", places)]).root_hash
        for places in ((), (first,), (second,), (first, second))
    ]

    assert len(set(roots)) == 1


def test_a_map_is_edited_by_puts_and_deletes_and_a_put_wins(storage: Storage, catalog: Catalog) -> None:
    base = commit_map(storage, catalog, [(b"a", b"1"), (b"b", b"2"), (b"c", b"3")])
    writer = storage.writer()

    tree = writer.edit_map(base, [(b"b", b"new"), (b"d", b"4"), (b"d", b"5")], deletes=[b"a", b"b", b"z"])

    assert dict(tree.items()) == {b"b": b"new", b"c": b"3", b"d": b"5"}
    assert [(old and old.value, new and new.value) for old, new in base.diff(tree)] == [
        (b"1", None),
        (b"2", b"new"),
        (None, b"5"),
    ]


@pytest.mark.parametrize(("key", "value"), [(b"", b""), (b"k" * 1_025, b""), (b"k", b"v" * 4_097)])
def test_what_does_not_fit_into_a_map_is_refused(storage: Storage, key: bytes, value: bytes) -> None:
    with pytest.raises(InvalidEntry):
        storage.writer().edit_map(storage.map_tree(None), [(key, value)])


def test_the_largest_keys_and_values_fit(storage: Storage, catalog: Catalog) -> None:
    entries = {bytes([n]) * 1_024: b"v" * 4_096 for n in range(256)}

    tree = commit_map(storage, catalog, entries.items())

    assert dict(storage.map_tree(tree.root).items()) == entries


def test_content_of_one_tree_may_be_put_into_another(storage: Storage, catalog: Catalog) -> None:
    first = commit(storage, catalog, FILES)
    entry = first.get("a/e.txt")
    assert entry is not None

    second = commit(storage, catalog, [Put("moved", entry.content)])

    moved = second.get("moved")
    assert moved is not None
    assert isinstance(moved.content, Content)
    assert isinstance(moved.place, Pointer)
    assert storage.read(moved) == b"4444"
