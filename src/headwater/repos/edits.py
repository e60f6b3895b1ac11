"""The changes of a commit in the order they were said, kept small.

A commit may put a million files, and they are gone through once for each try
to finish it. So they are kept encoded, a thousand at a time, and only who
asks for what was said about a path pays for an index.
"""

from collections.abc import Iterator

import msgspec

from headwater.storage import Content, Delete, DeleteFolder, Edit, Pointer, Put

_PIECE = 1_024

# path, then hash, size, executable and place of the content; a deleted path has nothing behind it
_Said = tuple[str, tuple[bytes, int, bool, Pointer | None] | None]
_pieces = msgspec.msgpack.Decoder(list[_Said])


class Edits:
    """Puts and deletes; a later one on the same path, or on a folder above it, outdoes an earlier one."""

    def __init__(self) -> None:
        """Starts with none."""
        self._pieces: list[bytes] = []
        self._open: list[_Said] = []
        self._deleted: dict[str, int] = {}
        self._index: dict[str, int] | None = None

    def __len__(self) -> int:
        return len(self._pieces) * _PIECE + len(self._open)

    def put(self, path: str, content: Content) -> None:
        """A file gets this content."""
        self._say(path, (content.hash, content.size, content.executable, content.place))

    def delete(self, path: str) -> None:
        """A file goes, or all files below a folder; the empty path is the top folder."""
        self._deleted[path] = len(self)
        self._say(path, None)

    def __iter__(self) -> Iterator[Edit]:
        for path, content in self._said():
            if content is not None:
                yield Put(path, Content(*content))
            else:
                if path:
                    yield Delete(path)
                yield DeleteFolder(path)

    def content(self, path: str) -> Content | None:
        """Returns what was last put under a path; none where nothing was, or where it was deleted since."""
        number = self._numbers().get(path)
        if number is None or number < self._last_deleted(path):
            return None
        _, content = self._at(number)
        return None if content is None else Content(*content)

    def is_deleted(self, path: str) -> bool:
        """Tells whether the path, or a folder above it, was deleted, whatever was put since."""
        return self._last_deleted(path) >= 0

    def puts_below(self, folder: str) -> bool:
        """Tells whether something was put below a folder, whatever was deleted since."""
        above = f"{folder}/" if folder else ""
        return any(path.startswith(above) for path in self._numbers())

    def _last_deleted(self, path: str) -> int:
        if not self._deleted:
            return -1
        names = path.split("/")
        above = ("/".join(names[:depth]) for depth in range(len(names) + 1))
        return max(self._deleted.get(folder, -1) for folder in above)

    def _say(self, path: str, content: tuple[bytes, int, bool, Pointer | None] | None) -> None:
        if self._index is not None and content is not None:
            self._index[path] = len(self)
        self._open.append((path, content))
        if len(self._open) == _PIECE:
            self._pieces.append(msgspec.msgpack.encode(self._open))
            self._open = []

    def _said(self) -> Iterator[_Said]:
        for piece in self._pieces:
            yield from _pieces.decode(piece)
        yield from self._open

    def _at(self, number: int) -> _Said:
        piece, at = divmod(number, _PIECE)
        return _pieces.decode(self._pieces[piece])[at] if piece < len(self._pieces) else self._open[at]

    def _numbers(self) -> dict[str, int]:
        if self._index is None:
            said = enumerate(self._said())
            self._index = {path: number for number, (path, content) in said if content is not None}
        return self._index
