"""One page of a bucket's keys, in their order, with folders folded where a delimiter asks for it.

The tree's key order is S3's. A folded prefix is passed over by going to the
least key behind it, so a page costs O(page · log n) however many files lie
below the prefixes that it shows. Nothing before or behind the page is read.
"""

from collections.abc import Iterator

import msgspec

from headwater.storage import FileEntry, Tree
from headwater.storage.paths import prefix_end
from headwater.storage.tree import file_entry

MOST_KEYS = 1000


class Page(msgspec.Struct, frozen=True):
    """Files and folded prefixes of one page; `last` is where the next one begins behind, if there is one."""

    files: list[FileEntry]
    prefixes: list[str]
    last: str | None


def list_page(tree: Tree, *, prefix: str, delimiter: str, after: str, limit: int) -> Page:
    """Returns the keys of a tree behind `after` that begin with a prefix.

    Args:
        tree: The files.
        prefix: What keys begin with; any text.
        delimiter: Keys that have it behind the prefix are folded up to it; empty for no folding.
        after: A key, or a folded prefix, that was shown already.
        limit: How many keys and folded prefixes at most.
    """
    files: list[FileEntry] = []
    prefixes: list[str] = []
    last = ""
    for item in _items(tree, _bytes(prefix), _bytes(delimiter), _bytes(after)):
        if len(files) + len(prefixes) >= limit:
            return Page(files, prefixes, last if limit else None)
        if isinstance(item, bytes):
            last = item.decode()
            prefixes.append(last)
        else:
            last = item.path
            files.append(item)
    return Page(files, prefixes, None)


def _items(tree: Tree, prefix: bytes, delimiter: bytes, after: bytes) -> Iterator[FileEntry | bytes]:
    low, high = max(prefix, _behind(prefix, delimiter, after)), prefix_end(prefix)
    while True:
        folded = None
        for row in tree.leaf_rows(low, high):
            folded = _folded(row[0], prefix, delimiter)
            if folded is not None:
                break
            yield file_entry(row)
        if folded is None:
            return
        yield folded
        next_low = prefix_end(folded)
        if next_low is None:
            return
        low = next_low


def _behind(prefix: bytes, delimiter: bytes, after: bytes) -> bytes:
    """Returns the least key that was not shown: behind a key, or behind all keys of a folded prefix."""
    if not after:
        return b""
    folded = _folded(after, prefix, delimiter) if after.startswith(prefix) else None
    return after + b"\0" if folded is None else prefix_end(folded) or after + b"\0"


def _folded(key: bytes, prefix: bytes, delimiter: bytes) -> bytes | None:
    if not delimiter:
        return None
    at = key.find(delimiter, len(prefix))
    return None if at < 0 else key[: at + len(delimiter)]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
