"""What a list of edits comes to: order, repetition, folders, and paths that cannot live together."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.db import Catalog
from headwater.storage import (
    Delete,
    DeleteFolder,
    Edit,
    InvalidPath,
    PathCollision,
    Put,
    Storage,
    Tree,
    content_hash,
    open_store,
)
from headwater.storage import ops as ops_module
from headwater.storage.shape import Shape
from tests.storage.workbench import commit, fake, publish

NAMES = st.sampled_from(["a", "b", "a/x", "a/y", "a/x/1", "b/c/d", "b/c/e", "b/c", "b-c", "a.txt"])
FOLDERS = st.sampled_from(["", "/", "a", "a/x", "b", "b/c", "nowhere"])
EDITS = st.lists(
    st.builds(lambda path, n: Put(path, fake(b"%d" % n)), NAMES, st.integers(0, 9))
    | st.builds(Delete, NAMES)
    | st.builds(DeleteFolder, FOLDERS),
    max_size=30,
)
SHAPES = st.builds(Shape, bits=st.integers(1, 2), cap=st.sampled_from([2, 1_024]))


@pytest.fixture(scope="module")
def shared_catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    place: Path = tmp_path_factory.mktemp("catalog")
    catalog = Catalog.create(f"sqlite:///{place}/catalog.db")
    yield catalog
    catalog.close()


def apply(model: dict[str, bytes], edits: list[Edit]) -> dict[str, bytes]:
    """Applies edits to a dictionary, one after the other."""
    files = dict(model)
    for edit in edits:
        if isinstance(edit, Put):
            files[edit.path] = edit.content.hash
        elif isinstance(edit, Delete):
            files.pop(edit.path, None)
        else:
            prefix = edit.path.strip("/") + "/" if edit.path.strip("/") else ""
            files = {path: hash for path, hash in files.items() if not path.startswith(prefix)}
    return files


def collides(files: dict[str, bytes]) -> bool:
    return any(other.startswith(path + "/") for path in files for other in files)


def files_of(tree: Tree) -> dict[str, bytes]:
    return {entry.path: entry.hash for entry in tree.entries()}


@pytest.mark.parametrize("run", [4, 16_384])
@given(shape=SHAPES, batches=st.lists(EDITS, min_size=1, max_size=3))
def test_edits_do_to_a_tree_what_they_do_to_a_dictionary(
    shared_catalog: Catalog, run: int, shape: Shape, batches: list[list[Edit]]
) -> None:
    storage = Storage(shared_catalog, open_store("memory:"), shape=shape)
    writer = storage.writer()
    tree, model = storage.tree(None), dict[str, bytes]()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ops_module, "_RUN", run)
        for edits in batches:
            final = apply(model, edits)
            if collides(final):
                with pytest.raises(PathCollision):
                    writer.edit(tree, edits)
            else:
                tree, model = writer.edit(tree, edits), final

    assert files_of(tree) == model
    rebuilt = writer.edit(storage.tree(None), [Put(path, fake(b"")) for path in model])
    assert list(files_of(rebuilt)) == sorted(model, key=str.encode)
    writer.abort()


def test_of_edits_to_one_path_the_last_counts(storage: Storage, catalog: Catalog) -> None:
    edits: list[Edit] = [
        Put("/a", fake(b"1")),
        Put("a", fake(b"2")),
        Delete("b"),
        Put("b", fake(b"3")),
        Put("c", fake(b"4")),
        Delete("c"),
    ]

    tree = commit(storage, catalog, edits)

    assert files_of(tree) == {"a": content_hash(b"2"), "b": content_hash(b"3")}


def test_many_unsorted_edits_are_few_objects_and_the_same_tree(storage: Storage) -> None:
    paths = [f"{n * 7919 % 50_000:05d}.txt" for n in range(50_000)]
    writer = storage.writer()

    backwards = writer.edit(storage.tree(None), (Put(path, fake(b"x")) for path in paths))
    forwards = writer.edit(storage.tree(None), (Put(path, fake(b"x")) for path in sorted(paths)))

    assert backwards.root_hash == forwards.root_hash
    assert backwards.files == 50_000


def test_a_folder_is_deleted_with_all_below_and_nothing_beside_it(storage: Storage, catalog: Catalog) -> None:
    base = commit(
        storage, catalog, [Put(path, fake(b"x")) for path in ("a/1", "a/b/2", "a.txt", "ab/3", "a-/4")]
    )

    tree = commit(storage, catalog, [DeleteFolder("/a/"), Put("a/new", fake(b"y"))], base)

    assert sorted(files_of(tree)) == ["a-/4", "a.txt", "a/new", "ab/3"]


def test_deleting_what_is_not_there_does_nothing(storage: Storage, catalog: Catalog) -> None:
    base = commit(storage, catalog, [Put("a", fake(b"x"))])

    tree = commit(storage, catalog, [Delete("b"), Delete("a/b"), DeleteFolder("a"), DeleteFolder("z")], base)

    assert tree.root == base.root


@pytest.mark.parametrize(
    ("before", "edits", "file", "below"),
    [
        ([], ["a", "a/b"], "a", "a/b"),
        ([], ["a/b/c", "a"], "a", "a/b/c"),
        ([], ["a", "a.txt", "a!/x", "a/b"], "a", "a/b"),
        (["a"], ["a/b/c"], "a", "a/b/c"),
        (["a/b/c", "a.txt"], ["a"], "a", "a/b/c"),
        (["a/b/c"], ["a/b"], "a/b", "a/b/c"),
    ],
)
def test_a_path_that_would_be_file_and_folder_is_named_with_what_is_below(
    storage: Storage, catalog: Catalog, before: list[str], edits: list[str], file: str, below: str
) -> None:
    base = commit(storage, catalog, [Put(path, fake(b"x")) for path in before])

    with pytest.raises(PathCollision) as caught:
        commit(storage, catalog, [Put(path, fake(b"y")) for path in edits], base)

    assert (caught.value.file, caught.value.below) == (file, below)
    assert repr(file) in caught.value.message
    assert repr(below) in caught.value.message


def test_a_file_may_take_the_place_of_a_folder_that_goes_and_the_reverse(
    storage: Storage, catalog: Catalog
) -> None:
    base = commit(storage, catalog, [Put("a/b", fake(b"x")), Put("c", fake(b"x"))])

    tree = commit(
        storage, catalog, [DeleteFolder("a"), Put("a", fake(b"y")), Put("c/d", fake(b"z")), Delete("c")], base
    )

    assert sorted(files_of(tree)) == ["a", "c/d"]


def test_what_is_left_of_a_folder_still_collides(storage: Storage, catalog: Catalog) -> None:
    base = commit(storage, catalog, [Put("a/1", fake(b"x")), Put("a/2", fake(b"x"))])

    with pytest.raises(PathCollision, match="'a/2'"):
        commit(storage, catalog, [Delete("a/1"), Put("a", fake(b"y"))], base)


def test_a_refused_edit_leaves_the_writer_as_it_was(storage: Storage, catalog: Catalog) -> None:
    writer = storage.writer()
    content = writer.add(b"kept")
    with pytest.raises(PathCollision):
        writer.edit(storage.tree(None), [Put("a", content), Put("a/b", content)])

    tree = writer.edit(storage.tree(None), [Put("a", content)])
    publish(writer, catalog)

    entry = tree.get("a")
    assert entry is not None
    assert storage.read(entry) == b"kept"


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("", "empty"),
        ("/", "empty"),
        ("a//b", "empty part"),
        ("//a", "empty part"),
        ("a/", "empty part"),
        ("a/../b", "'..'"),
        ("./a", "'.'"),
        ("a\0b", "NUL"),
        ("e\u0301.txt", "normal form C"),
        ("a\ud800", "not valid Unicode"),
        ("x" * 256, "part of 256 bytes"),
        ("ä" * 128, "part of 256 bytes"),
        ("/".join(["x" * 200] * 6), "1,205 bytes"),
    ],
)
def test_a_path_that_no_file_may_have_is_refused_with_its_rule(
    storage: Storage, path: str, rule: str
) -> None:
    with pytest.raises(InvalidPath) as caught:
        storage.writer().edit(storage.tree(None), [Put(path, fake(b""))])

    assert rule in caught.value.message
    assert repr(path) in caught.value.message


@pytest.mark.parametrize(
    "path", [".hidden", "a/.b/..c", "日本/語", "x" * 255, "/".join(["y" * 203] * 5), "a b\tc\n"]
)
def test_unusual_paths_that_break_no_rule_are_kept_as_they_are(
    storage: Storage, catalog: Catalog, path: str
) -> None:
    tree = commit(storage, catalog, [Put(path, fake(b"x"))])

    assert [entry.path for entry in tree.entries()] == [path]
    assert tree.get("/" + path) is not None
