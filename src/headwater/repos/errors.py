"""What can be wrong with a repo, a ref, a path or a commit."""

from collections.abc import Sequence
from typing import Any

from headwater.errors import AlreadyExists, Conflict, InvalidInput, NotFound, Refused


class InvalidName(InvalidInput):
    """A repo, branch or tag cannot have this name."""

    kind = "invalid-name"

    def __init__(self, what: str, name: str, *, rule: str) -> None:
        """Names the name, what was to be called so, and the rule it breaks."""
        super().__init__(f"{name!r} cannot be the name of a {what}.", hint=rule)
        self.name = name


class InvalidRef(InvalidInput):
    """A text is no ref."""

    kind = "invalid-ref"

    def __init__(self, ref: str, *, problem: str) -> None:
        """Names the text and what is wrong with it."""
        super().__init__(
            f"{ref!r} is no ref: {problem}.",
            hint="Write REPO@BRANCH, REPO@TAG or REPO@COMMIT, with ^ or ^n for the commits before, and :/PATH for a file.",
        )
        self.ref = ref


class InvalidGlob(InvalidInput):
    """A glob pattern cannot be read."""

    kind = "invalid-glob"

    def __init__(self, pattern: str, *, problem: str) -> None:
        """Names the pattern and what is wrong with it."""
        super().__init__(
            f"{pattern!r} is no glob pattern: {problem}.",
            hint=r"*, ?, [a-z] and {a,b} stay in one folder, ** goes through all; (…) captures; \ takes the next sign as it is.",
        )
        self.pattern = pattern


class AmbiguousRef(InvalidInput):
    """Several commits have ids that begin with what was written."""

    kind = "ambiguous-ref"

    def __init__(self, ref: str, *, candidates: Sequence[str]) -> None:
        """Names the ref and some of the commits it could mean."""
        shown = ", ".join(candidates)
        super().__init__(
            f"{ref!r} could mean several commits: {shown}.", hint="Write more digits of the commit's id."
        )
        self.ref, self.candidates = ref, list(candidates)


class RepoNotFound(NotFound):
    """No repo has this name."""

    kind = "repo-not-found"

    def __init__(self, name: str, *, hint: str) -> None:
        """Names the repo; the hint says which ones there are."""
        super().__init__(f"There is no repo {name!r}.", hint=hint)
        self.name = name


class RefNotFound(NotFound):
    """A repo has no branch, tag or commit of this name."""

    kind = "ref-not-found"

    def __init__(self, message: str, *, ref: str, hint: str) -> None:
        """Keeps the ref beside the message."""
        super().__init__(message, hint=hint)
        self.ref = ref


class CommitNotFound(NotFound):
    """No commit of the workspace has this id."""

    kind = "commit-not-found"

    def __init__(self, commit: str) -> None:
        """Names the id."""
        super().__init__(
            f"There is no commit {commit!r} in this workspace.",
            hint="`headwater log REPO` shows a repo's commits.",
        )
        self.commit = commit


class PathNotFound(NotFound):
    """A commit has no file or folder at this path."""

    kind = "path-not-found"

    def __init__(self, path: str, *, where: str, hint: str) -> None:
        """Names the path and the commit that was looked into."""
        super().__init__(f"There is no {path!r} in {where}.", hint=hint)
        self.path = path


class NotAFile(InvalidInput):
    """A file was asked for, and the path is a folder's."""

    kind = "not-a-file"

    def __init__(self, path: str, *, where: str) -> None:
        """Names the path and the commit."""
        super().__init__(
            f"{path!r} in {where} is a folder.", hint=f"Name a file in it; `headwater ls` lists {path!r}."
        )
        self.path = path


class RepoExists(AlreadyExists):
    """The name of a new repo is taken."""

    kind = "repo-exists"

    def __init__(self, name: str) -> None:
        """Names the repo."""
        super().__init__(f"There is a repo {name!r} already.", hint="Use it, or choose another name.")
        self.name = name


class RefExists(AlreadyExists):
    """The name of a new branch or tag is taken."""

    kind = "ref-exists"

    def __init__(self, ref: str, *, what: str, hint: str) -> None:
        """Names the ref and what has that name: a branch or a tag."""
        super().__init__(f"There is a {what} {ref!r} already.", hint=hint)
        self.ref = ref


class ProtectedRepo(Refused):
    """A repo that Headwater writes itself was to be changed by hand."""

    kind = "protected-repo"

    def __init__(self, name: str, *, hint: str) -> None:
        """Names the repo; the hint says which command writes it."""
        super().__init__(f"The repo {name!r} is written by Headwater itself, not by hand.", hint=hint)
        self.name = name


class BranchMoved(Conflict):
    """A branch points elsewhere than the caller went by."""

    kind = "branch-moved"

    def __init__(self, branch: str, *, expected: str | None, found: str | None) -> None:
        """Names the branch, the commit it was believed to be at, and the one it is at."""
        super().__init__(
            f"Branch {branch!r} is at {found or 'no commit'}, not at {expected or 'no commit'}.",
            hint=f"Look at what is there now, then start again from {found or 'it'}.",
        )
        self.branch, self.expected, self.found = branch, expected, found


class CommitUnfinished(Conflict):
    """The files of a commit were asked for that has none to show."""

    kind = "commit-unfinished"

    def __init__(self, commit: str, *, repo: str, state: str) -> None:
        """Names the commit and its state."""
        hints = {
            "waiting": "Its job has not finished; `headwater job list` shows how far it is.",
            "failed": "Its job failed; `headwater job list` shows why.",
            "covered": "A newer commit of the branch stands for it; read that one.",
        }
        super().__init__(
            f"Commit {commit} of {repo!r} is {state}, so it has no files to read.",
            hint=hints.get(state, "Finish it first."),
        )
        self.commit, self.state = commit, state


class CommitPurged(NotFound):
    """The files of a commit were asked for that were given up."""

    kind = "commit-purged"

    def __init__(self, commit: str, *, repo: str, at: str, by: str, reason: str) -> None:
        """Names the commit, and when, by whom and why its files were given up."""
        whom = f" by {by}" if by else ""
        why = f": {reason}" if reason else ""
        super().__init__(
            f"The files of commit {commit} of {repo!r} were given up on {at}{whom}{why}.",
            hint="Only its record is left: `headwater why` shows what went into it. Read a newer commit.",
        )
        self.commit = commit


class MergeConflict(Conflict):
    """Both sides of a merge changed the same paths; `details` has one entry per path."""

    kind = "merge-conflict"

    def __init__(self, merged: str, into: str, rows: Sequence[dict[str, Any]], *, count: int) -> None:
        """Names both sides, the conflicts, and how many there are in all."""
        paths = f"{count:,} path" + ("s" if count > 1 else "")
        super().__init__(
            f"{merged} cannot be merged into {into}: both changed {paths}; nothing was done.",
            hint="Change the files on one of the branches, or merge with --prefer ours or --prefer theirs.",
            details=rows,
        )
        self.count = count


class CommitNamed(Refused):
    """The files of a commit were to be given up that a branch or tag names."""

    kind = "commit-named"

    def __init__(self, commit: str, *, repo: str, branches: Sequence[str], tags: Sequence[str]) -> None:
        """Names the commit and what names it."""
        names = [f"branch {name!r}" for name in branches] + [f"tag {name!r}" for name in tags]
        steps = [f"`headwater branch move {repo}@{name} TO`" for name in branches]
        steps += [f"`headwater tag delete {repo}@{name}`" for name in tags]
        super().__init__(
            f"Commit {commit} of {repo!r} is named by {', '.join(names)}, so it stays.",
            hint=f"First let go of it: {', '.join(steps)}.",
        )
        self.commit = commit


class CommitPinned(Refused):
    """The files of a commit were to be given up that something in use depends on."""

    kind = "commit-pinned"

    def __init__(self, commit: str, *, repo: str, why: str) -> None:
        """Names the commit and what depends on it."""
        super().__init__(
            f"Commit {commit} of {repo!r} stays, because {why}.",
            hint="End that first, or give the files up all the same with --force.",
        )
        self.commit, self.why = commit, why


class NothingToSquash(InvalidInput):
    """A squash was asked for where there is nothing to make one commit of."""

    kind = "nothing-to-squash"

    def __init__(self, branch: str, since: str, *, problem: str) -> None:
        """Names both ends and what is wrong with them."""
        super().__init__(
            f"The commits of {branch!r} since {since!r} cannot be squashed: {problem}.",
            hint=f"`headwater log {branch}` lists the line of commits; name one before the last but one.",
        )


class InvalidRetention(InvalidInput):
    """A retention says nothing, or something that cannot be."""

    kind = "invalid-retention"

    def __init__(self, problem: str) -> None:
        """Says what is wrong."""
        super().__init__(
            f"A repo cannot be retained so: {problem}.",
            hint="Say --last N, --days D or both, each at least 1; or --off to keep everything.",
        )


class InUse(Refused):
    """A repo or branch was to be deleted that something reads or writes."""

    kind = "in-use"

    def __init__(self, what: str, uses: Sequence[str], *, hint: str) -> None:
        """Names what was to be deleted, and who uses it."""
        super().__init__(f"{what} is in use: {'; '.join(uses)}.", hint=hint)
        self.uses = list(uses)


class CommitOpen(Conflict):
    """The id of a commit was asked for that is still being made."""

    kind = "commit-open"

    def __init__(self, ref: str) -> None:
        """Names the branch that the commit goes to."""
        super().__init__(
            f"The commit to {ref} is not finished, so it has no id yet.",
            hint="Leave the `with` block first; the commit is finished at its end.",
        )
        self.ref = ref


class CommitEnded(Conflict):
    """A commit was to be finished, or written to, that has ended already."""

    kind = "commit-ended"

    def __init__(self, commit: str, *, state: str) -> None:
        """Names the commit, or the branch it was for, and how it ended."""
        super().__init__(
            f"The commit {commit} has ended ({state}); nothing can be added to it.",
            hint="Start a new commit.",
        )
        self.commit, self.state = commit, state


class CommitChanged(Conflict):
    """Somebody else changed an open commit while a call to it was under way."""

    kind = "commit-changed"

    def __init__(self, commit: str) -> None:
        """Names the commit."""
        super().__init__(
            f"The open commit {commit} was changed by somebody else meanwhile; nothing was done.",
            hint="Try again: it is then added to what is there by then.",
        )
        self.commit = commit


class InvalidMetadata(InvalidInput):
    """Metadata of a commit that is not text under text."""

    kind = "invalid-metadata"

    def __init__(self, key: object, value: object) -> None:
        """Names the key and the value."""
        super().__init__(
            f"The metadata {key!r}: {value!r} is not text under text.",
            hint="Write numbers as text; keep larger things in files.",
        )


class EmptyCommit(InvalidInput):
    """The first commit of a branch would hold nothing."""

    kind = "empty-commit"

    def __init__(self, branch: str) -> None:
        """Names the branch."""
        super().__init__(
            f"Branch {branch!r} has no commit yet, and this one holds no files.",
            hint="Put a file into it, or allow an empty commit with allow_empty=True.",
        )
        self.branch = branch


class BranchOwned(Refused):
    """A branch that a pipeline writes is not written by hand."""

    kind = "branch-owned"

    def __init__(self, branch: str, *, owner: str, hint: str) -> None:
        """Names the branch and who writes it."""
        super().__init__(f"Only {owner} writes {branch!r}.", hint=hint)
        self.branch, self.owner = branch, owner
