"""The jobs of one commit set, on their way into the transaction of the commit that causes them.

All of them are there from the start, each with the commit that it will make,
so that what reads two of them further down knows which two belong together.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from headwater.clock import Clock
from headwater.db import Counters
from headwater.ids import CommitId, JobId, SetId, random_id
from headwater.pipelines.dag import store
from headwater.pipelines.dag.choosing import Choosing, Latest
from headwater.pipelines.dag.graph import Node
from headwater.pipelines.dag.store import Attempt, Leaf, Place
from headwater.repos import Repos


class Wish(NamedTuple):
    """What is asked of one job beyond what its pipeline says: who caused it, which commits it reads, where it writes."""

    cause: str
    priority: int = 0
    forced: bool = False
    at: Mapping[int, CommitId] = {}
    writes: Place | None = None


class Laid(NamedTuple):
    """What a wave has laid down: the jobs that may begin, by pipeline, and those that cannot, with what they miss."""

    ready: list[int]
    blocked: list[tuple[JobId, Attempt]]


class Wave:
    """Jobs of one set that are about to be inserted."""

    def __init__(
        self, conn: Connection, repos: Repos, clock: Clock, set_id: SetId, *, is_asked: bool = False
    ) -> None:
        """Begins with none; those that somebody asks for are made although what they read has failed meanwhile."""
        self._is_asked = is_asked
        self._conn, self._repos, self._clock, self._set = conn, repos, clock, set_id
        self._choosing = Choosing(conn, repos)
        self._touched: set[Place] = set()
        self._jobs: list[dict[str, Any]] = []
        self._inputs: list[dict[str, Any]] = []
        self._blocked: list[tuple[JobId, Attempt]] = []

    def touch(self, place: Place, commit: CommitId, *, is_source: bool = False) -> None:
        """Notes a commit of the set that is there, and whether no pipeline writes the branch."""
        self._choosing.touch(place, commit, is_source=is_source)
        self._touched.add(place)

    def promise(self, place: Place, commit: CommitId) -> None:
        """Notes a commit of the set that an earlier transaction has promised."""
        self._choosing.promise(place, commit)
        self._touched.add(place)

    def spread(self, nodes: Sequence[Node], *, most: int, cause: str = "commit") -> bool:
        """Adds a job for each pipeline that the set's commits start, in their order; false where some are left."""
        wish = Wish(cause)
        for node in nodes:
            if not node.is_started_by(self._touched):
                continue
            if len(self._jobs) >= most:
                return False
            self.add(node, wish)
        return True

    def add(self, node: Node, wish: Wish) -> JobId | None:
        """Adds a job; none while one of its inputs has no commit, or while what they are at does not agree."""
        pipeline = node.pipeline
        reads = self._reads(node, wish)
        if reads is None:
            return None
        chosen, waits, missed = reads
        writes = wish.writes or node.writes
        commit = self._repos.reserve(self._conn, *writes, set_id=self._set)
        job = JobId(random_id())
        if missed is not None:
            self._blocked.append((job, missed))
        self._jobs.append(
            {
                "id": job,
                "pipeline_id": pipeline.id,
                "version": pipeline.version,
                "set_id": self._set,
                "commit_id": commit,
                "state": "queued",
                "cause": wish.cause,
                "created_ms": self._clock.now_ms(),
                "memory": b"{}",
                "forced": wish.forced,
                "repo": writes[0],
                "branch": writes[1],
                "waits": waits,
            }
        )
        self._inputs += [_input(job, leaf, chosen[leaf.leaf]) for leaf in node.leaves]
        counting = (
            [] if wish.writes else [leaf for leaf in node.leaves if leaf.pinned is None and leaf.follow]
        )
        self._choosing.promise(writes, commit, [(leaf.place, chosen[leaf.leaf]) for leaf in counting])
        self._touched.add(writes)
        return job

    def lay(self) -> Laid:
        """Inserts the jobs."""
        if not self._jobs:
            return Laid([], [])
        first = Counters.next(self._conn, "jobs", len(self._jobs))
        rows = [{**job, "number": first + at} for at, job in enumerate(self._jobs)]
        store.add_jobs(self._conn, rows, self._inputs)
        ready = sorted({job["pipeline_id"] for job in rows if job["waits"] == 0})
        return Laid(ready, self._blocked)

    @property
    def pipelines(self) -> Collection[int]:
        """The pipelines that have got a job."""
        return {job["pipeline_id"] for job in self._jobs}

    def would_read(self, node: Node, wish: Wish) -> dict[int, CommitId] | None:
        """Returns the commits that a job would read, by the places of the inputs in the spec; none where none may be."""
        reads = self._reads(node, wish)
        return None if reads is None else reads.chosen

    def _reads(self, node: Node, wish: Wish) -> "_Reads | None":
        chosen = {
            leaf.leaf: CommitId(given)
            for leaf in node.leaves
            if (given := wish.at.get(leaf.leaf) or leaf.pinned) is not None
        }
        free = [leaf for leaf in node.leaves if leaf.leaf not in chosen]
        latest = {leaf.place: self._choosing.latest(leaf.place) for leaf in free}
        heads = {place: one.commit for place, one in latest.items() if one.commit is not None}
        if len(heads) < len(latest):
            return None
        failed = next((one.failed for one in latest.values() if one.failed is not None), None)
        agreed = self._agreed(heads, goes_back=self._is_asked or failed is None)
        missed = failed if agreed is None else None
        if agreed is None:
            if missed is None:
                return None
            agreed = heads
        chosen |= {leaf.leaf: agreed[leaf.place] for leaf in free}
        waits = sum(_is_awaited(latest[leaf.place], agreed[leaf.place]) for leaf in free)
        return _Reads(chosen, waits, missed)

    def _agreed(self, heads: dict[Place, CommitId], *, goes_back: bool) -> dict[Place, CommitId] | None:
        if self._choosing.is_consistent(heads.items()):
            return heads
        return self._choosing.newest_agreeing(heads, fixed=self._touched) if goes_back else None


class _Reads(NamedTuple):
    """Which commits a job reads, for how many it has to wait, and which failed attempt keeps it from running."""

    chosen: dict[int, CommitId]
    waits: int
    missed: Attempt | None


def _is_awaited(latest: Latest, commit: CommitId) -> bool:
    return latest.is_promised and latest.commit == commit


def _input(job: JobId, leaf: Leaf, commit: CommitId) -> dict[str, Any]:
    repo, branch = leaf.place
    return {
        "job_id": job,
        "leaf": leaf.leaf,
        "name": leaf.name,
        "repo": repo,
        "branch": branch,
        "commit_id": commit,
    }
