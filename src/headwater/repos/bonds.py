"""What ties commits and repos to the floors above, as far as giving them up must ask for it.

Protocols only: the floors that use repos implement them, and whoever wires
the workspace hands them in.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection

from headwater.api.documents import RepoKind
from headwater.ids import CommitId
from headwater.repos.errors import BranchOwned
from headwater.repos.values import Commit


class Descent(Protocol):
    """Knows what was made of commits; `Repos` does."""

    def made_of(
        self, conn: Connection, commits: Sequence[CommitId], *, kind: RepoKind
    ) -> Sequence[tuple[CommitId, CommitId]]:
        """Returns (commit, what was made of it) for commits of repos of a kind that name these in their provenance."""
        ...


class PinSource(Protocol):
    """Knows commits whose files must stay because something in use depends on them."""

    def pinned(self, conn: Connection, repos: Descent, commits: Sequence[CommitId]) -> Mapping[CommitId, str]:
        """Tells which of the commits must stay, each with the reason: half a sentence, to stand behind "because"."""
        ...


class RepoUser(Protocol):
    """Knows who reads and writes repos by their names, and keeps what it derives from their commits."""

    def uses(self, conn: Connection, repo: str, branch: str | None = None) -> Sequence[str]:
        """Tells who reads or writes a repo, or one branch of it: a clause each, such as `pipeline 'x' reads it`."""
        ...

    def forget(self, conn: Connection, commits: Sequence[Commit]) -> None:
        """Lets go of what is kept of commits that are given up; their files must not live on in a cache."""
        ...


class BranchOwner(Protocol):
    """Knows which branches somebody writes by himself, so that nobody else may."""

    def owner(self, conn: Connection, repo: str, branch: str) -> tuple[str, str] | None:
        """Tells who writes a branch, as a name such as `pipeline 'x'`, and what to do instead of writing it."""
        ...

    def gone(self, conn: Connection, repo: str, branch: str | None = None) -> None:
        """Hears that a repo, or one branch of it, is deleted in this transaction."""
        ...


def _nobody() -> Sequence[PinSource]:
    return ()


@dataclass(frozen=True)
class Bonds:
    """Who is asked. The pins are made when they are first needed, since they belong to floors far above."""

    repos: Descent | None = None
    users: Sequence[RepoUser] = ()
    pins: Callable[[], Sequence[PinSource]] = _nobody
    owners: Sequence[BranchOwner] = ()

    def check_free(self, conn: Connection, repo: str, branch: str) -> None:
        """Makes sure that a branch is nobody's own.

        Raises:
            BranchOwned: Somebody writes it by himself.
        """
        for source in self.owners:
            found = source.owner(conn, repo, branch)
            if found is not None:
                raise BranchOwned(f"{repo}@{branch}", owner=found[0], hint=found[1])

    def gone(self, conn: Connection, repo: str, branch: str | None = None) -> None:
        """Tells everybody that a repo, or one branch of it, is deleted in this transaction."""
        for source in self.owners:
            source.gone(conn, repo, branch)

    def pinned(self, conn: Connection, commits: Sequence[CommitId]) -> dict[CommitId, str]:
        """Tells which of the commits must stay, each with a reason."""
        found: dict[CommitId, str] = {}
        if self.repos is not None and commits:
            for source in self.pins():
                found = {**source.pinned(conn, self.repos, commits), **found}
        return found

    def uses(self, conn: Connection, repo: str, branch: str | None = None) -> list[str]:
        """Tells who reads or writes a repo, or one branch of it."""
        return [use for user in self.users for use in user.uses(conn, repo, branch)]

    def forget(self, conn: Connection, commits: Sequence[Commit]) -> None:
        """Has everybody let go of what is kept of commits that are given up."""
        for user in self.users:
            user.forget(conn, commits)
