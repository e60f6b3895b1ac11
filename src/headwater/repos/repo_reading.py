"""One repo, as far as it is only looked at: its commits, history, differences, branches and tags."""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from headwater.api.documents import BranchInfo, CommitInfo, DiffRow, Listing, RepoInfo, RepoKind
from headwater.api.html import MOST_ROWS, fields_html, size_text, table_html
from headwater.clock import rfc3339
from headwater.errors import InvalidInput
from headwater.ids import CommitId, SetId
from headwater.repos import lookup
from headwater.repos.committing.drafts import OpenCommit
from headwater.repos.errors import CommitNotFound
from headwater.repos.parts import Parts
from headwater.repos.reading.path_log import changing
from headwater.repos.reading.view import View
from headwater.repos.rows import commit_store, draft_store, store
from headwater.repos.values import Commit
from headwater.storage import normalize_folder

_NEWEST, _SHOWN = 5, 12


class RepoReading:
    """What a repo tells; `Repo` adds what it takes."""

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

    def at(self, what: str = "main") -> View:
        """Opens the files of a commit; of one that is open, those that it would have if it were finished now.

        Raises:
            AmbiguousRef: Several commit ids begin so.
            CommitUnfinished: The commit has no files to show.
            RefNotFound: Nothing in the repo has this name.
        """
        commit = self.resolve(what)
        if commit.state == "open":
            return OpenCommit(self._parts, commit).view()
        return View(self._parts.storage, commit)

    def resolve(self, what: str = "main") -> Commit:
        """Returns the commit that a branch, tag, id or its beginning means, with `^` for those before.

        Raises:
            AmbiguousRef: Several commit ids begin so.
            RefNotFound: Nothing in the repo has this name.
        """
        with self._parts.catalog.read() as conn:
            return lookup.commit_by_id(conn, lookup.commit_id(conn, self._row, what))

    def log(
        self, what: str = "main", *, path: str | None = None, limit: int = 50, after: str | None = None
    ) -> Listing[CommitInfo]:
        """Returns a page of history, newest first, along the line of parents.

        A page of the commits that changed a path may be short, or empty, though there is a `next`: how many
        commits one page looks at is bounded.

        Args:
            what: Where to begin; a branch without commits has an empty history.
            path: Only commits that changed this file, or something in this folder.
            limit: How many commits at most, at least 1.
            after: The `next` of the page before; `what` then does not matter.

        Raises:
            CommitNotFound: `after` is not one that a page gave.
            InvalidInput: `limit` is less than 1.
            InvalidPath: Nothing can have this path.
            RefNotFound: Nothing in the repo has this name.
        """
        if limit < 1:
            raise InvalidInput(f"A page of {limit} commits holds nothing.", hint="Ask for at least 1.")
        inside = None if path is None else normalize_folder(path)
        with self._parts.catalog.read() as conn:
            start = self._begin_of_log(conn, what, after)
            if inside is None:
                found = [] if start is None else commit_store.ancestors(conn, start, limit + 1)
                following = found[limit - 1].id if len(found) > limit else None
                return Listing([commit.info() for commit in found[:limit]], following)
        changed, decided = changing(self._parts.storage, self._line, start, inside, limit=limit)
        return Listing([commit.info() for commit in changed], decided)

    def diff(self, old: str, new: str, path: str = "/") -> Iterator[DiffRow]:
        """Yields the paths that differ between two commits, in order; equal folders cost nothing.

        Raises:
            CommitUnfinished: One of them has no files to compare.
            InvalidPath: Nothing can have this path.
            PathNotFound: There is nothing at it in either commit.
            RefNotFound: Nothing in the repo has one of the names.
        """
        return self.at(old).diff(self.at(new), path)

    def open_commits(self) -> list[CommitInfo]:
        """Returns the commits that are open, newest first."""
        with self._parts.catalog.read() as conn:
            return [commit.info() for commit in draft_store.open_commits(conn, self.id)]

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

    def __repr__(self) -> str:
        """Names it, in a terminal."""
        return f"Repo({self.name!r})"

    def _repr_html_(self) -> str:
        with self._parts.catalog.read() as conn:
            rows = store.branches_of(conn, self.id, limit=MOST_ROWS + 1)
            main = store.branch_by_name(conn, self.id, "main")
            head = None if main is None else main.head
            commits = [] if head is None else commit_store.ancestors(conn, head, _NEWEST + 1)
        names = ((row.name, (row.head or "-")[:_SHOWN], rfc3339(row.moved_ms)) for row in rows)
        told = (
            (one.id[:_SHOWN], rfc3339(one.created_ms), one.files, size_text(one.size), one.message)
            for one in commits[:_NEWEST]
        )
        older = "… and older ones: .log()" if len(commits) > _NEWEST else ""
        headings = ("commit of main", "created", "files", "size", "message")
        log = table_html(headings, told, more=older) if commits else ""
        return fields_html(
            f"Repo {self.name} ({self.kind})", {}, table_html(("branch", "commit", "moved"), names), log
        )

    # --- within ---

    def _begin_of_log(self, conn: Connection, what: str, after: str | None) -> CommitId | None:
        if after is not None:
            last = lookup.commit_by_id(conn, after)
            if last.repo != self.name:
                raise CommitNotFound(after)
            return last.parent
        branch = store.branch_by_name(conn, self.id, what)
        return branch.head if branch is not None else lookup.commit_id(conn, self._row, what)

    def _line(self, start: CommitId, limit: int) -> list[Commit]:
        with self._parts.catalog.read() as conn:
            return commit_store.ancestors(conn, start, limit)

    def _finished(self, conn: Connection, what: str) -> Commit:
        commit = lookup.commit_by_id(conn, lookup.commit_id(conn, self._row, what))
        lookup.check_readable(commit)
        return commit

    def _branch_info(self, row: store.BranchRow, started: SetId | None = None) -> BranchInfo:
        return BranchInfo(row.name, self.name, row.head, rfc3339(row.moved_ms), set=started)

    def _tag_info(self, row: store.TagRow) -> BranchInfo:
        return BranchInfo(row.name, self.name, row.commit_id, rfc3339(row.created_ms))


def repo_info(row: store.RepoRow, branches: Sequence[tuple[str, int, int]]) -> RepoInfo:
    """Returns the document of a repo, given its branches with files and bytes of their heads."""
    files, size = next(((files, size) for name, files, size in branches if name == "main"), (0, 0))
    names = [name for name, _, _ in branches]
    return RepoInfo(row.name, row.kind, rfc3339(row.created_ms), names, size, files)
