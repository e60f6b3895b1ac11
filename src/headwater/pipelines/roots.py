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
from headwater.pipelines.dag import crons_of
from headwater.pipelines.spec import read_spec
from headwater.repos import Commit, Descent
from headwater.storage import NamedRoot, Pointer


class PipelineRoots:
    """The memos and the stored code of all pipelines: a `RootSource` of the sweep.

    What running jobs have accepted lies in segments that are reserved for
    them, which no sweep touches before their leases run out; while a job
    lives they are extended.
    """

    def roots(self, conn: Connection) -> Iterator[Pointer]:
        """Yields the root of every memo tree, and of the code of every version."""
        return (root.place for root in self.named_roots(conn))

    def named_roots(self, conn: Connection) -> Iterator[NamedRoot]:
        """Yields the same, each with the name of its pipeline."""
        for name, root in history_store.memo_roots(conn):
            yield NamedRoot(Pointer.decode(root), f"pipeline {name}", "memo")
        for name, version, root in history_store.code_roots(conn):
            yield NamedRoot(Pointer.decode(root), f"pipeline {name}", f"code of version {version}")


class PipelineBonds:
    """Answers for pipelines when repos ask who uses them: a `RepoUser`, a `PinSource` and a `BranchOwner`."""

    def uses(self, conn: Connection, repo: str, branch: str | None = None) -> Sequence[str]:
        """Tells which pipelines read or write a repo, or one branch of it."""
        read = [f"pipeline {name!r} reads it" for name in history_store.readers(conn, repo, branch)]
        read += [f"pipeline {name!r} writes it" for name in history_store.writers(conn, repo, branch)]
        if branch is not None:
            read += [f"branch {name!r} follows it" for name, _ in history_store.followed(conn, repo, branch)]
        return read

    def owner(self, conn: Connection, repo: str, branch: str) -> tuple[str, str] | None:
        """Tells which pipeline writes a branch: as its output, or by a clock that ticks there."""
        found = history_store.owners_of(conn, repo, branch)
        name = next((name for name, spec in found if spec is None or _ticks(spec, repo)), None)
        if name is None:
            return None
        hint = (
            f"Commit to what it reads (`headwater pipeline show {name}`), or to another branch. "
            f"`headwater pipeline delete {name} --keep-repo` leaves the repo to you."
        )
        return f"the pipeline {name!r}", hint

    def gone(self, conn: Connection, repo: str, branch: str | None = None) -> None:
        """Lets branches that are deleted follow no others any more."""
        history_store.drop_triggers(conn, repo, branch)

    def forget(self, conn: Connection, commits: Sequence[Commit]) -> None:
        """Forgets the memos of pipelines whose output is given up."""
        repos = sorted({commit.repo for commit in commits})
        history_store.drop_memos(conn, [commit.id for commit in commits], repos)

    def pinned(
        self,
        conn: Connection,
        repos: Descent,  # noqa: ARG002 - what the protocol hands in
        commits: Sequence[CommitId],
    ) -> Mapping[CommitId, str]:
        """Tells which commits an input names, a job reads that has not ended, or the next job or egress starts from."""
        sent = history_store.copied_out(conn, commits)
        found = history_store.read_by_jobs(conn, commits)
        started = history_store.planned_from(conn, commits)
        named = history_store.named_by_specs(conn, commits)
        return {
            **{commit: f"an input of pipeline {name!r} names it" for commit, name in named.items()},
            **{
                commit: f"the next job of pipeline {name!r} starts from it"
                for commit, name in started.items()
            },
            **{
                commit: f"the egress of pipeline {name!r} copied it out last" for commit, name in sent.items()
            },
            **{commit: f"a job of pipeline {name!r} reads it" for commit, name in found.items()},
        }


def _ticks(spec: bytes, repo: str) -> bool:
    """Tells whether a clock of a pipeline ticks into a repo; most specs have no clock, and are not read for it."""
    return b"cron" in spec and any(cron.repo == repo for _, cron in crons_of(read_spec(spec)))
