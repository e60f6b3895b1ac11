"""Turns commits into jobs: the hook that `repos` calls inside its transaction.

A commit and all that it causes, through however many pipelines, are one
transaction and one commit set, so a crash leaves both or neither. What waits
in the queue is "advance this pipeline", one task per pipeline: jobs of one
pipeline run one after the other.
"""

from collections.abc import Collection, Mapping, Sequence

import msgspec
from sqlalchemy import Connection

from headwater.clock import Clock
from headwater.execution import Queue, Task
from headwater.ids import CommitId, JobId, SetId
from headwater.pipelines import store as rows
from headwater.pipelines.dag import store
from headwater.pipelines.dag.ending import Ending, How
from headwater.pipelines.dag.following import follow
from headwater.pipelines.dag.graph import below, long_key, nodes_of
from headwater.pipelines.dag.store import Place
from headwater.pipelines.dag.wave import Wave, Wish
from headwater.repos import Commit, Repos

TASK_KIND = "pipeline"
SPREAD = "pipelines-spread"
# How many jobs one transaction inserts; a task goes on with the rest.
MOST_AT_ONCE = 1_000
# A process that runs for ever may be begun for ever, and what nobody else would do again is tried until it is done.
FOR_EVER = 1_000_000


class _Spread(msgspec.Struct, frozen=True):
    """What the task that goes on with a wide set knows of it."""

    set_id: str
    commits: tuple[tuple[str, str, str], ...]


class Trigger:
    """Inserts the jobs that commits and requests cause, and passes on how they end."""

    def __init__(self, queue: Queue, clock: Clock, *, most_at_once: int = MOST_AT_ONCE) -> None:
        """Keeps what a job needs besides the repos, which come with each call."""
        self._queue, self._clock, self._most = queue, clock, most_at_once
        self._ending = Ending(clock, self.wake)

    @property
    def queue(self) -> Queue:
        """Where tasks go."""
        return self._queue

    # --- a hook of repos ---

    def reads(self, conn: Connection, places: Collection[Place]) -> Collection[Place]:
        """Names the inputs of all pipelines below these branches, and the branches that follow some of them.

        Two commits that lead to one job share an input of it, so that one of
        their transactions waits there for the other before it reads any head.
        """
        found = below(conn, places, along=True)
        read = {leaf.place for node in found.nodes for leaf in node.leaves if leaf.pinned is None}
        read |= {place for follow in found.follows for place in follow}
        return read | set(places) if found.services else read

    def committed(self, conn: Connection, repos: Repos, commits: Sequence[Commit]) -> None:
        """Inserts the jobs of all pipelines below the committed branches."""
        there = {(commit.repo, commit.branch): commit.id for commit in commits}
        self.spread(conn, repos, commits[0].set_id, there | follow(conn, repos, there))

    def spread(self, conn: Connection, repos: Repos, set_id: SetId, there: Mapping[Place, CommitId]) -> None:
        """Inserts the jobs of all pipelines below branches that have just come to these commits."""
        self._spread(conn, repos, set_id, there)

    # --- for requests, coordinators and whoever ends a job ---

    def start(
        self,
        conn: Connection,
        repos: Repos,
        pipeline: rows.PipelineRow,
        wish: Wish,
        *,
        set_id: SetId,
    ) -> JobId | None:
        """Inserts one job at its inputs' newest commits that agree, and those of the pipelines below it.

        Args:
            conn: The caller's transaction.
            repos: Where the commits are.
            pipeline: What is to run, though it may be paused.
            wish: Why, and what is asked of it.
            set_id: The set that all belong to.

        Returns:
            The job; none while an input has no commit yet, or while no commits of them agree.
        """
        wave = Wave(conn, repos, self._clock, set_id, is_asked=True)
        [node] = nodes_of(conn, [pipeline])
        own = {leaf.place for leaf in node.leaves if leaf.pinned is None}
        repos.hold(conn, own | set(self.reads(conn, [wish.writes or node.writes])))
        job = wave.add(node, wish)
        if job is None:
            return None
        place = wish.writes or node.writes
        whole = wave.spread(below(conn, [place], without={pipeline.id}).nodes, most=self._most)
        self._lay(conn, repos, wave, priority=wish.priority)
        if not whole:
            self._go_on_later(conn, set_id, {})
        return job

    def ended(self, conn: Connection, repos: Repos, job: rows.JobRow, how: How) -> None:
        """Passes on the end of a job, after its row and its commit were ended in the same transaction."""
        self._ending.ended(conn, repos, job, how)

    def cover(
        self, conn: Connection, repos: Repos, covered: Sequence[store.Dependent], by: rows.JobRow
    ) -> None:
        """Ends queued jobs as taken together with a newer one, with what lies behind them."""
        self._ending.cover(conn, repos, covered, by)

    def pass_over(self, conn: Connection, repos: Repos, job: rows.JobRow) -> None:
        """Ends a queued job whose inputs do not agree, and lets those behind it read what was there before."""
        self._ending.pass_over(conn, repos, job)

    def would_read(self, conn: Connection, repos: Repos, pipeline: rows.PipelineRow) -> dict[int, str]:
        """Returns the commits that a job started now would read, by the places of the inputs in the spec."""
        [node] = nodes_of(conn, [pipeline])
        wave = Wave(conn, repos, self._clock, SetId(""), is_asked=True)
        return dict(wave.would_read(node, Wish("request")) or {})

    def wake_long(self, conn: Connection, pipeline: rows.PipelineRow) -> None:
        """Sees to it that a spout or service runs as it should by now."""
        task = Task(pipeline.kind, str(pipeline.id).encode())
        self._queue.enqueue(conn, task, key=long_key(pipeline.kind, pipeline.id), attempts=FOR_EVER)

    def wake(self, conn: Connection, pipeline_id: int, *, priority: int = 0) -> None:
        """Puts "advance this pipeline" into the queue, unless it waits there already."""
        advance(self._queue, conn, pipeline_id, priority=priority)

    def go_on(self, conn: Connection, repos: Repos, payload: bytes) -> None:
        """Inserts more of a set that was too wide for one transaction."""
        told = msgspec.json.decode(payload, type=_Spread)
        there = {(repo, branch): CommitId(commit) for repo, branch, commit in told.commits}
        self._spread(conn, repos, SetId(told.set_id), there, again=True)

    # --- within ---

    def _spread(
        self,
        conn: Connection,
        repos: Repos,
        set_id: SetId,
        there: Mapping[Place, CommitId],
        *,
        again: bool = False,
    ) -> None:
        first = store.following(conn, there)
        if not (first or again):
            return
        made = store.jobs_of(conn, set_id)
        has_job = {*made, *(store.pipelines_at(conn, list(there.values())) if made else ())}
        # What has ended otherwise since then starts nothing more.
        going = [one for one in made.values() if again and (one.is_promise or one.made)]
        places = [*there, *(one.place for one in going)]
        found = below(conn, places, without=has_job, first=None if again else first)
        for service in found.services:
            self._wake_service(conn, service, there)
        if not found.nodes:
            return
        wave = Wave(conn, repos, self._clock, set_id)
        for one in going:
            (wave.touch if one.made else wave.promise)(one.place, one.commit_id)
        by_jobs = {one.commit_id for one in made.values()}
        for place, commit in there.items():
            wave.touch(place, commit, is_source=commit not in by_jobs)
        whole = wave.spread(found.nodes, most=self._most)
        self._lay(conn, repos, wave)
        if not whole:
            self._go_on_later(conn, set_id, there)

    def _lay(self, conn: Connection, repos: Repos, wave: Wave, *, priority: int = 0) -> None:
        laid = wave.lay()
        for job, missed in laid.blocked:
            self._ending.block(conn, repos, job, missed)
        for pipeline_id in laid.ready:
            self.wake(conn, pipeline_id, priority=priority)

    def _go_on_later(self, conn: Connection, set_id: SetId, there: Mapping[Place, CommitId]) -> None:
        commits = tuple((*place, commit) for place, commit in there.items())
        payload = msgspec.json.encode(_Spread(set_id, commits))
        self._queue.enqueue(conn, Task(SPREAD, payload), key=spread_key(set_id), attempts=FOR_EVER)

    def _wake_service(
        self, conn: Connection, service: rows.PipelineRow, there: Mapping[Place, CommitId]
    ) -> None:
        [node] = nodes_of(conn, [service])
        if node.is_started_by(there):
            self.wake_long(conn, service)


def advance(queue: Queue, conn: Connection, pipeline_id: int, *, priority: int = 0) -> None:
    """Puts "advance this pipeline" into the queue, unless it waits there already."""
    task = Task(kind=TASK_KIND, payload=str(pipeline_id).encode())
    queue.enqueue(conn, task, key=f"pipeline:{pipeline_id}", priority=priority)


def spread_key(set_id: str) -> str:
    """Returns the key of the task that goes on with a set that was too wide for one transaction."""
    return f"spread:{set_id}"
