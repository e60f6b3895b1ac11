"""What work costs, counted in decoded nodes and store reads: logarithmic in the files, so no O(n) pass can creep in."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from headwater.db import Catalog
from headwater.storage import Delete, DeleteFolder, ObjectStore, Put, Storage, Tree, open_store
from tests.storage.workbench import commit, fake, publish, reopened

SIZES = [1_000, 10_000, 100_000, pytest.param(1_000_000, marks=pytest.mark.large)]


class Grown:
    """A workspace with one tree of so many files, seen with nothing remembered."""

    def __init__(self, count: int, folder: Path) -> None:
        self.count = count
        self.catalog = Catalog.create(f"sqlite:///{folder}/catalog.db")
        self.objects: ObjectStore = open_store("memory:")
        content = fake(b"x")
        puts = (Put(f"{n * 100 // count:02d}/{n:07d}.txt", content) for n in range(count))
        self.base = commit(Storage(self.catalog, self.objects), self.catalog, puts)

    def cold(self) -> tuple[Storage, Tree]:
        storage = reopened(self.catalog, self.objects)
        return storage, storage.tree(self.base.root)

    def path(self, number: int) -> str:
        return f"{number * 100 // self.count:02d}/{number:07d}.txt"


@pytest.fixture(scope="module", params=SIZES)
def grown(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grown]:
    made = Grown(request.param, tmp_path_factory.mktemp("grown"))
    yield made
    made.catalog.close()


def levels(count: int) -> int:
    """Returns how many levels a tree of so many files may be expected to have."""
    return math.ceil(math.log(count, 64)) + 1


def test_a_lookup_decodes_one_node_a_level(grown: Grown) -> None:
    for number in (0, grown.count // 2, grown.count - 1):
        storage, tree = grown.cold()

        assert tree.get(grown.path(number)) is not None

        assert storage.nodes.decoded <= levels(grown.count)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.77, 1.0])
def test_a_one_file_edit_decodes_and_reads_a_few_nodes_a_level(grown: Grown, share: float) -> None:
    path = grown.path(min(int(share * grown.count), grown.count - 1))
    for edit in (Put(path, fake(b"changed")), Put(path + ".new", fake(b"new")), Delete(path)):
        storage, tree = grown.cold()

        edited = storage.writer().edit(tree, [edit])

        assert edited.root_hash != tree.root_hash
        assert storage.nodes.decoded <= 2 * levels(grown.count) + 1
        assert storage.reader.object_reads + storage.reader.row_reads <= 2 * levels(grown.count) + 1


def test_a_one_file_edit_writes_one_node_a_level(grown: Grown) -> None:
    storage, tree = grown.cold()
    writer = storage.writer()
    with grown.catalog.read() as conn:
        before = storage.stats(conn)

    writer.edit(tree, [Put(grown.path(grown.count // 3), fake(b"changed"))])
    publish(writer, grown.catalog)

    with grown.catalog.read() as conn:
        assert storage.stats(conn) - before < 16_000 * levels(grown.count)


def test_a_diff_of_one_file_decodes_the_two_paths_to_it(grown: Grown) -> None:
    storage, tree = grown.cold()
    edited = storage.writer().edit(tree, [Put(grown.path(grown.count // 2), fake(b"changed"))])
    fresh, old = grown.cold()
    before = storage.nodes.decoded

    rows = list(tree.diff(edited))

    assert len(rows) == 1
    assert storage.nodes.decoded - before <= 2 * levels(grown.count)
    assert list(old.diff(fresh.tree(grown.base.root))) == []
    assert fresh.nodes.decoded == 0 or fresh.nodes.decoded <= 2


@pytest.mark.parametrize("folder", ["00", "42", "99"])
def test_a_folder_is_deleted_without_looking_inside(grown: Grown, folder: str) -> None:
    storage, tree = grown.cold()

    edited = storage.writer().edit(tree, [DeleteFolder(folder)])

    assert edited.files == grown.count - grown.count // 100
    assert storage.nodes.decoded <= 5 * levels(grown.count)


@pytest.mark.parametrize("folder", ["00", "42", "99"])
def test_a_folder_is_counted_and_hashed_along_its_two_edges(grown: Grown, folder: str) -> None:
    storage, tree = grown.cold()

    counts = tree.folder_counts(folder)
    digest = tree.folder_digest(folder)

    assert counts == (grown.count // 100, grown.count // 100)
    assert digest != tree.root_hash
    assert storage.nodes.decoded <= 5 * levels(grown.count)


def test_a_listing_of_folders_does_not_read_what_lies_in_them(grown: Grown) -> None:
    storage, tree = grown.cold()

    items = list(tree.children())

    assert [item.files for item in items] == [grown.count // 100] * 100
    assert storage.nodes.decoded <= min(100 * 5 * levels(grown.count), grown.count / 20)


def test_an_open_tree_reads_nothing_until_it_is_asked(grown: Grown) -> None:
    storage, tree = grown.cold()

    assert tree.root_hash == grown.base.root_hash
    assert (storage.nodes.decoded, storage.reader.row_reads, storage.reader.object_reads) == (0, 0, 0)


def test_totals_are_in_the_root(grown: Grown) -> None:
    storage, tree = grown.cold()

    assert (tree.files, tree.size) == (grown.count, grown.count)
    assert storage.nodes.decoded == 1


def test_adding_many_small_files_costs_one_segment_a_few_megabytes(tmp_path: Path) -> None:
    with_many = Grown(1, tmp_path)
    storage, tree = with_many.cold()
    writer = storage.writer()

    contents = writer.add_small([(b"%08d" % number, False) for number in range(20_000)])
    writer.edit(tree, [Put(f"new/{number}", content) for number, content in enumerate(contents)])
    publish(writer, with_many.catalog)

    with with_many.catalog.read() as conn:
        segments = conn.execute(sa.text("SELECT count(*) FROM segments")).scalar_one()
    assert segments <= 3
    assert storage.nodes.decoded <= 1
    with_many.catalog.close()


def test_neighbouring_small_files_are_read_with_one_request(tmp_path: Path) -> None:
    catalog, objects = Catalog.create(f"sqlite:///{tmp_path}/catalog.db"), open_store("memory:")
    tree = commit(
        Storage(catalog, objects), catalog, {f"{n:04d}": bytes([n % 256]) * 1_000 for n in range(2_000)}
    )
    fresh = reopened(catalog, objects)
    entries = list(fresh.tree(tree.root).entries())
    before = fresh.reader.object_reads

    data = fresh.read_small(entries)

    assert data == [bytes([n % 256]) * 1_000 for n in range(2_000)]
    assert fresh.reader.object_reads - before == 1
    catalog.close()
