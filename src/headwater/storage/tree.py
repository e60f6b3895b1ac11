"""Reads trees: what is under a key, what lies in a folder, what differs.

A tree is its root and nothing more; nodes are loaded as they are needed, so
a tree of a million files opens at once and a lookup touches one node a level.
Trees never change: `Writer.edit` returns another one.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from functools import cached_property

from headwater.storage.block import Kind
from headwater.storage.build import Maker, empty_hash, grow
from headwater.storage.diff import diff
from headwater.storage.edit import END, Change, edit
from headwater.storage.node import Node, Row
from headwater.storage.nodes import Nodes
from headwater.storage.paths import folder_prefix, normalize, normalize_folder, prefix_end
from headwater.storage.shape import FORMAT, Shape
from headwater.storage.values import FileEntry, FolderItem, MapEntry, Pointer
from headwater.storage.walk import Walk, rank


class AnyTree:
    """What file trees and map trees have in common."""

    kind: Kind

    def __init__(
        self, nodes: Nodes, root: Pointer | None, shape: Shape = FORMAT, *, keeper: object = None
    ) -> None:
        """Takes a root without reading it; none is the empty tree. `keeper` holds what is not published yet."""
        self.nodes, self.root, self.shape, self._keeper = nodes, root, shape, keeper

    @property
    def root_hash(self) -> bytes:
        """The hash that says what is in the tree; equal trees have equal ones."""
        return empty_hash(self.kind) if self.root is None else self.root.hash

    @cached_property
    def node(self) -> Node | None:
        """The root node; none for the empty tree."""
        return None if self.root is None else self.nodes.root(self.kind, self.root)

    @cached_property
    def totals(self) -> tuple[int, int]:
        """How many files (or entries) and bytes (of contents, or of values) there are."""
        return (0, 0) if self.node is None else self.node.counts()

    def leaf_row(self, key: bytes) -> Row | None:
        """Returns the leaf entry with exactly this key."""
        if self.node is None:
            return None
        leaf = Walk(self.nodes, self.kind, self.node, 0).seek(key)
        at = bisect_left(leaf.keys, key)
        return leaf.row(at) if at < leaf.count and leaf.keys[at] == key else None

    def leaf_rows(self, low: bytes, high: bytes | None) -> Iterator[Row]:
        """Yields the leaf entries from `low` up to, and without, `high`, node by node."""
        if self.node is None:
            return
        walk = Walk(self.nodes, self.kind, self.node, 0)
        leaf: Node | None = walk.seek(low)
        while leaf is not None:
            start = bisect_left(leaf.keys, low)
            stop = leaf.count if high is None else bisect_left(leaf.keys, high)
            yield from leaf.rows()[start:stop]
            if stop < leaf.count:
                return
            leaf = walk.next()

    def leaf_diff(
        self, other: "AnyTree", low: bytes = b"", high: bytes | None = None
    ) -> Iterator[tuple[Row | None, Row | None]]:
        """Yields (entry here, entry there) for each key from `low` up to, and without, `high` that differs."""
        return diff(self.nodes, self.kind, self.node, other.node, low, high)

    def range_hash(self, low: bytes, high: bytes | None) -> bytes:
        """Returns the root hash of the tree that holds exactly the entries of a range."""
        if self.node is None or self.root is None:
            return self.root_hash
        maker = Maker(self.kind, self.shape, None)
        leaf = Walk(self.nodes, self.kind, self.node, 0).seek(low)
        if high is not None and high <= leaf.last_key:
            inside = leaf.rows()[bisect_left(leaf.keys, low) : bisect_left(leaf.keys, high)]
            grown = grow(maker, 0, inside)
            row = grown[1] if grown else None
        else:
            outside = [Change(b"", low, None)] if low else []
            if high is not None:
                outside.append(Change(high, END, None))
            row = edit(self.nodes, maker, self.node, self.root_row, outside)
        return empty_hash(self.kind) if row is None else row[1]

    @property
    def root_row(self) -> Row:
        """The entry that would stand for the root one level above it; there must be a root."""
        if self.root is None or self.node is None:
            raise IndexError("the empty tree has no root")
        root = self.root
        return (self.node.last_key, root.hash, *self.totals, root.segment, root.offset, root.length)


class Tree(AnyTree):
    """A tree of files."""

    kind = Kind.FILE_NODE

    @property
    def files(self) -> int:
        """How many files there are."""
        return self.totals[0]

    @property
    def size(self) -> int:
        """How many bytes the files have together."""
        return self.totals[1]

    def get(self, path: str) -> FileEntry | None:
        """Returns the file at a path; none if there is none, or a folder.

        Raises:
            InvalidPath: No file can have this path.
        """
        row = self.leaf_row(normalize(path).encode())
        return None if row is None else file_entry(row)

    def has_folder(self, folder: str) -> bool:
        """Tells whether any file lies below a folder."""
        prefix = folder_prefix(normalize_folder(folder))
        return next(self.leaf_rows(prefix, prefix_end(prefix)), None) is not None

    def entries(self, prefix: str = "", after: str | None = None) -> Iterator[FileEntry]:
        """Yields files in key order, without ever holding them all.

        Args:
            prefix: Only paths that begin with these characters, without a slash in front.
            after: Only paths behind this one.
        """
        start = prefix.removeprefix("/").encode()
        low = start if after is None else max(start, after.removeprefix("/").encode() + b"\0")
        return map(file_entry, self.leaf_rows(low, prefix_end(start)))

    def children(self, folder: str = "") -> Iterator[FolderItem]:
        """Yields what lies directly in a folder, in key order; O(items · log n) whatever lies below."""
        prefix = folder_prefix(normalize_folder(folder))
        high = prefix_end(prefix)
        low = prefix
        while True:
            below = None
            for row in self.leaf_rows(low, high):
                name, slash, _ = row[0][len(prefix) :].partition(b"/")
                if slash:
                    below = name
                    break
                yield FolderItem(name.decode(), "file", row[2], 1, row[1])
            if below is None:
                return
            yield self._folder_item(prefix + below + b"/", below)
            low = prefix_end(prefix + below + b"/") or END

    def folder_counts(self, folder: str) -> tuple[int, int]:
        """Returns how many files and bytes lie below a folder, in O(log n)."""
        return self._counts(folder_prefix(normalize_folder(folder)))

    def folder_digest(self, folder: str = "") -> bytes:
        """Returns the root hash of the tree that holds exactly the files below a folder, under their full paths."""
        prefix = folder_prefix(normalize_folder(folder))
        return self.range_hash(prefix, prefix_end(prefix))

    def diff(self, other: "Tree", within: str = "") -> Iterator[tuple[FileEntry | None, FileEntry | None]]:
        """Yields (file here, file there) for each path that differs, in key order; none where there is no file.

        Args:
            other: The tree to compare with.
            within: A file, or a folder beyond which nothing is looked at.

        Raises:
            InvalidPath: Nothing can have this path.
        """
        path = normalize_folder(within)
        key, prefix = path.encode(), folder_prefix(path)
        spans = [(key, key + b"\0"), (prefix, prefix_end(prefix))] if path else [(b"", None)]
        for low, high in spans:
            for old, new in diff(self.nodes, self.kind, self.node, other.node, low, high):
                yield (None if old is None else file_entry(old)), (None if new is None else file_entry(new))

    def _folder_item(self, prefix: bytes, name: bytes) -> FolderItem:
        files, size = self._counts(prefix)
        return FolderItem(name.decode(), "folder", size, files, self.range_hash(prefix, prefix_end(prefix)))

    def _counts(self, prefix: bytes) -> tuple[int, int]:
        if not prefix or self.node is None:
            return self.totals
        files, size = rank(self.nodes, self.kind, self.node, prefix)
        end_files, end_size = rank(self.nodes, self.kind, self.node, prefix_end(prefix) or END)
        return end_files - files, end_size - size


class MapTree(AnyTree):
    """A tree of keys and small values."""

    kind = Kind.MAP_NODE

    @property
    def count(self) -> int:
        """How many entries there are."""
        return self.totals[0]

    def get(self, key: bytes) -> bytes | None:
        """Returns the value under a key."""
        entry = self.entry(key)
        return None if entry is None else entry.value

    def entry(self, key: bytes) -> MapEntry | None:
        """Returns the value under a key with the pointers that stand beside it."""
        row = self.leaf_row(key)
        return None if row is None else MapEntry(*row)

    def items(self, prefix: bytes = b"", after: bytes | None = None) -> Iterator[tuple[bytes, bytes]]:
        """Yields keys and values in key order; see `entries`."""
        return ((entry.key, entry.value) for entry in self.entries(prefix, after))

    def entries(self, prefix: bytes = b"", after: bytes | None = None) -> Iterator[MapEntry]:
        """Yields entries in key order: those whose key begins with `prefix` and comes behind `after`."""
        low = prefix if after is None else max(prefix, after + b"\0")
        return (MapEntry(*row) for row in self.leaf_rows(low, prefix_end(prefix)))

    def diff(self, other: "MapTree") -> Iterator[tuple[MapEntry | None, MapEntry | None]]:
        """Yields (entry here, entry there) for each key whose value differs, in key order."""
        for old, new in diff(self.nodes, self.kind, self.node, other.node):
            yield (None if old is None else MapEntry(*old)), (None if new is None else MapEntry(*new))


def file_entry(row: Row) -> FileEntry:
    """Returns the file that a leaf entry stands for."""
    key, hash, size, flags, segment, offset, length = row
    place = Pointer(hash, segment, offset, length) if segment else None
    return FileEntry(key.decode(), hash, size, bool(flags & 1), place)


def digest_of(entries: Iterable[FileEntry], shape: Shape = FORMAT) -> bytes:
    """Returns the digest of a group of files: the root hash of the tree of exactly these, sorted by path."""
    rows = (
        (entry.path.encode(), entry.hash, entry.size, int(entry.executable), 0, 0, 0) for entry in entries
    )
    grown = grow(Maker(Kind.FILE_NODE, shape, None), 0, rows)
    return empty_hash(Kind.FILE_NODE) if grown is None else grown[1][1]
