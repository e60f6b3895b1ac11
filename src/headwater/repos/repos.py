"""The repos of a workspace, and the doors of the transaction for the floors above."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Literal, Protocol

from sqlalchemy import Connection

from headwater.api.documents import Provenance, RepoInfo, RepoKind
from headwater.api.html import MOST_ROWS, size_text, table_html
from headwater.clock import Clock
from headwater.db import Catalog
from headwater.ids import CommitId, SetId
from headwater.repos import lookup
from headwater.repos.bonds import Bonds, BranchOwner, PinSource, RepoUser
from headwater.repos.committing.together import Together
from headwater.repos.deletion import delete_repo
from headwater.repos.doors import Doors
from headwater.repos.errors import InvalidRef, RepoExists
from headwater.repos.history.retention import apply_retention
from headwater.repos.names import check_repo, check_writable, kind_of
from headwater.repos.parts import Parts
from headwater.repos.publishing import Publisher
from headwater.repos.reading.view import View
from headwater.repos.refs import parse_ref
from headwater.repos.repo import Repo
from headwater.repos.repo_reading import repo_info
from headwater.repos.roots import RepoRoots
from headwater.repos.rows import commit_store, history_store, store
from headwater.repos.values import Commit, Named, PendingCommit, Trees
from headwater.storage import Storage, Tree, Writer

# Inside `Repos`, `list` is its method.
Commits = list[Commit]
Entries = list[Provenance]


class CommitHook(Protocol):
    """What happens together with commits: jobs are inserted, so that none is forgotten and none invented."""

    def reads(self, conn: Connection, places: Collection[tuple[str, str]]) -> Collection[tuple[str, str]]:
        """Names the branches, each with its repo, whose heads `committed` reads for commits to these.

        They are locked together with those committed to, so that of two commits
        at the same time the later one sees what the earlier one did. None
        where there is nothing to do for such commits: then `committed` may not be called.
        """
        ...

    def committed(self, conn: Connection, repos: "Repos", commits: Sequence[Commit]) -> None:
        """Hears of finished commits of one set, inside their transaction; an error undoes them."""
        ...


class Repos(Doors, Together):
    """The repos of one workspace; safe to use from many threads."""

    def __init__(
        self,
        catalog: Catalog,
        storage: Storage,
        *,
        clock: Clock,
        hooks: Sequence[CommitHook] = (),
        users: Sequence[RepoUser] = (),
        pins: Callable[[], Sequence[PinSource]] = tuple,
        owners: Sequence[BranchOwner] = (),
    ) -> None:
        """Keeps the parts; `hooks` are called in their order, `users` and `pins` asked before something goes.

        `owners` are asked before somebody writes a branch.
        """
        self._catalog, self._clock, self._hooks = catalog, clock, tuple(hooks)
        self._publisher = Publisher(storage, clock, self._notify, self._reads)
        self._parts = Parts(catalog, storage, clock, self._publisher, Bonds(self, users, pins, owners))

    # --- repos ---

    def create(self, name: str, *, kind: RepoKind = "data", system: bool = False) -> Repo:
        """Makes a repo with an empty branch `main`; a reserved prefix decides the kind.

        Raises:
            InvalidName: A repo cannot be called so.
            ProtectedRepo: Only Headwater itself makes such repos.
            RepoExists: There is one of this name.
        """
        check_repo(name)
        check_writable(name, system=system)
        with self._catalog.write() as conn:
            if store.repo_by_name(conn, name) is not None:
                raise RepoExists(name)
            return Repo(self._parts, self._add(conn, name, kind), system=system)

    def ensure(self, conn: Connection, name: str, *, kind: RepoKind = "data") -> Repo:
        """Returns a repo that may be written, made in the caller's transaction where there is none.

        For the floors above, which make the repos of models and outputs.

        Raises:
            InvalidName: A repo cannot be called so.
        """
        row = store.repo_by_name(conn, name)
        if row is None:
            check_repo(name)
            row = self._add(conn, name, kind)
        return Repo(self._parts, row, system=True)

    def get(self, name: str, *, system: bool = False) -> Repo:
        """Returns a repo; with `system`, one that may be written though it is protected.

        Raises:
            RepoNotFound: There is none; the hint has names that come near.
        """
        with self._catalog.read() as conn:
            return Repo(self._parts, lookup.repo_by_name(conn, name), system=system)

    def exists(self, name: str) -> bool:
        """Tells whether there is a repo of this name."""
        with self._catalog.read() as conn:
            return store.repo_by_name(conn, name) is not None

    def list(self) -> Iterator[RepoInfo]:
        """Yields all repos by name."""
        with self._catalog.read() as conn:
            rows, branches = store.all_repos(conn), store.overview(conn)
        return (repo_info(row, branches.get(row.id, [])) for row in rows)

    def _repr_html_(self) -> str:
        with self._catalog.read() as conn:
            found = store.first_repos(conn, MOST_ROWS + 1)
        rows = ((name, kind, files, size_text(size)) for name, kind, files, size in found)
        return table_html(("repo", "kind", "files", "size"), rows) if found else "<em>no repos yet</em>"

    def delete(
        self,
        name: str,
        *,
        force: bool = False,
        system: bool = False,
        author: str = "",
        reason: str = "deleted",
    ) -> RepoInfo:
        """Removes a repo and returns it as it was; its name is free, of its commits tombstones stay.

        Args:
            name: The repo.
            force: Also where commits of other repos were made of its commits.
            system: Also a protected one.
            author: Who decides so.
            reason: Why, for whoever asks for a file later.

        Raises:
            InUse: Something reads or writes it, a commit is open, or others were made of it.
            ProtectedRepo: Only Headwater itself writes this repo.
            RepoNotFound: There is none.
        """
        check_writable(name, system=system)
        info = self.get(name).info()
        delete_repo(self._parts, name, force=force, author=author, reason=reason)
        return info

    def apply_retention(self) -> int:
        """Gives up what has expired, in all repos, and finishes what an interrupted call left; returns how many."""
        return apply_retention(self._parts)

    def named_bytes(self, conn: Connection) -> int:
        """Returns how many bytes all finished commits name, each counted for itself."""
        return commit_store.named_bytes(conn)

    @property
    def roots(self) -> RepoRoots:
        """From where a sweep begins, as far as commits hold it."""
        return RepoRoots()

    def made_of(
        self, conn: Connection, commits: Sequence[CommitId], *, kind: RepoKind
    ) -> Sequence[tuple[CommitId, CommitId]]:
        """Returns (commit, what was made of it) for commits of repos of a kind that name these in their provenance."""
        return history_store.made_of(conn, commits, kind)

    # --- commits ---

    def resolve(self, ref: str, *, default_branch: str = "main") -> Commit:
        """Returns the commit that `NAME@WHAT` means; `NAME` alone means its branch `default_branch`.

        Raises:
            AmbiguousRef: Several commit ids begin so.
            InvalidRef: The text is no ref, or names a path too.
            RefNotFound: The repo has no such branch, tag or commit.
            RepoNotFound: There is no such repo.
        """
        parsed = parse_ref(ref, default=default_branch)
        if parsed.path is not None:
            raise InvalidRef(ref, problem="a commit is meant here, not a path in it")
        with self._catalog.read() as conn:
            repo = lookup.repo_by_name(conn, parsed.repo)
            return lookup.commit_by_id(conn, lookup.commit_id(conn, repo, parsed.what))

    def named(self, repo: str, name: str) -> Named:
        """Returns what a name means in a repo: a branch, else a tag, else a commit's id or its beginning.

        Raises:
            AmbiguousRef: Several commit ids begin so.
            RefNotFound: The repo has no such branch, tag or commit.
            RepoNotFound: There is no such repo.
        """
        with self._catalog.read() as conn:
            return lookup.named(conn, repo, name)

    def commit_by_id(self, commit: str, *, conn: Connection | None = None) -> Commit:
        """Returns the commit with exactly this id, in whatever repo.

        Raises:
            CommitNotFound: There is none.
        """
        if conn is not None:
            return lookup.commit_by_id(conn, commit)
        with self._catalog.read() as own:
            return lookup.commit_by_id(own, commit)

    def commits_by_ids(self, conn: Connection, ids: Sequence[str]) -> dict[str, Commit]:
        """Returns the commits with exactly these ids by them, in few queries; those there are not are left out."""
        return {commit.id: commit for commit in commit_store.commits_by_ids(conn, ids)}

    def view(self, commit: Commit) -> View:
        """Opens the files of a commit.

        Raises:
            CommitUnfinished: It has none to show.
        """
        return View(self._parts.storage, commit)

    def head(self, conn: Connection, repo: str, branch: str) -> CommitId | None:
        """Returns the head of a branch; none where the branch has no commit or does not exist.

        Raises:
            RepoNotFound: There is no such repo.
        """
        _, row = lookup.repo_and_branch(conn, repo, branch)
        return None if row is None else row.head

    def branch_files(self, repo: str, branch: str) -> tuple[CommitId | None, Tree]:
        """Returns the head of a branch and its files, for floors that build their own commits on them.

        Raises:
            RefNotFound: There is no such branch.
            RepoNotFound: There is no such repo.
        """
        with self._catalog.read() as conn:
            row, found = lookup.repo_and_branch(conn, repo, branch)
            head = lookup.branch_by_name(conn, row, branch).head if found is None else found.head
            root = None if head is None else commit_store.output_of(conn, head)
        return head, self._parts.storage.tree(root)

    def set_commits(self, set_id: str) -> Commits:
        """Returns the commits of a set in the order in which they were begun."""
        with self._catalog.read() as conn:
            return commit_store.commits_of_set(conn, set_id)

    def provenance_of(self, commit: str) -> Entries:
        """Returns what went into a commit.

        Raises:
            CommitNotFound: There is no such commit.
        """
        return list(self.commit_by_id(commit).provenance)

    def impact_of(
        self, target: str, *, kind: str = "commit", limit: int = 100, before: str | None = None
    ) -> Commits:
        """Returns the commits that name this id in their provenance, newest first.

        Args:
            target: Id of a commit, or of code, a request or evidence.
            kind: Which of these it is.
            limit: How many at most.
            before: The last commit of the page before.
        """
        with self._catalog.read() as conn:
            return commit_store.naming(conn, kind, target, before=before, limit=limit)

    # --- for the floors above, inside their own transactions ---

    def new_set(self, conn: Connection) -> SetId:
        """Begins a commit set."""
        return self._publisher.new_set(conn)

    def publish(self, conn: Connection, pending: PendingCommit, *, set_id: SetId | None = None) -> Commit:
        """Makes one commit visible in the caller's transaction; see `publish_all`."""
        return self.publish_all(conn, [pending], set_id=set_id)[0]

    def publish_all(
        self, conn: Connection, pending: Sequence[PendingCommit], *, set_id: SetId | None = None
    ) -> Commits:
        """Makes commits of one set visible together, in the caller's transaction.

        Protected repos are not refused: the floors that write them come in here.

        Args:
            conn: A transaction of `Catalog.write`.
            pending: The commits, each of another branch.
            set_id: The set they belong to; a new one where absent.

        Raises:
            BranchMoved: A branch is not at the commit that the trees were built on.
            CommitUnfinished: A commit whose trees were taken over has no files any more.
            RepoNotFound: There is no such repo.
        """
        return self._publisher.publish(conn, pending, set_id=set_id)

    def hold(self, conn: Connection, places: Collection[tuple[str, str]]) -> None:
        """Lets no branch of these move until the caller's transaction ends."""
        self._publisher.hold(conn, places)

    def reserve(
        self,
        conn: Connection,
        repo: str,
        branch: str,
        *,
        set_id: SetId,
        provenance: Sequence[Provenance] = (),
        message: str = "",
    ) -> CommitId:
        """Begins a commit that waits for its job; no head moves before it is finished.

        Raises:
            RepoNotFound: There is no such repo.
        """
        return self._publisher.reserve(
            conn, repo, branch, set_id=set_id, provenance=provenance, message=message
        )

    def complete(
        self,
        conn: Connection,
        commit: CommitId,
        *,
        state: Literal["finished", "failed", "covered"],
        trees: Trees | None = None,
        writer: Writer | None = None,
        expect: CommitId | None = None,
        provenance: Sequence[Provenance] = (),
        message: str = "",
    ) -> Commit:
        """Ends a commit that waits; see `Publisher.complete`."""
        return self._publisher.complete(
            conn,
            commit,
            state=state,
            trees=trees,
            writer=writer,
            expect=expect,
            provenance=provenance,
            message=message,
        )

    def _add(self, conn: Connection, name: str, kind: RepoKind) -> store.RepoRow:
        now_ms = self._clock.now_ms()
        row = store.add_repo(conn, name, kind_of(name) or kind, now_ms)
        store.add_branch(conn, row.id, "main", now_ms)
        return row

    def _reads(self, conn: Connection, places: Collection[tuple[str, str]]) -> Collection[tuple[str, str]]:
        return {place for hook in self._hooks for place in hook.reads(conn, places)}

    def _notify(self, conn: Connection, commits: Sequence[Commit]) -> None:
        for hook in self._hooks:
            hook.committed(conn, self, commits)
