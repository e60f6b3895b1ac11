"""What the tests of history share: changing files, and reading them back."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from headwater.ids import CommitId
from headwater.repos import Commit, Descent, Repo


def change(repo: Repo, branch: str, files: Mapping[str, str | None]) -> CommitId:
    """Commits files; none deletes one."""
    with repo.commit(branch) as commit:
        for path, text in files.items():
            if text is None:
                commit.delete(path)
            else:
                commit.put(path, text)
    return commit.id


def files(repo: Repo, what: str) -> dict[str, str]:
    """Returns the files of a commit."""
    view = repo.at(what)
    return {file.path: view.read(file.path).decode() for file in view.walk()}


def several(repo: Repo, count: int, branch: str = "main") -> list[CommitId]:
    """Makes commits that each put a file of their own."""
    return [change(repo, branch, {f"/{branch}/{number}": str(number)}) for number in range(count)]


class Floor:
    """A floor above that uses repos, as it is told to."""

    def __init__(self) -> None:
        self.pins: dict[str, str] = {}
        self.used: dict[tuple[str, str | None], str] = {}
        self.forgotten: list[str] = []

    def pinned(
        self,
        conn: Connection,
        repos: Descent,
        commits: Sequence[CommitId],
    ) -> Mapping[CommitId, str]:
        return {commit: self.pins[commit] for commit in commits if commit in self.pins}

    def uses(self, conn: Connection, repo: str, branch: str | None = None) -> Sequence[str]:
        return [use for (name, one), use in self.used.items() if name == repo and branch in (None, one)]

    def forget(self, conn: Connection, commits: Sequence[Commit]) -> None:
        self.forgotten += [commit.id for commit in commits]
