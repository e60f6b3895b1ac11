"""The files of one commit: read, list, walk, match, compare.

A commit never changes, so nothing here locks or goes stale. Outside, paths
begin with `/`, and `/` itself is the top folder.
"""

from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from typing import Any, BinaryIO, Protocol

import msgspec

from headwater.api.documents import Change, DiffRow, FileInfo, TextDiff
from headwater.api.html import MOST_ROWS, fields_html, size_text, table_html
from headwater.errors import did_you_mean
from headwater.repos.errors import NotAFile, PathNotFound
from headwater.repos.lookup import check_readable
from headwater.repos.reading import frames, text_diff
from headwater.repos.reading.expand import expand
from headwater.repos.reading.glob import read_glob
from headwater.repos.values import Commit
from headwater.storage import FileEntry, FolderItem, Storage, Tree, normalize_folder

_SIBLINGS, _SHOWN = 1_000, 12


class Match(msgspec.Struct, frozen=True):
    """A file or folder that a glob matched, and what its captures hold."""

    file: FileInfo
    captures: tuple[str, ...]


class Files(Protocol):
    """What is asked of files that changes are applied to; a `Tree` answers."""

    def get(self, path: str) -> FileEntry | None:
        """Returns the file at a path."""
        ...

    def has_folder(self, folder: str) -> bool:
        """Tells whether any file lies below a folder."""
        ...

    def entries(self, prefix: str = "") -> Iterator[FileEntry]:
        """Yields the files whose paths begin so, in order."""
        ...

    def children(self, folder: str = "") -> Iterator[FolderItem]:
        """Yields what lies directly in a folder."""
        ...


class View:
    """The files of a commit, read only."""

    def __init__(self, storage: Storage, commit: Commit, *, tree: Tree | None = None) -> None:
        """Opens a finished commit, or, with the tree that it would have, one that is open.

        Raises:
            CommitPurged: Its files were given up.
            CommitUnfinished: The commit has no files to show.
        """
        if tree is not None:
            self.tree = tree
        else:
            check_readable(commit)
        self._storage, self.commit = storage, commit

    def __repr__(self) -> str:
        """Names the commit, in a terminal."""
        return f"View({self._where!r})"

    def _repr_html_(self) -> str:
        found = islice(self.list("/"), MOST_ROWS + 1)
        rows = (
            (one.path + "/" * (one.kind == "folder"), size_text(one.size), one.hash[:_SHOWN]) for one in found
        )
        told = {"files": self.files, "size": size_text(self.size), "message": self.commit.message}
        return fields_html(f"Files of {self._where}", told, table_html(("path", "size", "hash"), rows))

    @cached_property
    def tree(self) -> Tree:
        """The tree of the files, for the floors above."""
        return self._storage.tree(self.commit.roots.output)

    @property
    def files(self) -> int:
        """How many files there are."""
        return self.commit.files

    @property
    def size(self) -> int:
        """How many bytes they have together."""
        return self.commit.size

    def entry(self, path: str) -> FileEntry:
        """Returns where a file's content lies, for the floors above.

        Raises:
            InvalidPath: No file can have this path.
            NotAFile: It is a folder.
            PathNotFound: There is no such file.
        """
        inside = _inside(path)
        found = self.tree.get(inside) if inside else None
        if found is not None:
            return found
        if self._is_folder(inside):
            raise NotAFile(_outside(inside), where=self._where)
        raise self.not_found(inside)

    def read(self, path: str, start: int = 0, stop: int | None = None) -> bytes:
        """Returns the bytes of a file, or of the span from `start` up to `stop`.

        Raises:
            InvalidPath: No file can have this path.
            NotAFile: It is a folder.
            PathNotFound: There is no such file.
        """
        return self._storage.read(self.entry(path), start, stop)

    def open(self, path: str) -> BinaryIO:
        """Opens a file for reading; it streams, and may be sought in.

        Raises:
            InvalidPath: No file can have this path.
            NotAFile: It is a folder.
            PathNotFound: There is no such file.
        """
        return self._storage.open(self.entry(path))

    def stream(self, path: str, start: int | None = None, stop: int | None = None) -> Iterator[bytes]:
        """Yields the bytes of a file, or of a span as Python slices count, reading ahead of who asks.

        Raises:
            InvalidPath: No file can have this path.
            NotAFile: It is a folder.
            PathNotFound: There is no such file.
        """
        return map(bytes, self._storage.stream(self.entry(path), start or 0, stop))

    def frame(self, path: str, library: frames.Library | None = None) -> Any:
        """Returns a file as a table, by its ending: .csv or .parquet.

        Args:
            path: The file.
            library: "pandas", "polars" or "arrow"; where absent, the first of them that is installed.

        Raises:
            InvalidInput: It has another ending, or is not what its ending says.
            InvalidPath: No file can have this path.
            MissingExtra: No such library is installed.
            NotAFile: It is a folder.
            PathNotFound: There is no such file.
        """
        with self.open(path) as source:
            return frames.decode(source, path, library)

    def exists(self, path: str) -> bool:
        """Tells whether there is a file or folder at the path."""
        inside = _inside(path)
        return not inside or self.tree.get(inside) is not None or self._is_folder(inside)

    def stat(self, path: str) -> FileInfo:
        """Returns what is known of a file or folder without reading it.

        Raises:
            InvalidPath: No file can have this path.
            PathNotFound: There is nothing at it.
        """
        inside = _inside(path)
        entry = self.tree.get(inside) if inside else None
        if entry is not None:
            return _file(entry)
        if self._is_folder(inside):
            return self._folder(inside)
        raise self.not_found(inside)

    def list(self, folder: str = "/") -> Iterator[FileInfo]:
        """Yields what stands directly in a folder, in order; of a file, the file itself.

        Raises:
            InvalidPath: No folder can have this path.
            PathNotFound: There is nothing at it.
        """
        inside = _inside(folder)
        entry = self.tree.get(inside) if inside else None
        if entry is not None:
            return iter([_file(entry)])
        if not self._is_folder(inside):
            raise self.not_found(inside)
        return (_child(inside, child) for child in self.tree.children(inside))

    def walk(self, folder: str = "/") -> Iterator[FileInfo]:
        """Yields every file below a folder, in the order of paths; of a file, the file itself.

        Raises:
            InvalidPath: No folder can have this path.
            PathNotFound: There is nothing at it.
        """
        return (_file(entry) for entry in self.entries(folder))

    def entries(self, folder: str = "/") -> Iterator[FileEntry]:
        """Yields where the content of every file below a folder lies, for the floors above.

        Raises:
            InvalidPath: No folder can have this path.
            PathNotFound: There is nothing at it.
        """
        inside = _inside(folder)
        entry = self.tree.get(inside) if inside else None
        if entry is not None:
            return iter([entry])
        if not self._is_folder(inside):
            raise self.not_found(inside)
        return self.tree.entries(f"{inside}/" if inside else "")

    def glob(self, pattern: str) -> Iterator[FileInfo]:
        """Yields the files and folders that match, in order; `repos.reading.glob` says what a pattern is.

        Raises:
            InvalidGlob: The pattern cannot be read.
        """
        return (match.file for match in self.captures(pattern))

    def captures(self, pattern: str) -> Iterator[Match]:
        """Yields the files and folders that match, each with what the pattern's `(…)` captured.

        Raises:
            InvalidGlob: The pattern cannot be read.
        """
        glob = read_glob(pattern)
        for path, entry in expand(glob, self.tree):
            captured = glob.match(path)
            if captured is not None:
                yield Match(self._folder(path) if entry is None else _file(entry), captured)

    def diff(self, new: "View", path: str = "/") -> Iterator[DiffRow]:
        """Yields the paths in which `new` differs, in order; equal folders cost nothing.

        Args:
            new: The commit to compare with, of this repo or another.
            path: A file, or a folder, beyond which nothing is looked at.

        Raises:
            InvalidPath: Nothing can have this path.
            PathNotFound: There is nothing at it in either commit.
        """
        return (_row(before, after) for before, after in self._differing(new, path))

    def text_diff(
        self, new: "View", path: str = "/", *, most_bytes: int = text_diff.MOST_BYTES
    ) -> Iterator[TextDiff]:
        """Yields what differs in each file, line by line.

        Args:
            new: The commit to compare with, of this repo or another.
            path: A file, or a folder, beyond which nothing is looked at.
            most_bytes: Longer files are named and not compared.

        Raises:
            InvalidPath: Nothing can have this path.
            PathNotFound: There is nothing at it in either commit.
        """
        for before, after in self._differing(new, path):
            row = _row(before, after)
            if max(row.old_size or 0, row.new_size or 0) > most_bytes:
                yield text_diff.too_large(row.path, row.change)
                continue
            old = None if before is None else self._storage.read(before)
            yield text_diff.compare(row.path, row.change, old, None if after is None else new.read(row.path))

    def _differing(self, new: "View", path: str) -> Iterator[tuple[FileEntry | None, FileEntry | None]]:
        inside = _inside(path)
        if not (self.exists(inside) or new.exists(inside)):
            raise self.not_found(inside)
        return self.tree.diff(new.tree, inside)

    @property
    def _where(self) -> str:
        return f"{self.commit.repo}@{self.commit.id[:12]}"

    def _is_folder(self, inside: str) -> bool:
        return not inside or self.tree.has_folder(inside)

    def _folder(self, inside: str) -> FileInfo:
        _, size = self.tree.folder_counts(inside)
        return FileInfo(_outside(inside), size, self.tree.folder_digest(inside).hex(), "folder")

    def not_found(self, path: str) -> PathNotFound:
        """Returns the error for a path that is not here, with names that come near."""
        return not_found(self.tree, _inside(path), where=self._where)


def not_found(tree: Files, inside: str, *, where: str) -> PathNotFound:
    """Returns the error for a path that is not in a tree, with names that come near in the same folder."""
    folder, _, name = inside.rpartition("/")
    siblings = [item.name for item in islice(tree.children(folder), _SIBLINGS)]
    hint = did_you_mean(name, siblings, none="`headwater ls` shows what there is.")
    return PathNotFound(_outside(inside), where=where, hint=hint)


def _inside(path: str) -> str:
    return normalize_folder(path)


def _outside(inside: str) -> str:
    return f"/{inside}"


def _file(entry: FileEntry) -> FileInfo:
    return FileInfo(_outside(entry.path), entry.size, entry.hash.hex(), "file")


def _child(folder: str, item: FolderItem) -> FileInfo:
    path = f"{folder}/{item.name}" if folder else item.name
    return FileInfo(_outside(path), item.size, item.hash.hex(), item.kind)


def _row(before: FileEntry | None, after: FileEntry | None) -> DiffRow:
    known = after or before
    assert known is not None, "a difference has at least one side"
    change: Change = "added" if before is None else "removed" if after is None else "changed"
    old_size = None if before is None else before.size
    new_size = None if after is None else after.size
    return DiffRow(_outside(known.path), change, old_size, new_size)
