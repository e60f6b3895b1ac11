"""One repo: what is written to it, and the branches and tags that name its commits."""

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import Connection

from headwater.api.documents import BranchInfo, Provenance
from headwater.errors import InvalidInput
from headwater.ids import CommitId
from headwater.repos import lookup
from headwater.repos.committing.builder import CommitBuilder, Wish
from headwater.repos.committing.drafts import DraftBuilder, OpenCommit, start_all
from headwater.repos.errors import BranchMoved, CommitEnded, RefExists, RefNotFound
from headwater.repos.names import check_branch, check_tag, check_writable
from headwater.repos.repo_history import RepoHistory
from headwater.repos.rows import store
from headwater.repos.values import Commit


class Repo(RepoHistory):
    """A named, versioned file tree; made by `Repos`."""

    def commit(
        self,
        branch: str = "main",
        *,
        message: str = "",
        metadata: Mapping[str, str] | None = None,
        expect: CommitId | None = None,
        provenance: Sequence[Provenance] = (),
        author: str = "",
        allow_empty: bool = False,
    ) -> CommitBuilder:
        """Begins a commit, which is finished at the end of a `with` block and dropped on an exception.

        Somebody else's commit in between is no obstacle: the changes are
        applied again to what the branch holds by then. Changes that change
        nothing make no commit: the builder then names the head that is there.

        Args:
            branch: A branch that exists.
            message: What the commit is about.
            metadata: Texts to keep with it.
            expect: The only head that the changes may be applied to.
            provenance: What went into it.
            author: Who makes it.
            allow_empty: Make a commit even when nothing changes.

        Raises:
            BranchOwned: A pipeline writes it.
            ProtectedRepo: Only Headwater itself writes this repo.
            RefNotFound: There is no such branch.
        """
        check_writable(self.name, system=self._system)
        with self._parts.catalog.read() as conn:
            lookup.branch_by_name(conn, self._row, branch)
            self._check_free(conn, branch)
        wish = Wish(
            branch=branch,
            message=message,
            author=author,
            metadata=dict(metadata or {}),
            provenance=tuple(provenance),
            expect=expect,
            allow_empty=allow_empty,
        )
        return CommitBuilder(self._parts, self._row, wish)

    def changes(
        self, what: str, *, message: str = "", metadata: Mapping[str, str] | None = None, author: str = ""
    ) -> CommitBuilder | DraftBuilder:
        """Begins a commit to a branch, or a call to a commit that is open: whichever `what` names.

        Raises:
            CommitEnded: It is the id of a commit that is not open.
            InvalidInput: A message or metadata for an open commit, which has its own since it was started.
            ProtectedRepo: Only Headwater itself writes this repo.
            RefNotFound: Nothing in the repo has this name, or not a branch.
        """
        check_writable(self.name, system=self._system)
        begun = self._named_by_id(what)
        if begun is None:
            return self.commit(what, message=message, metadata=metadata, author=author)
        if begun.state != "open":
            raise CommitEnded(begun.id, state=begun.state)
        if message or metadata:
            raise InvalidInput(
                f"The commit {begun.id} is open and has its message and metadata already.",
                hint="Give them to `headwater commit start`, and only files here.",
            )
        return OpenCommit(self._parts, begun).edit()

    def start(
        self,
        branch: str = "main",
        *,
        message: str = "",
        metadata: Mapping[str, str] | None = None,
        author: str = "",
    ) -> OpenCommit:
        """Begins a commit that stays open over many calls, of any process, until it is finished or dropped.

        Args:
            branch: A branch that exists.
            message: What the commit is about.
            metadata: Texts to keep with it.
            author: Who makes it.

        Raises:
            InvalidMetadata: The metadata is not text under text.
            BranchOwned: A pipeline writes it.
            ProtectedRepo: Only Headwater itself writes this repo.
            RefNotFound: There is no such branch.
        """
        check_writable(self.name, system=self._system)
        with self._parts.catalog.read() as conn:
            self._check_free(conn, branch)
        places = [(self._row, branch)]
        [begun] = start_all(self._parts, places, message=message, metadata=metadata, author=author)
        return begun

    def open_commit(self, what: str) -> OpenCommit:
        """Returns a commit that is open, by its id or the beginning of it.

        Raises:
            CommitEnded: It is not open any more.
            ProtectedRepo: Only Headwater itself writes this repo.
            RefNotFound: Nothing in the repo has this name.
        """
        check_writable(self.name, system=self._system)
        commit = self.resolve(what)
        if commit.state != "open":
            raise CommitEnded(commit.id, state=commit.state)
        return OpenCommit(self._parts, commit)

    def create_branch(self, name: str, at: str | None = None, *, author: str = "") -> BranchInfo:
        """Makes a branch at a commit, or without commits; pipelines that follow it start, as after a commit.

        Raises:
            BranchOwned: A pipeline will write it.
            InvalidName: A branch of this repo cannot be called so.
            ProtectedRepo: Only Headwater itself writes this repo.
            RefExists: There is a branch or tag of this name.
            RefNotFound: `at` means no commit.
        """
        check_writable(self.name, system=self._system)
        check_branch(name, repo=self.name)
        with self._parts.catalog.write() as conn:
            self._check_unused(conn, name)
            self._check_free(conn, name)
            at_commit = None if at is None else self._finished(conn, at)
            row = store.add_branch(conn, self.id, name, self._parts.clock.now_ms())
            if at_commit is None:
                self._log(conn, "branch", name, None, None, author, "created")
                return self._branch_info(row)
            publisher = self._parts.publisher
            started = publisher.move(conn, row, at_commit, author=author, reason="created")
            return self._branch_info(msgspec.structs.replace(row, head=at_commit.id), started)

    def move_branch(
        self, name: str, to: str, *, expect: CommitId | None = None, author: str = "", reason: str = "moved"
    ) -> BranchInfo:
        """Makes a branch name another commit of the repo; pipelines that follow it start, as after a commit.

        Args:
            name: The branch.
            to: What it shall name.
            expect: The head it must have; where absent, the one it has when the call begins.
            author: Who moves it.
            reason: Why, for the log of moves.

        Raises:
            BranchMoved: Somebody else moved it meanwhile.
            BranchOwned: A pipeline writes it.
            ProtectedRepo: Only Headwater itself writes this repo.
            RefNotFound: There is no such branch, or `to` means no commit.
        """
        check_writable(self.name, system=self._system)
        with self._parts.catalog.read() as conn:
            seen = lookup.branch_by_name(conn, self._row, name).head if expect is None else expect
        with self._parts.catalog.write() as conn:
            target = self._finished(conn, to)
            branch = lookup.branch_by_name(conn, self._row, name)
            self._check_free(conn, name)
            found = store.lock_branches(conn, [branch.id])[branch.id]
            if found != seen:
                raise BranchMoved(f"{self.name}@{name}", expected=seen, found=found)
            started = None
            if target.id != found:
                publisher = self._parts.publisher
                started = publisher.move(conn, branch, target, author=author, reason=reason)
            return self._branch_info(lookup.branch_by_name(conn, self._row, name), started)

    def create_tag(
        self, name: str, at: str, *, conn: Connection | None = None, author: str = ""
    ) -> BranchInfo:
        """Gives a commit a name that never moves, in a transaction of its own or in the caller's.

        Raises:
            InvalidName: A tag of this repo cannot be called so.
            ProtectedRepo: Only Headwater itself writes this repo.
            RefExists: There is a branch or tag of this name.
            RefNotFound: `at` means no commit.
        """
        check_writable(self.name, system=self._system)
        check_tag(name, repo=self.name, by_system=self._system)
        if conn is None:
            with self._parts.catalog.write() as own:
                return self._add_tag(own, name, at, author)
        return self._add_tag(conn, name, at, author)

    # --- within ---

    def _named_by_id(self, what: str) -> Commit | None:
        """Returns the commit that is named by its id, and none for a branch, a tag, or a name of nothing."""
        with self._parts.catalog.read() as conn:
            if store.branch_by_name(conn, self.id, what) is not None:
                return None
        try:
            commit = self.resolve(what)
        except RefNotFound:
            return None
        return commit if commit.id.startswith(what.lower()) else None

    def _add_tag(self, conn: Connection, name: str, at: str, author: str) -> BranchInfo:
        self._check_unused(conn, name)
        commit = self._finished(conn, at).id
        row = store.add_tag(conn, self.id, name, commit, self._parts.clock.now_ms())
        self._log(conn, "tag", name, None, commit, author, "created")
        return self._tag_info(row)

    def _check_unused(self, conn: Connection, name: str) -> None:
        ref = f"{self.name}@{name}"
        if store.branch_by_name(conn, self.id, name) is not None:
            raise RefExists(ref, what="branch", hint=f"`headwater branch move {ref} TO` moves it.")
        if store.tag_by_name(conn, self.id, name) is not None:
            raise RefExists(ref, what="tag", hint="A tag never moves; choose another name.")

    def _log(
        self,
        conn: Connection,
        kind: str,
        name: str,
        old: CommitId | None,
        new: CommitId | None,
        author: str,
        reason: str,
    ) -> None:
        at_ms = self._parts.clock.now_ms()
        store.log_move(conn, store.Move(self.id, kind, name, old, new, at_ms, author, reason))
