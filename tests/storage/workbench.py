"""What tests of storage build with: trees over memory alone, and commits in one line."""

from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from headwater.db import Catalog
from headwater.storage import (
    Content,
    Edit,
    MapEntry,
    MapTree,
    ObjectStore,
    Pointer,
    Put,
    Storage,
    Tree,
    Writer,
    content_hash,
)
from headwater.storage.block import Kind
from headwater.storage.build import Maker, grow
from headwater.storage.edit import Change, edit
from headwater.storage.node import Row
from headwater.storage.nodes import Nodes
from headwater.storage.shape import FORMAT, Shape


class Blocks:
    """Nodes in memory: a source and a sink that counts what is read and written."""

    def __init__(self) -> None:
        self._data = bytearray(16)
        self.reads = 0
        self.written = 0

    def put(self, kind: Kind, hash: bytes, block: bytes) -> tuple[int, int]:
        offset = len(self._data)
        self._data += block
        self.written += 1
        return 1, offset

    def block(self, segment: int, offset: int, length: int) -> bytes:
        self.reads += 1
        return bytes(self._data[offset : offset + length])

    def where(self, segment: int) -> str:
        return "memory"


class Grove:
    """Trees of one shape over one `Blocks`."""

    def __init__(self, kind: Kind = Kind.FILE_NODE, shape: Shape = FORMAT) -> None:
        self.kind, self.shape = kind, shape
        self.blocks = Blocks()
        self.nodes = Nodes(self.blocks)

    def build(self, rows: Iterable[Row]) -> Tree | MapTree:
        grown = grow(Maker(self.kind, self.shape, self.blocks), 0, rows)
        return self._tree(None if grown is None else grown[1])

    def edit(self, tree: Tree | MapTree, changes: Iterable[Change]) -> Tree | MapTree:
        if tree.node is None:
            return self.build(change.row for change in changes if change.row is not None)
        maker = Maker(self.kind, self.shape, self.blocks)
        return self._tree(edit(self.nodes, maker, tree.node, tree.root_row, changes))

    def _tree(self, row: Row | None) -> Tree | MapTree:
        root = None if row is None else Pointer(row[1], row[4], row[5], row[6])
        if self.kind is Kind.MAP_NODE:
            return MapTree(self.nodes, root, self.shape)
        return Tree(self.nodes, root, self.shape)


def file_row(key: bytes, value: int) -> Row:
    """Returns the leaf entry of a file whose size is the value, lying somewhere."""
    return (key, content_hash(b"%d" % value), value, value & 1, 7, 16 + value, 1 + value)


def map_row(key: bytes, value: int) -> Row:
    """Returns the leaf entry of a map tree."""
    return (key, b"%d" % value, (Pointer(content_hash(b"%d" % value), 7, 16, 1),) * (value % 3))


def fake(data: bytes) -> Content:
    """Returns a content that lies nowhere, for trees that are not read through."""
    return Content(content_hash(data), len(data), executable=False, place=None)


def publish(writer: Writer, catalog: Catalog) -> None:
    """Seals and publishes what a writer has."""
    writer.seal()
    with catalog.write() as conn:
        writer.publish(conn)


def commit(
    storage: Storage, catalog: Catalog, files: Mapping[str, bytes] | Iterable[Edit], base: Tree | None = None
) -> Tree:
    """Publishes a tree: the base with these files put, or with these edits made."""
    writer = storage.writer()
    edits = (
        [Put(path, writer.add(data)) for path, data in files.items()] if isinstance(files, Mapping) else files
    )
    tree = writer.edit(base or storage.tree(None), edits)
    publish(writer, catalog)
    return tree


def commit_map(
    storage: Storage,
    catalog: Catalog,
    puts: Iterable[MapEntry | tuple[bytes, bytes]],
    base: MapTree | None = None,
) -> MapTree:
    """Publishes a map tree."""
    writer = storage.writer()
    tree = writer.edit_map(base or storage.map_tree(None), puts)
    publish(writer, catalog)
    return tree


def reopened(catalog: Catalog, objects: ObjectStore) -> Storage:
    """Returns the same storage as another process would see it, with nothing remembered."""
    return Storage(catalog, objects)


def states(catalog: Catalog) -> dict[str, int]:
    """Returns how many segments are in each state."""
    with catalog.read() as conn:
        rows = conn.execute(sa.text("SELECT state, count(*) FROM segments GROUP BY state")).all()
    return {row[0]: row[1] for row in rows}
