"""Commits to several repos that become visible together, as one set with one id, or not at all.

    with repos.transaction(message="new prices") as transaction:
        transaction.repo("prices").put("/today.csv", data)
        transaction.repo("reports@staging").delete("/old.html")
    transaction.set

All are written with one writer and published by one transaction; if one of
the branches has moved, all are built again on what there is by then.
"""

from collections.abc import Callable
from types import TracebackType
from typing import Self

import msgspec

from headwater.ids import CommitId, SetId
from headwater.repos.committing.builder import BranchChanges, Wish
from headwater.repos.committing.landing import land
from headwater.repos.errors import CommitEnded, CommitOpen
from headwater.repos.parts import Parts
from headwater.repos.refs import parse_ref
from headwater.repos.rows.store import RepoRow
from headwater.repos.values import Commit

# Returns the repo of this name and makes sure that it may be written and has the branch.
Place = Callable[[str, str], RepoRow]


class Transaction:
    """Commits being made to several repos; for one thread, and for one `with` block."""

    def __init__(self, parts: Parts, place: Place, wish: Wish) -> None:
        """Begins with none; `Repos.transaction` is the way in."""
        self._parts, self._place, self._wish = parts, place, wish
        self._changes: dict[tuple[str, str], BranchChanges] = {}
        self._commits: list[Commit] = []
        self._landings: list[BranchChanges] = []
        self._state = "open"

    def __enter__(self) -> Self:
        """Begins the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finishes all commits, or drops all if the block was left by an exception."""
        if kind is None:
            self.finish()
        else:
            self.drop()

    def repo(self, ref: str, *, expect: CommitId | None = None) -> BranchChanges:
        """Returns the changes to a branch: put, append, delete, copy and move go there; asked again, the same.

        Args:
            ref: `NAME@BRANCH`, or `NAME` for its branch main.
            expect: When it is asked for first: the only head that the changes may be applied to.

        Raises:
            CommitEnded: The transaction is finished or dropped.
            InvalidRef: The text does not name a branch.
            ProtectedRepo: Only Headwater itself writes this repo.
            RefNotFound: There is no such branch.
            RepoNotFound: There is no such repo.
        """
        if self._state != "open":
            raise CommitEnded("of several repos", state=self._state)
        parsed = parse_ref(ref)
        place = (parsed.repo, parsed.what)
        if place not in self._changes:
            row = self._place(*place)
            first = next(iter(self._changes.values()), None)
            wish = msgspec.structs.replace(self._wish, branch=parsed.what, expect=expect)
            writer = None if first is None else first.writer
            self._changes[place] = BranchChanges(self._parts, row, wish, writer)
        return self._changes[place]

    @property
    def commits(self) -> list[Commit]:
        """The commits, in the order in which their repos were asked for; where nothing changed, the head."""
        if self._state != "finished":
            raise CommitOpen("several repos")
        return self._commits

    @property
    def set(self) -> SetId | None:
        """The id of the set of all commits that were made; none where nothing changed."""
        made = zip(self.commits, self._landings, strict=True)
        return next((commit.set_id for commit, changes in made if changes.changed), None)

    def finish(self) -> list[Commit]:
        """Makes all commits visible together.

        Raises:
            BranchMoved: A branch is not at the head that was expected.
            CommitEnded: The transaction is finished or dropped already.
            EmptyCommit: A commit would be the first of its branch and hold nothing.
            PathCollision: A path would be a file and a folder at once.
        """
        if self._state != "open":
            raise CommitEnded("of several repos", state=self._state)
        try:
            self._landings = [changes for changes in self._changes.values() if not changes.is_empty]
            self._commits = land(self._parts, self._landings)
        except BaseException:
            self.drop()
            raise
        self._state = "finished"
        self._end()
        return self._commits

    def drop(self) -> None:
        """Gives all of it up; nothing of it is kept."""
        if self._state == "open":
            self._state = "dropped"
            self._end()

    def _end(self) -> None:
        is_visible = any(changes.may_be_visible for changes in self._changes.values())
        for changes in self._changes.values():
            changes.end(self._state, keep=is_visible)
