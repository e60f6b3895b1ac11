"""Doors of the transaction for pipelines: branches that are theirs, commits that will not be, repos that go with them."""

from collections.abc import Sequence
from typing import Literal

from sqlalchemy import Connection

from headwater.api.documents import RepoKind
from headwater.ids import CommitId
from headwater.repos import lookup
from headwater.repos.deletion import remove_repo
from headwater.repos.ending import end_waiting
from headwater.repos.names import check_branch, check_writable
from headwater.repos.parts import Parts
from headwater.repos.rows import store


class Doors:
    """What pipelines do with repos inside their own transactions; `Repos` has it."""

    _parts: Parts

    def end_waiting(
        self, conn: Connection, commits: Sequence[CommitId], *, state: Literal["failed", "covered"]
    ) -> None:
        """Ends many commits that wait and hold nothing; those that wait no more are left as they are."""
        end_waiting(self._parts, conn, commits, state=state)

    def remove(self, conn: Connection, name: str, *, force: bool, reason: str) -> None:
        """Removes a repo in the caller's transaction; errors as for `delete`, but for protected ones."""
        remove_repo(self._parts, conn, name, force=force, author="", reason=reason)

    def check_branch_there(self, conn: Connection, repo: str, branch: str) -> None:
        """Makes sure that a repo has a branch.

        Raises:
            RefNotFound: It has none of this name.
            RepoNotFound: There is no such repo.
        """
        lookup.branch_by_name(conn, lookup.repo_by_name(conn, repo), branch)

    def make_branch(self, conn: Connection, repo: str, branch: str) -> None:
        """Makes a branch that may be written by hand, unless there is one.

        Raises:
            BranchOwned: A pipeline writes it.
            InvalidName: A branch of this repo cannot be called so.
            ProtectedRepo: Only Headwater itself writes this repo.
            RepoNotFound: There is no such repo.
        """
        check_writable(repo, system=False)
        lookup.repo_by_name(conn, repo)
        self._parts.bonds.check_free(conn, repo, branch)
        self.ensure_branch(conn, repo, branch)

    def follow(self, conn: Connection, repo: str, branch: str, commit: CommitId, *, reason: str) -> None:
        """Moves a branch to a commit of its repo, as part of the set that brought it; hooks do not hear of it.

        Raises:
            RepoNotFound: There is no such repo.
        """
        self._parts.publisher.follow(conn, repo, branch, commit, reason=reason)

    def check_free(self, conn: Connection, repo: str, branch: str) -> None:
        """Makes sure that a branch is nobody's own, for floors that publish what people write.

        Raises:
            BranchOwned: A pipeline writes it.
        """
        self._parts.bonds.check_free(conn, repo, branch)

    def ensure_branch(self, conn: Connection, repo: str, branch: str) -> None:
        """Makes a branch, whoever writes it, unless there is one.

        Raises:
            InvalidName: A branch of this repo cannot be called so.
            RepoNotFound: There is no such repo.
        """
        row, found = lookup.repo_and_branch(conn, repo, branch)
        if found is None:
            check_branch(branch, repo=repo)
            store.ensure_branch(conn, row.id, branch, self._parts.clock.now_ms())

    def kind_in(self, conn: Connection, repo: str) -> RepoKind | None:
        """Returns the kind of a repo; none where there is no such repo."""
        row = store.repo_by_name(conn, repo)
        return None if row is None else row.kind

    def has_commits(self, conn: Connection, repo: str) -> bool:
        """Tells whether a branch of the repo has a commit."""
        row = store.repo_by_name(conn, repo)
        return row is not None and any(branch.head for branch in store.branches_of(conn, row.id))
