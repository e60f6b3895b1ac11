"""What an open commit is to change, as trees: what it puts, what it appends, and what it deletes.

The outcome is always (head − deleted) + appended + put, as sets: whatever is
put after a deletion stands in `puts`, and a deletion takes what it meets out
of `puts` and `appended` at once. So no order of calls has to be kept, a call
costs its own changes and a path down each tree, and equal drafts have equal
trees however they came about.
"""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, groupby
from typing import Self

from headwater.ids import CommitId
from headwater.repos.committing.edits import Copied
from headwater.repos.committing.gathering import Stage
from headwater.repos.committing.sources import entry_of, stored_behind
from headwater.repos.rows.draft_store import DraftRow
from headwater.storage import (
    Content,
    Delete,
    DeleteFolder,
    Edit,
    FileEntry,
    FolderItem,
    MapTree,
    Put,
    Storage,
    Tree,
    Writer,
)

_TOP = b"/"  # the key of the top folder; no path begins so
_LAST = "\U0010ffff"
_APPENDED = 1  # between what is put and what the head has

# Stores a file with another behind it.
Joined = Callable[[FileEntry, FileEntry], Content]


def joining(storage: Storage, writer: Writer) -> Joined:
    """Returns what appends one stored file to another."""

    def joined(file: FileEntry, more: FileEntry) -> Content:
        with storage.open(more) as stream:
            return writer.append(file, stream)

    return joined


@dataclass(frozen=True)
class DraftTrees:
    """The changes of an open commit."""

    puts: Tree
    appended: Tree
    deleted: MapTree

    @classmethod
    def of(cls, storage: Storage, row: DraftRow) -> Self:
        """Returns the trees of a draft, without reading them."""
        return cls(storage.tree(row.puts), storage.tree(row.appended), storage.map_tree(row.deleted))

    def row(self, commit: CommitId, version: int) -> DraftRow:
        """Returns where they begin; the writer that made them must have been sealed."""
        return DraftRow(commit, version, self.puts.root, self.appended.root, self.deleted.root)

    def after(self, stage: Stage, writer: Writer, copied: Copied) -> "DraftTrees":
        """Returns the changes with those of a stage behind them.

        Raises:
            PathCollision: What is put would be a file and a folder at once.
            PathNotFound: There is nothing to be copied.
        """
        puts, appended = self._appending(stage, writer)
        deleted = [(path.encode() or _TOP, b"") for path in stage.edits.deleted()]
        changed = self.appended
        if changed.root is not None or appended:
            gone = map(_without, stage.edits.resolved(copied))
            changed = writer.edit(changed, chain(appended, gone))
        return DraftTrees(
            writer.edit(self.puts, chain(puts, stage.edits.resolved(copied))),
            changed,
            writer.edit_map(self.deleted, deleted) if deleted else self.deleted,
        )

    def edits(self, base: Tree, joined: Joined) -> Iterator[Edit]:
        """Yields what is to be done to a head, in an order that has this outcome."""
        for entry in self.deleted.entries():
            path = "" if entry.key == _TOP else entry.key.decode()
            if path:
                yield Delete(path)
            yield DeleteFolder(path)
        for more in self.appended.entries():
            kept = base.get(more.path)
            yield Put(more.path, more.content if kept is None else joined(kept, more))
        for put in self.puts.entries():
            yield Put(put.path, put.content)

    def on(self, head: Tree, joined: Joined) -> "DraftFiles":
        """Returns the files that a head would have with the changes."""
        return DraftFiles(self, head, joined)

    def deleted_above(self, path: str) -> str | None:
        """Returns the path itself or the folder above it that is deleted, if one is."""
        if self.deleted.root is None:
            return None
        while path:
            if self.deleted.get(path.encode()) is not None:
                return path
            path = path.rpartition("/")[0]
        return None if self.deleted.get(_TOP) is None else ""

    def _appending(self, stage: Stage, writer: Writer) -> tuple[list[Edit], list[Edit]]:
        """Stores what a stage appends; returns what that means for `puts` and for `appended`."""
        puts: list[Edit] = []
        appended: list[Edit] = []
        for path, sources in stage.appended.items():
            whole = self.puts.get(path)
            if whole is not None or self.deleted_above(path) is not None:
                puts.append(Put(path, stored_behind(writer, path, whole, sources)))
            else:
                appended.append(Put(path, stored_behind(writer, path, self.appended.get(path), sources)))
        return puts, appended


class DraftFiles:
    """The files that an open commit would have on a head; a lookup costs a path down four trees."""

    def __init__(self, trees: DraftTrees, head: Tree, joined: Joined) -> None:
        """Takes both, and what joins a file with what is appended to it."""
        self._trees, self._head, self._joined = trees, head, joined

    def get(self, path: str) -> FileEntry | None:
        """Returns the file at a path."""
        put = self._trees.puts.get(path)
        if put is not None:
            return put
        is_deleted = self._trees.deleted_above(path) is not None
        kept = None if is_deleted else self._head.get(path)
        more = self._trees.appended.get(path)
        if kept is None or more is None:
            return kept or more
        return entry_of(path, self._joined(kept, more))

    def has(self, path: str) -> bool:
        """Tells whether there is a file or folder at a path, without joining what is appended."""
        trees = self._trees
        if trees.puts.get(path) is not None or trees.appended.get(path) is not None:
            return True
        is_kept = trees.deleted_above(path) is None and self._head.get(path) is not None
        return is_kept or self.has_folder(path)

    def has_folder(self, folder: str) -> bool:
        """Tells whether any file lies below a folder."""
        return next(self._merged(f"{folder}/" if folder else ""), None) is not None

    def entries(self, prefix: str = "") -> Iterator[FileEntry]:
        """Yields the files whose paths begin so, in order."""
        for path, found in groupby(self._merged(prefix), key=lambda one: one[0]):
            (_, rank, first), *rest = found
            has_both = rank == _APPENDED and rest
            yield entry_of(path, self._joined(rest[0][2], first)) if has_both else first

    def children(self, folder: str = "") -> Iterator[FolderItem]:
        """Yields what lies directly in a folder, in the head and in what is put."""
        return chain(self._head.children(folder), self._trees.puts.children(folder))

    def _merged(self, prefix: str) -> Iterator[tuple[str, int, FileEntry]]:
        """Yields files of all trees by path: what is put before what is appended, and that before the head's."""
        streams = (self._trees.puts.entries(prefix), self._trees.appended.entries(prefix), self._kept(prefix))
        return heapq.merge(*(_ranked(rank, stream) for rank, stream in enumerate(streams)))

    def _kept(self, prefix: str) -> Iterator[FileEntry]:
        """Yields files of the head that are not deleted, going past deleted folders without looking inside."""
        after: str | None = None
        while True:
            past = None
            for entry in self._head.entries(prefix, after):
                deleted = self._trees.deleted_above(entry.path)
                if deleted is None:
                    yield entry
                elif deleted != entry.path:
                    past = f"{deleted}/{_LAST}" if deleted else _LAST
                    if past != after:
                        break
                    past = None
            if past is None:
                return
            after = past


def _ranked(rank: int, entries: Iterator[FileEntry]) -> Iterator[tuple[str, int, FileEntry]]:
    return ((entry.path, rank, entry) for entry in entries)


def _without(edit: Edit) -> Edit:
    return Delete(edit.path) if isinstance(edit, Put) else edit
