"""What a workspace does with history as a whole: merge, squash, keep for a time, give up, delete."""

from collections.abc import Iterator
from typing import Literal

from headwater.api.documents import (
    BranchInfo,
    CommitInfo,
    ConflictRow,
    MergeInfo,
    RepoInfo,
    RetentionInfo,
)
from headwater.errors import InvalidInput
from headwater.repos import parse_ref
from headwater.workspace.parts import Parts


class HistoryVerbs:
    """Merges, squashes, moves, retention, purge and deletion; each verb is one call into the floor that does it."""

    _parts: Parts

    def merge(
        self,
        from_: str,
        into: str,
        *,
        message: str = "",
        prefer: Literal["ours", "theirs"] | None = None,
        forwards: bool = True,
    ) -> MergeInfo:
        """Merges a commit into a branch of its repo; `into` may be the branch's name alone."""
        theirs = parse_ref(from_)
        repo = self._parts.repos.get(theirs.repo)
        branch = _within(theirs.repo, into)
        return repo.merge(theirs.what, branch, message=message, prefer=prefer, forwards=forwards)

    def conflicts(self, from_: str, into: str) -> Iterator[ConflictRow]:
        """Yields what merging a commit into a branch could not decide; changes nothing."""
        theirs = parse_ref(from_)
        return self._parts.repos.get(theirs.repo).conflicts(theirs.what, _within(theirs.repo, into))

    def squash(self, ref: str, *, since: str, message: str = "") -> CommitInfo:
        """Makes one commit of those of a branch that come after another."""
        parsed = parse_ref(ref)
        repo = self._parts.repos.get(parsed.repo)
        return repo.squash(parsed.what, _within(parsed.repo, since), message=message).info()

    def purge(self, ref: str, *, reason: str = "", force: bool = False) -> CommitInfo:
        """Gives up the files of a commit; its record stays."""
        parsed = parse_ref(ref)
        return self._parts.repos.get(parsed.repo).purge(parsed.what, reason=reason, force=force).info()

    def retain(self, name: str, *, last: int | None = None, days: int | None = None) -> RetentionInfo:
        """Sets how long a repo keeps commits that nothing names; with neither, it keeps all."""
        return self._parts.repos.get(name).retain(last=last, days=days)

    def retention(self, name: str) -> RetentionInfo:
        """Returns how long a repo keeps commits that nothing names."""
        return self._parts.repos.get(name).retention()

    def apply_retention(self) -> int:
        """Gives up what has expired in all repos; returns how many commits. `gc` does it too, before it sweeps."""
        return self._parts.repos.apply_retention()

    def move_branch(self, ref: str, to: str, *, expect: str | None = None) -> BranchInfo:
        """Makes a branch name another commit of its repo; pipelines that follow it start."""
        parsed = parse_ref(ref)
        repo = self._parts.repos.get(parsed.repo)
        seen = None if expect is None else repo.resolve(_within(parsed.repo, expect)).id
        return repo.move_branch(parsed.what, _within(parsed.repo, to), expect=seen)

    def delete_branch(self, ref: str) -> BranchInfo:
        """Removes a branch and returns it as it was."""
        parsed = parse_ref(ref)
        return self._parts.repos.get(parsed.repo).delete_branch(parsed.what)

    def delete_tag(self, ref: str) -> BranchInfo:
        """Removes a tag and returns it as it was."""
        parsed = parse_ref(ref)
        return self._parts.repos.get(parsed.repo).delete_tag(parsed.what)

    def delete_repo(self, name: str, *, force: bool = False, reason: str = "deleted") -> RepoInfo:
        """Removes a repo and returns it as it was; of its commits tombstones stay."""
        return self._parts.repos.delete(name, force=force, reason=reason)


def _within(repo: str, ref: str) -> str:
    """Returns what a ref means within a repo; `main^` and `repo@main^` are the same there."""
    if "@" not in ref:
        return ref
    parsed = parse_ref(ref)
    if parsed.repo != repo:
        raise InvalidInput(f"{ref!r} is of another repo.", hint=f"Name a commit of {repo!r}.")
    return parsed.what
