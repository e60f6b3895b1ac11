"""One repo: its commits, history, differences, branches and tags."""

from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import Connection

from headwater.api.documents import BranchInfo, CommitInfo, DiffRow, Listing, Provenance, RepoInfo, RepoKind
from headwater.clock import rfc3339
from headwater.ids import CommitId
from headwater.repos import commit_store, lookup, store
from headwater.repos.builder import CommitBuilder, Wish
from headwater.repos.errors import BranchMoved, CommitNotFound, CommitUnfinished, RefExists
from headwater.repos.names import check_branch, check_tag, check_writable
from headwater.repos.parts import Parts
from headwater.repos.values import Commit
from headwater.repos.view import View


class Repo:
    """A named, versioned file tree; made by `Repos`."""

    def __init__(self, parts: Parts, row: store.RepoRow, *, system: bool) -> None:
        """Takes the row of a repo that exists; `system` allows to write a protected one."""
        self._parts, self._row, self._system = parts, row, system

    @property
    def id(self) -> int:
        """The catalog's number of the repo."""
        return self._row.id

    @property
    def name(self) -> str:
        """The repo's name."""
        return self._row.name

    @property
    def kind(self) -> RepoKind:
        """What sort of repo it is."""
        return self._row.kind

    def info(self) -> RepoInfo:
        """Returns the document that doors show; size and files are those of the main branch."""
        with self._parts.catalog.read() as conn:
            return repo_info(self._row, store.overview(conn, self.id).get(self.id, []))

    # --- writing ---

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
            ProtectedRepo: Only Headwater itself writes this repo.
            RefNotFound: There is no such branch.
        """
        check_writable(self.name, system=self._system)
        with self._parts.catalog.read() as conn:
            lookup.branch_by_name(conn, self._row, branch)
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

    def create_branch(self, name: str, at: str | None = None, *, author: str = "") -> BranchInfo:
        """Makes a branch at a commit, or without commits.

        Raises:
            InvalidName: A branch of this repo cannot be called so.
            ProtectedRepo: Only Headwater itself writes this repo.
            RefExists: There is a branch or tag of this name.
            RefNotFound: `at` means no commit.
        """
        check_writable(self.name, system=self._system)
        check_branch(name, repo=self.name)
        now_ms = self._parts.clock.now_ms()
        with self._parts.catalog.write() as conn:
            self._check_free(conn, name)
            head = None if at is None else self._finished(conn, at).id
            row = store.add_branch(conn, self.id, name, now_ms, head=head)
            self._log(conn, "branch", name, None, head, author, "created")
        return self._branch_info(row)

    def move_branch(
        self, name: str, to: str, *, expect: CommitId | None = None, author: str = "", reason: str = "moved"
    ) -> BranchInfo:
        """Makes a branch name another commit of the repo.

        Args:
            name: The branch.
            to: What it shall name.
            expect: The head it must have; where absent, the one it has when the call begins.
            author: Who moves it.
            reason: Why, for the log of moves.

        Raises:
            BranchMoved: Somebody else moved it meanwhile.
            ProtectedRepo: Only Headwater itself writes this repo.
            RefNotFound: There is no such branch, or `to` means no commit.
        """
        check_writable(self.name, system=self._system)
        with self._parts.catalog.read() as conn:
            seen = lookup.branch_by_name(conn, self._row, name).head if expect is None else expect
            target = self._finished(conn, to).id
        with self._parts.catalog.write() as conn:
            branch = lookup.branch_by_name(conn, self._row, name)
            found = store.lock_branches(conn, [branch.id])[branch.id]
            now_ms = self._parts.clock.now_ms()
            if not store.move_branch(conn, branch, expected=seen, new=target, now_ms=now_ms):
                raise BranchMoved(f"{self.name}@{name}", expected=seen, found=found)
            self._log(conn, "branch", name, seen, target, author, reason)
            return self._branch_info(lookup.branch_by_name(conn, self._row, name))

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

    # --- reading ---

    def at(self, what: str = "main") -> View:
        """Opens the files of a commit.

        Raises:
            AmbiguousRef: Several commit ids begin so.
            CommitUnfinished: The commit has no files to show.
            RefNotFound: Nothing in the repo has this name.
        """
        return View(self._parts.storage, self.resolve(what))

    def resolve(self, what: str = "main") -> Commit:
        """Returns the commit that a branch, tag, id or its beginning means, with `^` for those before.

        Raises:
            AmbiguousRef: Several commit ids begin so.
            RefNotFound: Nothing in the repo has this name.
        """
        with self._parts.catalog.read() as conn:
            return lookup.commit_by_id(conn, lookup.commit_id(conn, self._row, what))

    def log(self, what: str = "main", *, limit: int = 50, after: str | None = None) -> Listing[CommitInfo]:
        """Returns a page of history, newest first, along the line of parents.

        Args:
            what: Where to begin; a branch without commits has an empty history.
            limit: How many commits at most, at least 1.
            after: The `next` of the page before; `what` then does not matter.

        Raises:
            CommitNotFound: `after` is not one that a page gave.
            RefNotFound: Nothing in the repo has this name.
        """
        with self._parts.catalog.read() as conn:
            if after is None:
                branch = store.branch_by_name(conn, self.id, what)
                start = branch.head if branch is not None else lookup.commit_id(conn, self._row, what)
            else:
                last = lookup.commit_by_id(conn, after)
                if last.repo != self.name:
                    raise CommitNotFound(after)
                start = last.parent
            found = [] if start is None else commit_store.ancestors(conn, start, limit + 1)
        following = found[limit - 1].id if len(found) > limit else None
        return Listing([commit.info() for commit in found[:limit]], following)

    def diff(self, old: str, new: str) -> Iterator[DiffRow]:
        """Yields the paths that differ between two commits, in order; equal folders cost nothing.

        Raises:
            CommitUnfinished: One of them has no files to compare.
            RefNotFound: Nothing in the repo has one of the names.
        """
        return self.at(old).diff(self.at(new))

    def branches(self) -> list[BranchInfo]:
        """Returns the repo's branches by name."""
        with self._parts.catalog.read() as conn:
            return [self._branch_info(row) for row in store.branches_of(conn, self.id)]

    def tags(self) -> list[BranchInfo]:
        """Returns the repo's tags, oldest first."""
        with self._parts.catalog.read() as conn:
            return [self._tag_info(row) for row in store.tags_of(conn, self.id)]

    def moves(self, branch: str = "main") -> list[store.Move]:
        """Returns every move of a branch, oldest first: from where, to where, when, by whom and why."""
        with self._parts.catalog.read() as conn:
            return store.moves_of(conn, self.id, "branch", branch)

    # --- within ---

    def _add_tag(self, conn: Connection, name: str, at: str, author: str) -> BranchInfo:
        self._check_free(conn, name)
        commit = self._finished(conn, at).id
        row = store.add_tag(conn, self.id, name, commit, self._parts.clock.now_ms())
        self._log(conn, "tag", name, None, commit, author, "created")
        return self._tag_info(row)

    def _finished(self, conn: Connection, what: str) -> Commit:
        commit = lookup.commit_by_id(conn, lookup.commit_id(conn, self._row, what))
        if commit.state != "finished":
            raise CommitUnfinished(commit.id, repo=self.name, state=commit.state)
        return commit

    def _check_free(self, conn: Connection, name: str) -> None:
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

    def _branch_info(self, row: store.BranchRow) -> BranchInfo:
        return BranchInfo(row.name, self.name, row.head, rfc3339(row.moved_ms))

    def _tag_info(self, row: store.TagRow) -> BranchInfo:
        return BranchInfo(row.name, self.name, row.commit_id, rfc3339(row.created_ms))


def repo_info(row: store.RepoRow, branches: Sequence[tuple[str, int, int]]) -> RepoInfo:
    """Returns the document of a repo, given its branches with files and bytes of their heads."""
    files, size = next(((files, size) for name, files, size in branches if name == "main"), (0, 0))
    names = [name for name, _, _ in branches]
    return RepoInfo(row.name, row.kind, rfc3339(row.created_ms), names, size, files)
