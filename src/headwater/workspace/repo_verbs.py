"""What a workspace does with repos, their files and their history."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from headwater.api.documents import BranchInfo, CommitInfo, Listing, RepoInfo, WhyStep
from headwater.errors import Error, InvalidInput
from headwater.repos import Ref, Repo, View, parse_ref
from headwater.telemetry import Progress, Silent
from headwater.workspace.parts import Parts

_SILENT = Silent()


class RepoVerbs:
    """Repos and files; each verb is one call into the floor that does it."""

    _parts: Parts

    def repo(self, name: str, *, create: bool = False) -> Repo:
        """Returns a repo; with `create`, a new one.

        Raises:
            RepoNotFound: There is none, and none is to be made.
        """
        repos = self._parts.repos
        return repos.create(name) if create and not repos.exists(name) else repos.get(name)

    def create_repo(self, name: str) -> Repo:
        """Makes a repo.

        Raises:
            RepoExists: There is one of this name.
        """
        return self._parts.repos.create(name)

    def repos(self) -> Iterator[RepoInfo]:
        """Yields all repos by name."""
        return self._parts.repos.list()

    def put(
        self,
        target: str,
        sources: Sequence[str],
        *,
        message: str = "",
        metadata: Mapping[str, str] | None = None,
        append: bool = False,
        progress: Progress = _SILENT,
    ) -> CommitInfo:
        """Commits files, folders, stdin or URLs to `REPO@BRANCH[:/PATH]`, or adds them to an open commit.

        What an interrupted run of the same put has stored is not stored again.
        """
        from headwater.workspace.transfer import Uploads, plan_put, put_planned

        ref = parse_ref(target)
        repo = self._parts.repos.get(ref.repo)
        plan = plan_put(sources, ref.path)
        uploads = Uploads(self._parts.folder / "uploads")
        with (
            uploads.journal(
                [target, str(append), *(str(Path(one).absolute()) for one in sources)], plan
            ) as journal,
            repo.changes(ref.what, message=message, metadata=metadata) as changes,
        ):
            put_planned(changes, plan, None if append else journal, append=append, progress=progress)
        return changes.commit.info()

    def get(self, ref: str, to: Path, *, progress: Progress = _SILENT) -> str:
        """Copies a file or folder of a commit to a place of this machine that does not exist yet.

        An interrupted copy goes on when the same one is asked for again.
        """
        from headwater.workspace.transfer import copy_out

        view, path = self._view(ref)
        return str(copy_out(self._parts.storage, view, path or "/", to, progress))

    def log(
        self, ref: str, *, path: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> Listing[CommitInfo]:
        """Returns a page of commits, newest first; with a path, of those that changed it."""
        parsed = parse_ref(ref)
        repo = self._parts.repos.get(parsed.repo)
        return repo.log(parsed.what, path=path or parsed.path, limit=limit, after=cursor)

    def create_branch(
        self, ref: str, *, at: str | None = None, trigger: Mapping[str, Any] | None = None
    ) -> BranchInfo:
        """Makes a branch, at a commit of the same repo or empty.

        Args:
            ref: `REPO@BRANCH`.
            at: The commit that it starts at.
            trigger: Lets it follow another branch: `branch`, and any of `commits`, `size` and `cron`; with
                `all` true, when all of these hold.

        Raises:
            InvalidSpec: The trigger has mistakes; all are named.
        """
        parsed = parse_ref(ref)
        start = _within(parsed.repo, at)
        if trigger is None:
            return self._parts.repos.get(parsed.repo).create_branch(parsed.what, start)
        return self._follow(parsed, start, trigger)

    def branches(self, repo: str) -> list[BranchInfo]:
        """Returns the branches of a repo by name, each with what lets it follow another one."""
        followed = self._parts.triggers.get(repo)
        return [
            msgspec.structs.replace(one, trigger=msgspec.to_builtins(followed[one.name]))
            if one.name in followed
            else one
            for one in self._parts.repos.get(repo).branches()
        ]

    def create_tag(self, ref: str, *, at: str) -> BranchInfo:
        """Makes a tag at a commit of the same repo."""
        parsed = parse_ref(ref)
        what = _within(parsed.repo, at)
        assert what is not None, "a tag always names a commit"
        return self._parts.repos.get(parsed.repo).create_tag(parsed.what, what)

    def why(self, ref: str) -> list[WhyStep]:
        """Returns the way from a commit, file, version or prediction back to what made it."""
        from headwater.workspace.why import explain

        return explain(self._parts, ref)

    def _follow(self, ref: Ref, start: str | None, trigger: Mapping[str, Any]) -> BranchInfo:
        """Makes a branch that follows another one; where it cannot, there is none."""
        from headwater.pipelines.spec import read_trigger

        read = read_trigger(trigger, ref.what)
        repo = self._parts.repos.get(ref.repo)
        if start is not None:
            repo.create_branch(ref.what, start)
        try:
            self._parts.triggers.set(ref.repo, ref.what, read)
        except Error:
            if start is not None:
                repo.delete_branch(ref.what)
            raise
        return next(one for one in self.branches(ref.repo) if one.name == ref.what)

    def _view(self, ref: str) -> tuple[View, str | None]:
        parsed = parse_ref(ref)
        return self._parts.repos.get(parsed.repo).at(parsed.what), parsed.path


def _within(repo: str, ref: str | None) -> str | None:
    """Returns what a ref means within a repo; `main^` and `repo@main^` are the same there."""
    if ref is None or "@" not in ref:
        return ref
    parsed = parse_ref(ref)
    if parsed.repo != repo:
        raise InvalidInput(f"{ref!r} is a commit of another repo.", hint=f"Name one of {repo!r}.")
    return parsed.what
