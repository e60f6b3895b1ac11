"""The files of one commit: read, list, walk, match, compare.

A commit never changes, so nothing here locks or goes stale. Outside, paths
begin with `/`, and `/` itself is the top folder.
"""

from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from typing import BinaryIO

import msgspec

from headwater.api.documents import Change, DiffRow, FileInfo
from headwater.errors import did_you_mean
from headwater.repos.errors import CommitUnfinished, NotAFile, PathNotFound
from headwater.repos.expand import expand
from headwater.repos.glob import read_glob
from headwater.repos.values import Commit
from headwater.storage import FileEntry, FolderItem, Storage, Tree, normalize_folder

_SIBLINGS = 1_000


class Match(msgspec.Struct, frozen=True):
    """A file or folder that a glob matched, and what its captures hold."""

    file: FileInfo
    captures: tuple[str, ...]


class View:
    """The files of a commit, read only."""

    def __init__(self, storage: Storage, commit: Commit) -> None:
        """Opens a finished commit.

        Raises:
            CommitUnfinished: The commit has no files to show.
        """
        if commit.state != "finished":
            raise CommitUnfinished(commit.id, repo=commit.repo, state=commit.state)
        self._storage, self.commit = storage, commit

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
        raise self._not_found(inside)

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
        raise self._not_found(inside)

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
            raise self._not_found(inside)
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
            raise self._not_found(inside)
        return self.tree.entries(f"{inside}/" if inside else "")

    def glob(self, pattern: str) -> Iterator[FileInfo]:
        """Yields the files and folders that match, in order; `repos.glob` says what a pattern is.

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

    def diff(self, new: "View") -> Iterator[DiffRow]:
        """Yields the paths in which `new` differs, in order; equal folders cost nothing."""
        for before, after in self.tree.diff(new.tree):
            yield _row(before, after)

    @property
    def _where(self) -> str:
        return f"{self.commit.repo}@{self.commit.id[:12]}"

    def _is_folder(self, inside: str) -> bool:
        return not inside or self.tree.has_folder(inside)

    def _folder(self, inside: str) -> FileInfo:
        _, size = self.tree.folder_counts(inside)
        return FileInfo(_outside(inside), size, self.tree.folder_digest(inside).hex(), "folder")

    def _not_found(self, inside: str) -> PathNotFound:
        return not_found(self.tree, inside, where=self._where)


def not_found(tree: Tree, inside: str, *, where: str) -> PathNotFound:
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
