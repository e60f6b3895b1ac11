"""What pipelines have to say when commits are given up, and what they keep themselves.

A memo is a cache, and must not keep alive what was given up: where an output
commit goes, the memo of its pipeline goes with it. That costs little: what
did not change is found in the output's own trees, and only datums that come
back as they once were are computed again.
"""

from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import Connection

from headwater.ids import CommitId
from headwater.pipelines import history_store
from headwater.repos import Commit, Descent
from headwater.storage import NamedRoot, Pointer


class PipelineRoots:
    """The memos of all pipelines: a `RootSource` of the sweep.

    What running jobs have accepted lies in segments that are reserved for
    them, which no sweep touches before their leases run out.
    """

    def roots(self, conn: Connection) -> Iterator[Pointer]:
        """Yields the root of every memo tree."""
        return (root.place for root in self.named_roots(conn))

    def named_roots(self, conn: Connection) -> Iterator[NamedRoot]:
        """Yields the same, each with the name of its pipeline."""
        for name, root in history_store.memo_roots(conn):
            yield NamedRoot(Pointer.decode(root), f"pipeline {name}", "memo")


class PipelineBonds:
    """Answers for pipelines when repos ask who uses them: a `RepoUser` and a `PinSource`."""

    def uses(self, conn: Connection, repo: str, branch: str | None = None) -> Sequence[str]:
        """Tells which pipelines read or write a repo, or one branch of it."""
        read = [f"pipeline {name!r} reads it" for name in history_store.readers(conn, repo, branch)]
        return read + [f"pipeline {name!r} writes it" for name in history_store.writers(conn, repo, branch)]

    def forget(self, conn: Connection, commits: Sequence[Commit]) -> None:
        """Forgets the memos of pipelines whose output is given up."""
        repos = sorted({commit.repo for commit in commits})
        history_store.drop_memos(conn, repos)

    def pinned(
        self,
        conn: Connection,
        repos: Descent,  # noqa: ARG002 - what the protocol hands in
        commits: Sequence[CommitId],
    ) -> Mapping[CommitId, str]:
        """Tells which of the commits a job reads that has not ended."""
        found = history_store.read_by_jobs(conn, commits)
        return {commit: f"a job of pipeline {name!r} reads it" for commit, name in found.items()}
