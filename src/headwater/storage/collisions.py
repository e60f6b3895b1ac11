"""Finds paths that would be a file and a folder at once.

Byte order does not put `a` beside `a/b` (`a.txt` comes between), so a look at
the neighbour is not enough. What is put is checked against itself in one pass,
and against the old tree by looking up the folders above and the range below.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator

from headwater.storage.block import Kind
from headwater.storage.errors import PathCollision
from headwater.storage.node import Node, Row
from headwater.storage.nodes import Nodes
from headwater.storage.paths import folders_above, prefix_end
from headwater.storage.tree import Tree
from headwater.storage.walk import Walk

_SLASH = b"/"[0]


def refuse(rows: Iterable[Row]) -> Iterator[Row]:
    """Hands on sorted entries of files.

    Raises:
        PathCollision: One of them is the folder of another.
    """
    last = b"/"
    prefixes: list[bytes] = []  # earlier keys that each begins with the one before it, and `last` with all
    for row in rows:
        key = row[0]
        if key.startswith(last):
            prefixes.append(last)
        elif prefixes:
            while prefixes and not key.startswith(prefixes[-1]):
                prefixes.pop()
        for prefix in prefixes:
            if key[len(prefix)] == _SLASH:
                raise PathCollision(prefix.decode(), below=key.decode())
        last = key
        yield row


def candidates(nodes: Nodes, root: Node, rows: Iterable[Row]) -> Iterator[bytes]:
    """Yields files that are put above others, or have others put below them, unless the old ones are deleted.

    Args:
        nodes: Where the old tree's nodes are read.
        root: Its root.
        rows: What is put, sorted and free of collisions in itself.
    """
    walk = Walk(nodes, Kind.FILE_NODE, root, 0)
    leaf: Node | None = None
    folder = b""
    for row in rows:
        key = row[0]
        if leaf is None or key > leaf.last_key:
            leaf = walk.seek(key)
        at = bisect_left(leaf.keys, key)
        if at < leaf.count and leaf.keys[at] == key:
            continue  # a file already, so nothing lies below it and its folders are folders
        if _first_from(nodes, root, leaf, key + b"/").startswith(key + b"/"):
            yield key
        parent = key.rpartition(b"/")[0]
        if parent != folder:
            folder = parent
            for above in folders_above(key):
                if _first_from(nodes, root, leaf, above) == above:
                    yield above


def _first_from(nodes: Nodes, root: Node, leaf: Node, key: bytes) -> bytes:
    """Returns the first key of the tree that is not below `key`, empty if there is none."""
    if not leaf.keys[0] <= key <= leaf.last_key:
        leaf = Walk(nodes, Kind.FILE_NODE, root, 0).seek(key)
    at = bisect_left(leaf.keys, key)
    return leaf.keys[at] if at < leaf.count else b""


def below(tree: Tree, file: bytes) -> bytes | None:
    """Returns a file that a tree has below another one, if it has both."""
    folder = file + b"/"
    row = next(tree.leaf_rows(folder, prefix_end(folder)), None)
    return None if row is None or tree.leaf_row(file) is None else row[0]
