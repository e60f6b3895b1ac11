"""A commit being made: what it changes is gathered, then applied to the branch's head.

The branch may move meanwhile; then the changes are applied again to what it
holds by then (see `landing`). Contents are written once.
"""

from collections.abc import Iterator
from functools import cached_property

import msgspec

from headwater.api.documents import Provenance
from headwater.ids import CommitId, SetId
from headwater.repos import lookup
from headwater.repos.committing.gathering import Block, Gathering, Stage
from headwater.repos.committing.landing import land
from headwater.repos.committing.sources import stored_behind
from headwater.repos.errors import BranchMoved, CommitEnded, CommitOpen, EmptyCommit
from headwater.repos.parts import Parts
from headwater.repos.rows import commit_store, store
from headwater.repos.values import Commit, PendingCommit, Trees
from headwater.storage import Edit, Put, Tree, Writer


class Wish(msgspec.Struct, frozen=True):
    """What a commit is to be, besides its files."""

    branch: str
    message: str = ""
    author: str = ""
    metadata: dict[str, str] = {}
    provenance: tuple[Provenance, ...] = ()
    expect: CommitId | None = None
    allow_empty: bool = False


class BranchChanges(Gathering):
    """Changes to a branch, applied to its head when they land."""

    def __init__(self, parts: Parts, repo: store.RepoRow, wish: Wish, writer: Writer | None = None) -> None:
        """Begins with none; the branch exists."""
        super().__init__(parts, writer)
        self._repo, self._wish = repo, wish
        self.changed = False

    def build(self) -> PendingCommit | Commit:
        """Builds the tree on the branch's head as it is now; where that changes nothing, returns the head.

        Raises:
            BranchMoved: `expect` named another head than the branch has.
            EmptyCommit: It would be the first of its branch and hold nothing.
            PathCollision: A path would be a file and a folder at once.
            PathNotFound: What was to be copied is gone.
        """
        wish = self._wish
        head, base = self._head()
        if wish.expect is not None and head != wish.expect:
            raise BranchMoved(self._where, expected=wish.expect, found=head)
        tree = base
        for stage in self._stages:
            tree = self.writer.edit(tree, self._edits_of(stage, tree))
        if tree.root_hash == base.root_hash and not wish.allow_empty:
            if head is None:
                raise EmptyCommit(self._where)
            with self._parts.catalog.read() as conn:
                return lookup.commit_by_id(conn, head)
        return PendingCommit(
            repo=self._repo.name,
            branch=wish.branch,
            trees=Trees(tree),
            parent=head,
            writer=self.writer,
            message=wish.message,
            author=wish.author,
            metadata=wish.metadata,
            provenance=tuple(dict.fromkeys([*wish.provenance, *self._copies_from()])),
            shares=self._shares(head),
        )

    def landed(self) -> None:
        """Hears that its commit is written, in a transaction that is about to end."""
        self.may_be_visible = self.changed = True

    def end(self, state: str, *, keep: bool) -> None:
        """Takes no more changes; with `keep`, what was stored may be visible by now."""
        self._state = state
        self.may_be_visible = self.may_be_visible or keep
        self._give_up()

    def _edits_of(self, stage: Stage, base: Tree) -> Iterator[Edit]:
        """Yields what was appended to files of the base first: all that the stage says of them comes later."""
        for path, sources in stage.appended.items():
            yield Put(path, stored_behind(self.writer, path, base.get(path), sources))
        yield from stage.edits.resolved(self._copied(base))

    def _shares(self, head: CommitId | None) -> tuple[CommitId, ...]:
        """Returns the commits whose contents it has, besides the head that it is built on."""
        origins = tuple(one.id for one in self._origins)
        seen = self._first[0] if self._shares_seen else None
        return origins if seen is None or seen == head else (*origins, seen)

    def _seen(self) -> Tree:
        return self._first[1]

    @cached_property
    def _first(self) -> tuple[CommitId | None, Tree]:
        return self._head()

    def _head(self) -> tuple[CommitId | None, Tree]:
        """Returns the branch's head as it is now, and its files."""
        with self._parts.catalog.read() as conn:
            head = lookup.branch_by_name(conn, self._repo, self._wish.branch).head
            root = None if head is None else commit_store.output_of(conn, head)
        return head, self._parts.storage.tree(root)

    @property
    def _where(self) -> str:
        return f"{self._repo.name}@{self._wish.branch}"


class CommitBuilder(BranchChanges, Block):
    """A commit being made; for one thread, and for one `with` block; `Repo.commit` is the way in."""

    @property
    def commit(self) -> Commit:
        """The commit, once it is finished; the head that was there where nothing changed."""
        if self._state == "dropped":
            raise CommitEnded(f"to {self._where}", state=self._state)
        if self._ended is None:
            raise CommitOpen(self._where)
        return self._ended

    @property
    def id(self) -> CommitId:
        """The commit's id, once it is finished."""
        return self.commit.id

    @property
    def set(self) -> SetId:
        """The id of the set of all commits that this one causes, once it is finished."""
        return self.commit.set_id

    def finish(self) -> Commit:
        """Makes the commit visible, behind whatever the branch's head is by now.

        Raises:
            BranchMoved: `expect` named another head than the branch has.
            CommitEnded: The commit is finished or dropped already.
            EmptyCommit: It would be the first of its branch and hold nothing.
            PathCollision: A path would be a file and a folder at once.
            PathNotFound: What was to be copied is gone.
        """
        self._check_open()
        try:
            [self._ended] = land(self._parts, [self])
        except BaseException:
            self.drop()
            raise
        self._state = "finished"
        if self.changed:
            self._forget()
        else:
            self._give_up()
        return self._ended

    def drop(self) -> None:
        """Gives the commit up; nothing of it is kept."""
        if self._state == "open":
            self._state = "dropped"
            self._give_up()
