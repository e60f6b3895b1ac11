"""One repo, as far as its history is changed as a whole: merged, squashed, kept for a time, given up."""

from collections.abc import Iterator
from typing import Literal

from sqlalchemy import Connection

from headwater.api.documents import BranchInfo, ConflictRow, MergeInfo, RetentionInfo
from headwater.ids import CommitId
from headwater.repos import deletion
from headwater.repos.history import merge, retention
from headwater.repos.history.purge import purge
from headwater.repos.history.squash import squash
from headwater.repos.names import check_writable
from headwater.repos.repo_reading import RepoReading
from headwater.repos.values import Commit


class RepoHistory(RepoReading):
    """What a repo does with its history; `Repo` adds single commits and names."""

    def merge(
        self,
        from_: str,
        into: str = "main",
        *,
        message: str = "",
        prefer: Literal["ours", "theirs"] | None = None,
        expect: CommitId | None = None,
        forwards: bool = True,
        author: str = "",
    ) -> MergeInfo:
        """Merges a commit, with all that came before it, into a branch.

        Files are decided whole: one that only one side changed since both
        parted is taken from there. What both changed differently is a
        conflict, and so is a file of one side where the other has a folder.

        Args:
            from_: What to merge: a branch, tag or commit of this repo.
            into: The branch that gets it.
            message: What the commit is about; where absent, it says what was merged.
            prefer: The side that wins every conflict: the branch's (`ours`) or that of `from_` (`theirs`).
            expect: The only head that the branch may have.
            forwards: Move the branch to the commit where it has nothing of its own; else make a commit then too.
            author: Who merges.

        Raises:
            BranchMoved: The branch has another head than `expect`.
            BranchOwned: A pipeline writes it.
            CommitPurged: The files of the commit were given up.
            MergeConflict: Both sides changed the same paths; nothing was done.
            ProtectedRepo: Only Headwater itself writes this repo.
            RefNotFound: One of them means nothing.
        """
        check_writable(self.name, system=self._system)
        with self._parts.catalog.read() as conn:
            self._check_free(conn, into)
        wish = merge.MergeWish(into, self._theirs(from_), message, author, prefer, expect, forwards)
        return merge.merge(self._parts, self._row, wish)

    def conflicts(self, from_: str, into: str = "main") -> Iterator[ConflictRow]:
        """Yields what a merge could not decide, in the order of paths; changes nothing.

        Raises:
            CommitPurged: The files of the commit were given up.
            RefNotFound: One of them means nothing.
        """
        wish = merge.MergeWish(into, self._theirs(from_))
        return merge.conflicts(self._parts, self._row, wish)

    def squash(
        self,
        branch: str,
        since: str,
        *,
        message: str = "",
        expect: CommitId | None = None,
        author: str = "",
    ) -> Commit:
        """Makes one commit of those of a branch that come after another; the branch then names it.

        The commit has the files of the branch's head and names in its
        provenance what went into any of them. The others are given up, but
        for those that a branch or tag names, on which others were built, or
        on which something in use depends. No pipeline starts, for no file changes.

        Args:
            branch: The branch.
            since: The last commit that stays as it is, on the branch's line of parents.
            message: What the commit is about; where absent, what the branch's head says.
            expect: The only head that the branch may have.
            author: Who squashes.

        Raises:
            BranchMoved: The branch has another head than `expect`.
            BranchOwned: A pipeline writes it.
            NothingToSquash: There are not two commits after `since`, or it is not on that line.
            ProtectedRepo: Only Headwater itself writes this repo.
            RefNotFound: One of them means nothing.
        """
        check_writable(self.name, system=self._system)
        with self._parts.catalog.read() as conn:
            self._check_free(conn, branch)
        return squash(self._parts, self._row, branch, since, message=message, expect=expect, author=author)

    def purge(self, what: str, *, reason: str = "", force: bool = False, author: str = "") -> Commit:
        """Gives up the files of a commit; its id, its place in history and what went into it stay.

        Their bytes go with the next `gc`, unless another commit has them too.

        Args:
            what: The commit.
            reason: Why, for whoever asks for the files later.
            force: Also where something in use depends on them.
            author: Who decides so.

        Raises:
            CommitNamed: A branch or tag names it.
            CommitPinned: Something in use depends on it.
            CommitPurged: They were given up before.
            CommitUnfinished: It is open, or waits for its job.
            RefNotFound: Nothing in the repo has this name.
        """
        return purge(self._parts, self.resolve(what).id, reason=reason, force=force, author=author)

    def retention(self) -> RetentionInfo:
        """Returns how long the repo keeps commits that nothing names; it keeps all where neither number is set."""
        return retention.retention_of(self._parts, self._row)

    def retain(self, *, last: int | None = None, days: int | None = None, author: str = "") -> RetentionInfo:
        """Sets how long the repo keeps commits that nothing names; with neither, it keeps all.

        A commit stays while it is among the newest `last` of a branch, or
        younger than `days`; and in any case while a branch or tag names it,
        or something in use depends on it. The next `gc` gives up the others.

        Raises:
            InvalidRetention: A number is less than 1.
        """
        return retention.set_retention(self._parts, self._row, last=last, days=days, author=author)

    def delete_branch(
        self, name: str, *, expect: CommitId | None = None, author: str = "", reason: str = "deleted"
    ) -> BranchInfo:
        """Removes a branch and returns it as it was; its commits stay, and can be found by their ids.

        Raises:
            BranchMoved: The branch has another head than `expect`.
            InUse: A pipeline reads or writes it, or a commit to it is open.
            ProtectedRepo: Only Headwater itself writes this repo.
            RefNotFound: There is no such branch.
        """
        check_writable(self.name, system=self._system)
        row = deletion.delete_branch(
            self._parts, self._row, name, expect=expect, author=author, reason=reason
        )
        return self._branch_info(row)

    def delete_tag(self, name: str, *, author: str = "", reason: str = "deleted") -> BranchInfo:
        """Removes a tag and returns it as it was; its commit stays.

        Raises:
            ProtectedRepo: Only Headwater itself writes this repo.
            RefNotFound: There is no such tag.
        """
        check_writable(self.name, system=self._system)
        return self._tag_info(deletion.delete_tag(self._parts, self._row, name, author=author, reason=reason))

    def _check_free(self, conn: Connection, branch: str) -> None:
        """Makes sure that the caller may write a branch.

        Raises:
            BranchOwned: A pipeline writes it.
        """
        if not self._system:
            self._parts.bonds.check_free(conn, self.name, branch)

    def _theirs(self, what: str) -> Commit:
        with self._parts.catalog.read() as conn:
            return self._finished(conn, what)
