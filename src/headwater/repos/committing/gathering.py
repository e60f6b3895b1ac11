"""Gathers what a commit is to change: puts, appends, deletes, copies and moves.

Contents are written at once, whatever happens to the trees; what was said of
paths is kept in stages, so that it can be applied again to another head. A
new stage begins only where a copy takes something that the same commit has
changed: it copies from the tree that the stages before it make.

Where all of it goes, to a branch or into a commit that stays open, is for the
classes that derive from this one.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from headwater.api.documents import Provenance
from headwater.repos.committing.edits import Copied, Edits
from headwater.repos.committing.sources import IN_MEMORY_BYTES, Data, Source, entry_of, kept, source_of
from headwater.repos.errors import CommitEnded, CommitUnfinished
from headwater.repos.parts import Parts
from headwater.repos.reading.folders import files_below, stat_of
from headwater.repos.reading.view import Files, View, not_found
from headwater.repos.values import Commit
from headwater.storage import Content, FileEntry, Tree, Writer, normalize, normalize_folder


class Stage:
    """Changes that all copy from one tree: that which the stages before make of a head."""

    def __init__(self) -> None:
        """Starts with none."""
        self.appended: dict[str, list[Source]] = {}
        self.edits = Edits()

    def touches(self, path: str) -> bool:
        """Tells whether anything was said about a path, what lies below it, or a folder above it as a whole."""
        return self.edits.touches(path) or any(
            name == path or not path or name.startswith(f"{path}/") for name in self.appended
        )


class Gathering(ABC):
    """Changes being gathered; for one thread, and for one `with` block."""

    def __init__(self, parts: Parts, writer: Writer | None = None) -> None:
        """Takes a writer where several write with one."""
        self._parts, self._writer = parts, writer
        self._state = "open"
        self._ended: Commit | None = None
        self.may_be_visible = False  # from the transaction on, whatever interrupts what follows it
        self._stages = [Stage()]
        self._origins: list[Commit] = []
        self._origin_trees: list[Tree] = []
        self._shares_seen = False  # whether contents may have chunks of what was there when first looked at

    def put(self, path: str, data: Data, *, append: bool = False, executable: bool | None = None) -> None:
        """Gives a file a content, or adds to it.

        Args:
            path: The file's path in the repo; for a folder of this machine, the folder's.
            data: Bytes, text, a binary stream, the path of a file or folder on this machine, or
                a pandas, polars or arrow table for a path that ends with .csv or .parquet.
            append: Add to the end of what the file holds when the commit is finished.
            executable: Whether it may be run; where absent, as it is on this machine.

        Raises:
            CommitEnded: The commit is finished or dropped.
            InvalidInput: The data is something else, or cannot be read.
            InvalidPath: No file can have this path.
        """
        self._check_open()
        if isinstance(data, Path) and data.is_dir():
            sources: Iterator[tuple[str, Source]] = (
                (normalize(f"{normalize_folder(path)}/{name}"), file) for name, file in files_below(data)
            )
        else:
            inside = normalize(path)
            sources = iter([(inside, source_of(data, inside))])
        for inside, source in sources:
            if append:
                self._append(inside, source)
            else:
                self._put(inside, source, executable=executable)

    def put_content(self, path: str, content: Content) -> None:
        """Gives a file a content that this commit's `writer` stored, or took over.

        Raises:
            CommitEnded: The commit is finished or dropped.
            InvalidPath: No file can have this path.
        """
        self._check_open()
        self._stages[-1].edits.put(normalize(path), content)

    def delete(self, path: str) -> None:
        """Removes a file, or a folder with all below.

        Raises:
            CommitEnded: The commit is finished or dropped.
            InvalidPath: Nothing can have this path.
            PathNotFound: There is nothing at it.
        """
        self._check_open()
        inside = normalize_folder(path)
        self._check_known(inside)
        self._stages[-1].edits.delete(inside)

    def copy(self, source: str, to: str, *, of: View | None = None) -> None:
        """Gives a path the file or folder that another has, without copying a byte.

        Without `of` it is copied from the branch as it is when the commit is
        finished, together with what this commit said before.

        Args:
            source: A file or folder.
            to: What it is called then; where this ends with `/`, the folder it goes into under its own name.
            of: The commit to copy from, of this repo or another; then it becomes part of the provenance.

        Raises:
            CommitEnded: The commit is finished or dropped.
            CommitUnfinished: The commit to copy from is not finished.
            InvalidPath: Nothing can have one of the paths.
            PathNotFound: There is nothing at `source`.
        """
        self._check_open()
        origin, target = places(source, to)
        if of is None:
            self._check_known(origin, is_gone_known=False)
            self._begin_stage_if_touched(origin)
            self._stages[-1].edits.copy(origin, target)
            return
        if of.commit.state != "finished":
            raise CommitUnfinished(of.commit.id, repo=of.commit.repo, state=of.commit.state)
        if not of.exists(origin):
            raise of.not_found(origin)
        self._stages[-1].edits.copy(origin, target, tree=self._number_of(of))

    def move(self, source: str, to: str) -> None:
        """Gives a file or folder another path, without copying a byte.

        Args:
            source: A file or folder.
            to: Its new path; where this ends with `/`, the folder it goes into under its own name.

        Raises:
            CommitEnded: The commit is finished or dropped.
            InvalidPath: Nothing can have one of the paths.
            PathNotFound: There is nothing at `source`.
        """
        self._check_open()
        origin, target = places(source, to)
        self._check_known(origin, is_gone_known=False)
        if origin == target:
            return
        self._begin_stage_if_touched(origin)
        self._stages[-1].edits.delete(origin)
        self._stages[-1].edits.copy(origin, target)

    def append(self, path: str, data: Data) -> None:
        """Adds to the end of what a file holds when the commit is finished; see `put`."""
        self.put(path, data, append=True)

    def earlier(self, path: str) -> FileEntry | None:
        """Returns the file as it is before these changes; what it has in common with a new one is not stored again."""
        self._shares_seen = True
        return self._seen().get(normalize(path))

    @property
    def is_empty(self) -> bool:
        """Whether nothing was said yet."""
        return not any(stage.appended or len(stage.edits) for stage in self._stages)

    @property
    def writer(self) -> Writer:
        """What contents are stored with before `put_content` names them."""
        if self._writer is None:
            self._writer = self._parts.storage.writer()
        return self._writer

    # --- for those that derive from this ---

    @abstractmethod
    def _seen(self) -> Files:
        """Returns the files as they were when first looked at: good for errors, not for finishing."""

    def _was_there(self, path: str) -> bool:
        """Tells whether a file or folder was among those when first looked at."""
        seen = self._seen()
        return seen.get(path) is not None or seen.has_folder(path)

    @property
    @abstractmethod
    def _where(self) -> str:
        """Names, for errors, what the changes go to."""

    def _copied(self, base: Files) -> Copied:
        """Returns what gives the files that a copy means, where the changes are applied to `base`."""

        def entries(origin: str, number: int | None) -> Iterator[FileEntry]:
            files: Files = base if number is None else self._origin_trees[number]
            return entries_at(files, origin, where=self._where)

        return entries

    def _copies_from(self) -> list[Provenance]:
        """Returns the commits that were copied from, as provenance."""
        return [Provenance("commit", one.repo, one.id, "copied") for one in self._origins]

    def _check_open(self) -> None:
        if self._state != "open":
            raise CommitEnded(self._ended.id if self._ended else f"to {self._where}", state=self._state)

    def _give_up(self) -> None:
        """Gives up what was stored, unless it may be visible by now."""
        if self._writer is not None and not self.may_be_visible:
            self._writer.abort()
        self._forget()

    def _forget(self) -> None:
        for stage in self._stages:
            for sources in stage.appended.values():
                for source in sources:
                    if not isinstance(source, bytes | Path):
                        source.close()  # a copy of our own
        self._stages = [Stage()]

    # --- within ---

    def _put(self, path: str, source: Source, *, executable: bool | None) -> None:
        if executable is None:
            executable = isinstance(source, Path) and bool(stat_of(source).st_mode & 0o111)
        like = self._earlier(path, source)
        self._stages[-1].edits.put(path, self.writer.add(source, executable=executable, like=like))

    def _append(self, path: str, source: Source) -> None:
        stage = self._stages[-1]
        before = stage.edits.content(path)
        if before is not None:
            stage.edits.put(path, self.writer.append(entry_of(path, before), source))
        elif stage.edits.is_deleted(path) and not any(stage.edits.copies_of(path)):
            stage.edits.put(path, self.writer.add(source))
        else:
            if isinstance(source, Path):
                stat_of(source)
            if stage.edits.touches(path):
                stage = self._begin_stage()
            again = source if isinstance(source, bytes | Path) else kept(source)
            stage.appended.setdefault(path, []).append(again)

    def _earlier(self, path: str, source: Source) -> FileEntry | None:
        """Returns the file as it is, where it may have chunks that need not be stored again."""
        if isinstance(source, bytes | Path):
            size = len(source) if isinstance(source, bytes) else stat_of(source).st_size
            if size <= IN_MEMORY_BYTES:
                return None
        self._shares_seen = True
        return self._seen().get(path)

    def _begin_stage(self) -> Stage:
        self._stages.append(Stage())
        return self._stages[-1]

    def _begin_stage_if_touched(self, path: str) -> None:
        if self._stages[-1].touches(path):
            self._begin_stage()

    def _number_of(self, view: View) -> int:
        for number, known in enumerate(self._origins):
            if known.id == view.commit.id:
                return number
        self._origins.append(view.commit)
        self._origin_trees.append(view.tree)
        return len(self._origins) - 1

    def _check_known(self, path: str, *, is_gone_known: bool = True) -> None:
        latest = len(self._stages) - 1
        if path and not self._is_known(path, latest, is_gone_known=is_gone_known):
            raise not_found(self._seen(), path, where=self._where)

    def _is_known(self, path: str, latest: int, *, is_gone_known: bool) -> bool:
        """Tells whether there is something at a path, as far as that can be told before the head is known."""
        if latest < 0:
            return self._was_there(path)
        stage = self._stages[latest]
        if stage.edits.content(path) is not None or stage.edits.puts_below(path) or path in stage.appended:
            return True
        if any(self._is_source_known(*copied, latest) for copied in stage.edits.copies_of(path)):
            return True
        if any(name.startswith(f"{path}/") for name in stage.appended):
            return True
        if stage.edits.is_deleted(path):
            return is_gone_known
        return self._is_known(path, latest - 1, is_gone_known=is_gone_known)

    def _is_source_known(self, source: str, number: int | None, stage: int) -> bool:
        if number is None:
            return self._is_known(source, stage - 1, is_gone_known=False)
        tree = self._origin_trees[number]
        return tree.get(source) is not None or tree.has_folder(source)


class Block(Gathering):
    """Changes that land at the end of a `with` block, and are dropped on an exception."""

    def __enter__(self) -> Self:
        """Begins the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finishes, or drops everything if the block was left by an exception."""
        if kind is None:
            self.finish()
        else:
            self.drop()

    @abstractmethod
    def finish(self) -> Commit:
        """Makes the changes durable."""

    @abstractmethod
    def drop(self) -> None:
        """Gives the changes up."""


def places(source: str, to: str) -> tuple[str, str]:
    """Returns the paths of a copy's source and target, as trees hold them.

    Raises:
        InvalidPath: Nothing can have one of them.
    """
    origin, target = normalize_folder(source), normalize_folder(to)
    if to.endswith("/") and origin:
        name = origin.rpartition("/")[2]
        target = f"{target}/{name}" if target else name
    return origin, target


def entries_at(files: Files, path: str, *, where: str) -> Iterator[FileEntry]:
    """Yields the file at a path, or all below the folder that it is.

    Raises:
        PathNotFound: There is neither.
    """
    entry = files.get(path) if path else None
    if entry is not None:
        yield entry
        return
    found = False
    for entry in files.entries(f"{path}/" if path else ""):
        found = True
        yield entry
    if not found and path:
        raise not_found(files, path, where=where)
