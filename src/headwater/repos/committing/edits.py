"""The changes of a commit in the order they were said, kept small.

A commit may put a million files, and they are gone through once for each try
to finish it. So they are kept encoded, a thousand at a time, and only who
asks for what was said about a path pays for an index. A copy is kept as it
was said, source and target, and becomes files only when the tree is known
that it copies from: on another head, it copies what is there by then.
"""

from collections.abc import Callable, Iterator
from itertools import chain

import msgspec

from headwater.repos.committing.pieces import Pieces
from headwater.storage import Content, Delete, DeleteFolder, Edit, FileEntry, Pointer, Put

_PIECE = 1_024
_HERE = -1

# Gives the files at or below a path that is copied, in order of paths; the number says in which tree.
Copied = Callable[[str, int | None], Iterator[FileEntry]]

# hash, size, whether it may be run, and where it lies: segment (0 for an empty file), offset, length
_Kept = tuple[bytes, int, bool, int, int, int]
# path; content; source of a copy and the number of its tree. A deleted path has nothing behind it.
_Said = tuple[str, _Kept | None, tuple[str, int] | None]
_pieces = msgspec.msgpack.Decoder(list[_Said])


class Edits:
    """Puts, deletes and copies; a later one on the same path, or on a folder above it, outdoes an earlier one."""

    def __init__(self) -> None:
        """Starts with none."""
        self._pieces = Pieces()
        self._open: list[_Said] = []
        self._deleted: dict[str, int] = {}
        self._copies: dict[str, int] = {}
        self._index: dict[str, int] | None = None
        self._folders: set[str] = set()  # with something put or copied below them
        self._thinned: set[str] = set()  # with something deleted below them

    def __len__(self) -> int:
        return len(self._pieces) * _PIECE + len(self._open)

    def put(self, path: str, content: Content) -> None:
        """A file gets this content."""
        self._say((path, _kept(content), None))

    def delete(self, path: str) -> None:
        """A file goes, or all files below a folder; the empty path is the top folder."""
        self._deleted[path] = len(self)
        self._say((path, None, None))

    def copy(self, source: str, path: str, *, tree: int | None = None) -> None:
        """A path gets what another has: in the tree that is changed, before the changes, or in a numbered one."""
        self._copies[path] = len(self)
        self._say((path, None, (source, _HERE if tree is None else tree)))

    def resolved(self, copied: Copied) -> Iterator[Edit]:
        """Yields what was said, with every copy as the files that it means."""
        for path, content, source in self._said():
            if content is not None:
                yield Put(path, _content(content))
            elif source is not None:
                origin, tree = source
                for entry in copied(origin, None if tree == _HERE else tree):
                    yield Put(moved(entry.path, origin, path), entry.content)
            else:
                if path:
                    yield Delete(path)
                yield DeleteFolder(path)

    def deleted(self) -> Iterator[str]:
        """Yields the paths that were deleted, whatever was put since."""
        return iter(self._deleted)

    def content(self, path: str) -> Content | None:
        """Returns what was last put under a path; none where nothing was, or where it was deleted since."""
        number = self._numbers().get(path)
        if number is None or number < self._last_deleted(path):
            return None
        _, content, _ = self._at(number)
        return None if content is None else _content(content)

    def is_deleted(self, path: str) -> bool:
        """Tells whether the path, or a folder above it, was deleted, whatever was put since."""
        return self._last_deleted(path) >= 0

    def copies_of(self, path: str) -> Iterator[tuple[str, int | None]]:
        """Yields where a path was copied from, itself or with a folder above it, and not deleted since."""
        if not self._copies:
            return
        for above in _above(path):
            number = self._copies.get(above)
            if number is not None and number > self._last_deleted(path):
                _, _, source = self._at(number)
                assert source is not None, "only copies are numbered here"
                origin, tree = source
                yield moved(path, above, origin), None if tree == _HERE else tree

    def puts_below(self, folder: str) -> bool:
        """Tells whether something was put below a folder, or copied there, whatever was deleted since."""
        self._numbers()
        return folder in self._folders

    def touches(self, path: str) -> bool:
        """Tells whether anything was said about a path, what lies below it, or a folder above it as a whole."""
        if not len(self):
            return False
        if path in self._numbers() or path in self._folders or path in self._thinned:
            return True
        return any(one in self._deleted or one in self._copies for one in _above(path))

    def _last_deleted(self, path: str) -> int:
        if not self._deleted:
            return -1
        return max(self._deleted.get(folder, -1) for folder in _above(path))

    def _say(self, said: _Said) -> None:
        if self._index is not None:
            self._note(len(self), said)
        self._open.append(said)
        if len(self._open) == _PIECE:
            self._pieces.append(msgspec.msgpack.encode(self._open))
            self._open = []

    def _said(self) -> Iterator[_Said]:
        return chain(chain.from_iterable(map(_pieces.decode, self._pieces)), self._open)

    def _at(self, number: int) -> _Said:
        piece, at = divmod(number, _PIECE)
        return _pieces.decode(self._pieces[piece])[at] if piece < len(self._pieces) else self._open[at]

    def _numbers(self) -> dict[str, int]:
        if self._index is None:
            self._index = {}
            for number, said in enumerate(self._said()):
                self._note(number, said)
        return self._index

    def _note(self, number: int, said: _Said) -> None:
        path, content, source = said
        assert self._index is not None, "there is an index to note it in"
        if content is not None:
            self._index[path] = number
        folders = self._thinned if content is None and source is None else self._folders
        folder = path
        while folder:
            folder = folder.rpartition("/")[0]
            if folder in folders:
                break
            folders.add(folder)


def _kept(content: Content) -> _Kept:
    hash, size, place = content.hash, content.size, content.place
    if place is None:
        return hash, size, content.executable, 0, 0, 0
    assert place.hash == hash, "a content lies under its own hash"
    return hash, size, content.executable, place.segment, place.offset, place.length


def _content(kept: _Kept) -> Content:
    hash, size, executable, segment, offset, length = kept
    return Content(hash, size, executable, Pointer(hash, segment, offset, length) if segment else None)


def moved(path: str, origin: str, to: str) -> str:
    """Returns where a path at or below `origin` is when `origin` is at `to`; an empty path is the top folder."""
    rest = path.removeprefix(origin).removeprefix("/")
    return f"{to}/{rest}" if to and rest else to or rest


def _above(path: str) -> Iterator[str]:
    """Yields the path itself and the folders above it, up to the top one, whose path is empty."""
    while path:
        yield path
        path = path.rpartition("/")[0]
    yield ""
