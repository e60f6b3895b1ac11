"""A commit being made: puts and deletes are gathered, then applied to the branch's head.

The first try is optimistic: the trees are built on the head as it is, and the
transaction only asks whether it still is. Who loses that race builds once
more in the writer's turn, in which no head can move, so a second loss cannot
happen. Contents are written once, whatever happens to the trees.
"""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast

import msgspec

from headwater.api.documents import Provenance
from headwater.errors import InvalidInput
from headwater.ids import CommitId, SetId
from headwater.repos import commit_store, lookup, store
from headwater.repos.edits import Edits
from headwater.repos.errors import BranchMoved, CommitEnded, CommitOpen, EmptyCommit
from headwater.repos.folders import files_below, stat_of
from headwater.repos.parts import Parts
from headwater.repos.values import Commit, PendingCommit, Trees
from headwater.repos.view import not_found
from headwater.storage import Content, Edit, FileEntry, Put, Tree, Writer, normalize, normalize_folder

Data = bytes | bytearray | memoryview | str | Path | BinaryIO
Source = bytes | Path | BinaryIO

_IN_MEMORY_BYTES = 1024 * 1024


class Wish(msgspec.Struct, frozen=True):
    """What a commit is to be, besides its files."""

    branch: str
    message: str = ""
    author: str = ""
    metadata: dict[str, str] = {}
    provenance: tuple[Provenance, ...] = ()
    expect: CommitId | None = None
    allow_empty: bool = False


class CommitBuilder:
    """A commit being made; for one thread, and for one `with` block."""

    def __init__(self, parts: Parts, repo: store.RepoRow, wish: Wish) -> None:
        """Begins a commit to a branch that exists; `Repo.commit` is the way in."""
        self._parts, self._repo, self._wish = parts, repo, wish
        self._writer: Writer | None = None
        self._edits = Edits()
        self._appended: dict[str, list[Source]] = {}
        self._seen: Tree | None = None
        self._ended: Commit | None = None
        self._state = "open"
        self._may_be_visible = False
        self.changed = False

    def __enter__(self) -> Self:
        """Begins the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finishes the commit, or drops it if the block was left by an exception."""
        if kind is None:
            self.finish()
        else:
            self.drop()

    @property
    def commit(self) -> Commit:
        """The commit, once it is finished; the head that was there where nothing changed."""
        if self._state == "dropped":
            raise CommitEnded(f"to {self._ref}", state=self._state)
        if self._ended is None:
            raise CommitOpen(self._ref)
        return self._ended

    @property
    def id(self) -> CommitId:
        """The commit's id, once it is finished."""
        return self.commit.id

    @property
    def set(self) -> SetId:
        """The id of the set of all commits that this one causes, once it is finished."""
        return self.commit.set_id

    def put(self, path: str, data: Data, *, append: bool = False, executable: bool | None = None) -> None:
        """Gives a file a content, or adds to it.

        Args:
            path: The file's path in the repo; for a folder of this machine, the folder's.
            data: Bytes, text, a binary stream, or the path of a file or folder on this machine.
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
            sources = iter([(normalize(path), _source(data))])
        for inside, source in sources:
            if append:
                self._append(inside, source)
            else:
                self._put(inside, source, executable=executable)

    def delete(self, path: str) -> None:
        """Removes a file, or a folder with all below.

        Raises:
            CommitEnded: The commit is finished or dropped.
            InvalidPath: Nothing can have this path.
            PathNotFound: There is nothing at it.
        """
        self._check_open()
        inside = normalize_folder(path)
        if not self._is_known(inside):
            raise not_found(self._head_tree(), inside, where=f"{self._repo.name}@{self._wish.branch}")
        self._edits.delete(inside)

    def finish(self) -> Commit:
        """Makes the commit visible, behind whatever the branch's head is by now.

        Raises:
            BranchMoved: `expect` named another head than the branch has.
            CommitEnded: The commit is finished or dropped already.
            EmptyCommit: It would be the first of its branch and hold nothing.
            PathCollision: A path would be a file and a folder at once.
        """
        self._check_open()
        try:
            self._ended = self._land()
        except BaseException:
            self.drop()
            raise
        self._state = "finished"
        if not self.changed:
            self._abort()
        self._forget()
        return self._ended

    def drop(self) -> None:
        """Gives the commit up; nothing of it is kept."""
        if self._state == "open":
            self._state = "dropped"
            self._abort()
            self._forget()

    # --- gathering ---

    def _put(self, path: str, source: Source, *, executable: bool | None) -> None:
        writer = self._open_writer()
        if executable is None:
            executable = isinstance(source, Path) and bool(stat_of(source).st_mode & 0o111)
        like = self._earlier(path, source)
        self._edits.put(path, writer.add(source, executable=executable, like=like))

    def _append(self, path: str, source: Source) -> None:
        writer, before = self._open_writer(), self._edits.content(path)
        if before is not None:
            self._edits.put(path, writer.append(_entry(path, before), source))
        elif self._edits.is_deleted(path):
            self._edits.put(path, writer.add(source))
        else:
            if isinstance(source, Path):
                stat_of(source)
            kept = source if isinstance(source, bytes | Path) else _kept(source)
            self._appended.setdefault(path, []).append(kept)

    def _earlier(self, path: str, source: Source) -> FileEntry | None:
        """Returns the file as it is, where it may have chunks that need not be stored again."""
        if isinstance(source, bytes | Path):
            size = len(source) if isinstance(source, bytes) else stat_of(source).st_size
            if size <= _IN_MEMORY_BYTES:
                return None
        return self._head_tree().get(path)

    def _is_known(self, path: str) -> bool:
        if not path or self._edits.is_deleted(path) or self._edits.content(path) is not None:
            return True
        if any(name == path or name.startswith(f"{path}/") for name in self._appended):
            return True
        tree = self._head_tree()
        return tree.get(path) is not None or tree.has_folder(path) or self._edits.puts_below(path)

    def _head_tree(self) -> Tree:
        """Returns the files as they were when first looked at: good for errors, not for finishing."""
        if self._seen is None:
            _, self._seen = self._head()
        return self._seen

    # --- finishing ---

    def _land(self) -> Commit:
        try:
            return self._attempt()
        except BranchMoved:
            if self._wish.expect is not None:
                raise
        self._open_writer().rewind()
        with self._parts.catalog.writer_turn():
            return self._attempt()

    def _attempt(self) -> Commit:
        wish, writer = self._wish, self._open_writer()
        head, base = self._head()
        if wish.expect is not None and head != wish.expect:
            raise BranchMoved(self._ref, expected=wish.expect, found=head)
        tree = writer.edit(base, self._all_edits(base))
        if tree.root_hash == base.root_hash and not wish.allow_empty:
            if head is None:
                raise EmptyCommit(self._ref)
            with self._parts.catalog.read() as conn:
                return lookup.commit_by_id(conn, head)
        writer.seal()
        pending = PendingCommit(
            repo=self._repo.name,
            branch=wish.branch,
            trees=Trees(tree),
            parent=head,
            writer=writer,
            message=wish.message,
            author=wish.author,
            metadata=wish.metadata,
            provenance=wish.provenance,
        )
        with self._parts.catalog.write() as conn:
            [commit] = self._parts.publisher.publish(conn, [pending])
            self._may_be_visible = True  # an interrupt from here on may come after the transaction's end
        self.changed = True
        return commit

    def _all_edits(self, base: Tree) -> Iterator[Edit]:
        """Yields what was appended to files of the head first: all that the commit says of them comes later."""
        writer = self._open_writer()
        for path, sources in self._appended.items():
            content: Content | None = None
            for source in sources:
                if not isinstance(source, bytes | Path):
                    source.seek(0)
                entry = base.get(path) if content is None else _entry(path, content)
                content = writer.add(source) if entry is None else writer.append(entry, source)
            assert content is not None, "a path without sources is not kept"
            yield Put(path, content)
        yield from self._edits

    def _head(self) -> tuple[CommitId | None, Tree]:
        """Returns the branch's head as it is now, and its files."""
        with self._parts.catalog.read() as conn:
            head = lookup.branch_by_name(conn, self._repo, self._wish.branch).head
            root = None if head is None else commit_store.output_of(conn, head)
        return head, self._parts.storage.tree(root)

    def _open_writer(self) -> Writer:
        if self._writer is None:
            self._writer = self._parts.storage.writer()
        return self._writer

    def _abort(self) -> None:
        if self._writer is not None and not self._may_be_visible:
            self._writer.abort()

    def _forget(self) -> None:
        for sources in self._appended.values():
            for source in sources:
                if not isinstance(source, bytes | Path):
                    source.close()  # a copy of our own
        self._appended.clear()

    def _check_open(self) -> None:
        if self._state != "open":
            raise CommitEnded(self._ended.id if self._ended else f"to {self._ref}", state=self._state)

    @property
    def _ref(self) -> str:
        return f"{self._repo.name}@{self._wish.branch}"


def _source(data: Data) -> Source:
    match data:
        case str():
            return data.encode()
        case bytearray() | memoryview():
            return bytes(data)
        case bytes() | Path():
            return data
    if not hasattr(data, "read"):
        raise InvalidInput(
            f"A file cannot be made of {type(data).__name__!r}.",
            hint="Pass bytes, text, a pathlib.Path, or a file that is open for reading bytes.",
        )
    return data


def _kept(stream: BinaryIO) -> BinaryIO:
    """Returns the rest of a stream as one that can be read again for a second try."""
    kept = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 - lives as long as the commit
    shutil.copyfileobj(stream, kept)
    return cast("BinaryIO", kept)


def _entry(path: str, content: Content) -> FileEntry:
    return FileEntry(path, content.hash, content.size, content.executable, content.place)
