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
from headwater.pipelines.dag.choosing import Choosing, settled
from headwater.pipelines.dag.graph import Node, is_held_up
from headwater.pipelines.dag.store import Attempt, Leaf, Place
from headwater.repos import Repos

_TWO = 2  # branches that could contradict each other


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

    def __init__(self, conn: Connection, repos: Repos, clock: Clock, set_id: SetId) -> None:
        """Begins with none."""
        self._conn, self._repos, self._clock, self._set = conn, repos, clock, set_id
        self._choosing = Choosing(conn, repos)
        self._touched: set[Place] = set()
        self._jobs: list[dict[str, Any]] = []
        self._inputs: list[dict[str, Any]] = []
        self._blocked: list[tuple[JobId, Attempt]] = []
        self._is_any_paused: bool | None = None

    def touch(self, place: Place, commit: CommitId) -> None:
        """Notes a commit of the set that is there."""
        self._choosing.touch(place, commit)
        self._touched.add(place)

    def promise(self, place: Place, commit: CommitId) -> None:
        """Notes a commit of the set that an earlier transaction has promised."""
        self._choosing.promise(place, commit, store.inputs_of_commits(self._conn, [commit]))
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
        """Adds a job; none while one of its inputs has no commit, or must wait for a paused pipeline."""
        pipeline = node.pipeline
        chosen: dict[int, CommitId] = {}
        failed: dict[int, Attempt] = {}
        waits = 0
        for leaf in node.leaves:
            given = wish.at.get(leaf.leaf) or leaf.pinned
            if given is not None:
                chosen[leaf.leaf] = CommitId(given)
                continue
            latest = self._choosing.latest(leaf.place)
            if latest.commit is None:
                return None
            chosen[leaf.leaf] = latest.commit
            waits += latest.is_promised
            if latest.failed is not None:
                failed[leaf.leaf] = latest.failed
        pairs = {
            leaf.leaf: (leaf.place, chosen[leaf.leaf]) for leaf in node.leaves if self._is_free(leaf, wish)
        }
        missed = settled(self._choosing, pairs, failed)
        if wish.cause == "commit" and missed is None and self._is_held_up(pairs):
            return None
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
        self._choosing.promise(writes, commit, list(pairs.values()))
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

    def _is_held_up(self, inputs: Mapping[int, tuple[Place, CommitId]]) -> bool:
        """Tells whether a job would see two states of a source, because a pipeline above it is paused.

        It is made up for when that one goes on.
        """
        places = {place for place, _ in inputs.values()}
        if len(places) < _TWO:
            return False
        if self._is_any_paused is None:
            self._is_any_paused = store.is_any_paused(self._conn)
        if not self._is_any_paused or not is_held_up(self._conn, places):
            return False
        return not self._choosing.is_consistent(inputs.values())

    @staticmethod
    def _is_free(leaf: Leaf, wish: Wish) -> bool:
        return leaf.pinned is None and leaf.leaf not in wish.at


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
