"""Commits that stay open over many calls, of any process, until they are finished or dropped.

Each call is one durable transaction: what it changes is added to trees that
only the open commit points to (see `draft_trees`). Callers that meet do not
lose anything: who was second adds to what the first left. Finishing applies
the changes to the head that the branch has by then. Open commits that were
begun together are one set, and end together: all or none.
"""

import weakref
from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import Connection

from headwater.api.documents import CommitInfo
from headwater.ids import CommitId, SetId
from headwater.repos import lookup
from headwater.repos.committing.draft_trees import DraftFiles, DraftTrees, joining
from headwater.repos.committing.gathering import Block
from headwater.repos.committing.landing import land
from headwater.repos.committing.sources import Data
from headwater.repos.errors import BranchMoved, CommitChanged, CommitEnded, CommitNotFound
from headwater.repos.parts import Parts
from headwater.repos.publishing import check_shared
from headwater.repos.reading.view import View
from headwater.repos.rows import commit_store, draft_store, store
from headwater.repos.rows.draft_store import DraftRow
from headwater.repos.values import Begun, Commit, PendingCommit, Trees
from headwater.storage import Tree, Writer


class OpenCommit:
    """A commit that is open; made by `Repo.start`, found again by `Repo.open_commit`."""

    def __init__(self, parts: Parts, commit: Commit) -> None:
        """Takes a commit that is open, or was when it was read."""
        self._parts, self._commit = parts, commit

    @property
    def id(self) -> CommitId:
        """The commit's id, now and when it is finished."""
        return self._commit.id

    @property
    def set(self) -> SetId:
        """The id of the set that it was begun with."""
        return self._commit.set_id

    @property
    def repo(self) -> str:
        """The name of its repo."""
        return self._commit.repo

    @property
    def branch(self) -> str:
        """The branch that it goes to."""
        return self._commit.branch

    def info(self) -> CommitInfo:
        """Returns the document that doors show, as the commit is now."""
        with self._parts.catalog.read() as conn:
            return lookup.commit_by_id(conn, self.id).info()

    def edit(self) -> "DraftBuilder":
        """Begins several changes that become one durable call at the end of a `with` block.

        Raises:
            CommitEnded: The commit is finished.
            CommitNotFound: It was dropped.
        """
        return DraftBuilder(self._parts, _read(self._parts, self.id).commit)

    def put(self, path: str, data: Data, *, append: bool = False, executable: bool | None = None) -> None:
        """Gives a file a content, or adds to it; see `CommitBuilder.put`."""
        with self.edit() as changes:
            changes.put(path, data, append=append, executable=executable)

    def append(self, path: str, data: Data) -> None:
        """Adds to the end of what a file holds when the commit is finished."""
        self.put(path, data, append=True)

    def delete(self, path: str) -> None:
        """Removes a file, or a folder with all below; see `CommitBuilder.delete`."""
        with self.edit() as changes:
            changes.delete(path)

    def copy(self, source: str, to: str, *, of: View | None = None) -> None:
        """Gives a path what another has now, without copying a byte; see `CommitBuilder.copy`."""
        with self.edit() as changes:
            changes.copy(source, to, of=of)

    def move(self, source: str, to: str) -> None:
        """Gives what a file or folder holds now another path; see `CommitBuilder.move`."""
        with self.edit() as changes:
            changes.move(source, to)

    def view(self) -> View:
        """Opens the files that the commit would have if it were finished now.

        Raises:
            CommitEnded: The commit is finished.
            CommitNotFound: It was dropped.
            PathCollision: A path would be a file and a folder at once.
        """
        storage, draft = self._parts.storage, _read(self._parts, self.id)
        writer = storage.writer()
        tree = writer.edit(draft.head, draft.trees.edits(draft.head, joining(storage, writer)))
        weakref.finalize(tree, writer.abort)  # what was joined for this look only
        would_be = msgspec.structs.replace(
            draft.commit, parent=draft.parent, files=tree.files, size=tree.size
        )
        return View(storage, would_be, tree=tree)

    def read(self, path: str, start: int = 0, stop: int | None = None) -> bytes:
        """Returns the bytes of a file as they would be; see `View.read`."""
        return self.view().read(path, start, stop)

    def finish(self, *, expect: CommitId | None = None) -> Commit:
        """Makes the commit visible, with all of its set, behind what the branches' heads are by now.

        Args:
            expect: The only head of its branch that the changes may be applied to.

        Raises:
            BranchMoved: The branch has another head than `expect`.
            CommitEnded: The commit is finished.
            CommitNotFound: It was dropped.
            PathCollision: A path would be a file and a folder at once; the commit stays open.
            RefNotFound: The branch was deleted.
        """
        heads = {} if expect is None else {self.id: expect}
        made = finish_all(self._parts, self.set, asked=self.id, expect=heads)
        self._commit = next(commit for commit in made if commit.id == self.id)
        return self._commit

    def drop(self) -> None:
        """Gives the commit up, with all of its set; nothing of it is kept.

        Raises:
            CommitEnded: The commit is finished.
            CommitNotFound: It was dropped.
        """
        drop_all(self._parts, self.set, asked=self.id)


class DraftBuilder(Block):
    """Changes that go into an open commit together; for one thread, and for one `with` block."""

    def __init__(self, parts: Parts, commit: Commit) -> None:
        """Begins with none; `OpenCommit.edit` is the way in."""
        super().__init__(parts)
        self._commit = commit
        self._first: DraftFiles | None = None
        self._first_head: CommitId | None = None

    @property
    def commit(self) -> Commit:
        """The open commit."""
        return self._commit

    @property
    def id(self) -> CommitId:
        """The open commit's id."""
        return self._commit.id

    def finish(self) -> Commit:
        """Makes the changes durable; the commit stays open.

        Raises:
            CommitEnded: The commit is finished, or these changes are.
            CommitNotFound: It was dropped.
            PathCollision: The commit would put a file and a folder at one path.
            PathNotFound: What was to be copied is gone.
        """
        self._check_open()
        try:
            self._land()
        except BaseException:
            self.drop()
            raise
        self._state, self._ended = "finished", self._commit
        self._forget()
        return self._commit

    def drop(self) -> None:
        """Gives these changes up; what the commit has stays."""
        if self._state == "open":
            self._state = "dropped"
            self._give_up()

    def _land(self) -> None:
        try:
            return self._attempt()
        except CommitChanged:
            self.writer.rewind()
        with self._parts.catalog.writer_turn():
            return self._attempt()

    def _attempt(self) -> None:
        storage, draft = self._parts.storage, _read(self._parts, self.id)
        trees, joined = draft.trees, joining(storage, self.writer)
        for stage in self._stages:
            trees = trees.after(stage, self.writer, self._copied(trees.on(draft.head, joined)))
        self.writer.seal()
        with self._parts.catalog.write() as conn:
            check_shared(conn, self._shares(draft.parent))
            if draft.parent is not None and lookup.commit_by_id(conn, draft.parent).state != "finished":
                raise CommitChanged(self.id)  # what was copied from the head may be gone with it
            row = trees.row(self.id, draft.row.version)
            now_ms = self._parts.clock.now_ms()
            if not draft_store.change(conn, row, seen=draft.row.version, now_ms=now_ms):
                raise CommitChanged(self.id)
            if self._origins:
                commit = lookup.commit_by_id(conn, self.id)
                commit_store.add_provenance(conn, commit, self._copies_from())
            self.writer.publish(conn)
            self.may_be_visible = True

    def _seen(self) -> DraftFiles:
        if self._first is None:
            draft = _read(self._parts, self.id)
            joined = joining(self._parts.storage, self.writer)
            self._first, self._first_head = draft.trees.on(draft.head, joined), draft.parent
        return self._first

    def _shares(self, head: CommitId | None) -> list[CommitId]:
        """Returns the commits whose contents it has, besides the head of the branch."""
        origins = [one.id for one in self._origins]
        seen = self._first_head if self._shares_seen else None
        return origins if seen is None or seen == head else [*origins, seen]

    def _was_there(self, path: str) -> bool:
        return self._seen().has(path)

    @property
    def _where(self) -> str:
        return f"{self._commit.repo}@{self.id[:12]}"


class _Finishing:
    """An open commit that is to land on its branch."""

    def __init__(self, parts: Parts, commit: CommitId, writer: Writer, expect: CommitId | None) -> None:
        self._parts, self._commit, self.writer, self._expect = parts, commit, writer, expect

    def build(self) -> PendingCommit:
        storage, draft = self._parts.storage, _read(self._parts, self._commit)
        begun = draft.commit
        if self._expect is not None and draft.parent != self._expect:
            raise BranchMoved(f"{begun.repo}@{begun.branch}", expected=self._expect, found=draft.parent)
        tree = self.writer.edit(draft.head, draft.trees.edits(draft.head, joining(storage, self.writer)))
        return PendingCommit(
            repo=begun.repo,
            branch=begun.branch,
            trees=Trees(tree),
            parent=draft.parent,
            writer=self.writer,
            message=begun.message,
            author=begun.author,
            metadata=begun.metadata,
            provenance=begun.provenance,
            finishes=(begun.id, draft.row.version),
        )

    def landed(self) -> None:
        """Hears what it need not remember."""


class _Draft(msgspec.Struct, frozen=True):
    """An open commit, its changes, and the head of its branch, of one moment."""

    commit: Commit
    row: DraftRow
    trees: DraftTrees
    parent: CommitId | None
    head: Tree


def start_all(
    parts: Parts,
    places: Sequence[tuple[store.RepoRow, str]],
    *,
    message: str = "",
    metadata: Mapping[str, str] | None = None,
    author: str = "",
) -> list[OpenCommit]:
    """Begins an open commit on each branch, all of one set.

    Raises:
        InvalidMetadata: The metadata is not text under text.
        RefNotFound: There is no such branch.
    """
    with parts.catalog.write() as conn:
        for repo, branch in places:
            lookup.branch_by_name(conn, repo, branch)
        begun = [
            Begun(repo.id, repo.name, branch, message, author, dict(metadata or {}))
            for repo, branch in places
        ]
        commits = parts.publisher.begin(conn, begun)
    return [OpenCommit(parts, commit) for commit in commits]


def finish_all(
    parts: Parts, set_id: SetId, *, asked: str, expect: Mapping[CommitId, CommitId]
) -> list[Commit]:
    """Finishes the open commits of a set in one transaction; errors name the id that was asked for."""
    with parts.catalog.read() as conn:
        found = _open_of_set(conn, set_id, asked)
    writer = parts.storage.writer()
    try:
        return land(parts, [_Finishing(parts, one.id, writer, expect.get(one.id)) for one in found])
    except BaseException:
        writer.abort()
        raise


def drop_all(parts: Parts, set_id: SetId, *, asked: str) -> list[Commit]:
    """Drops the open commits of a set in one transaction; errors name the id that was asked for."""
    with parts.catalog.write() as conn:
        found = _open_of_set(conn, set_id, asked)
        for commit in found:
            if not draft_store.drop(conn, commit.id):
                raise CommitEnded(commit.id, state="ended")
    return found


def _open_of_set(conn: Connection, set_id: SetId, asked: str) -> list[Commit]:
    commits = commit_store.commits_of_set(conn, set_id)
    found = [commit for commit in commits if commit.state == "open"]
    if not found:
        raise CommitEnded(asked, state=commits[0].state) if commits else CommitNotFound(asked)
    return found


def _read(parts: Parts, commit_id: CommitId) -> _Draft:
    with parts.catalog.read() as conn:
        commit = lookup.commit_by_id(conn, commit_id)
        row = draft_store.get(conn, commit_id)
        if row is None:
            raise CommitEnded(commit_id, state=commit.state)
        repo = lookup.repo_by_name(conn, commit.repo)
        parent = lookup.branch_by_name(conn, repo, commit.branch).head
        root = None if parent is None else commit_store.output_of(conn, parent)
    storage = parts.storage
    return _Draft(commit, row, DraftTrees.of(storage, row), parent, storage.tree(root))
