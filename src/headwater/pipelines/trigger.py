"""Turns commits into jobs: the hook that `repos` calls inside its transaction.

A commit and the jobs that it causes are one transaction and one commit set,
so a crash leaves both or neither. What waits in the queue is "advance this
pipeline", one task per pipeline: jobs of one pipeline run one after the other,
and those that came together are taken together.
"""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection

from headwater.clock import Clock
from headwater.db import Counters
from headwater.execution import Queue, Task
from headwater.ids import CommitId, JobId, SetId
from headwater.pipelines import store
from headwater.pipelines.spec import FilesInput
from headwater.repos import Commit, Repos

TASK_KIND = "pipeline"


class Trigger:
    """Inserts the jobs that commits and requests cause."""

    def __init__(self, queue: Queue, clock: Clock) -> None:
        """Keeps what a job needs besides the repos, which come with each call."""
        self._queue, self._clock = queue, clock

    def reads(self, conn: Connection, places: Collection[tuple[str, str]]) -> Collection[tuple[str, str]]:
        """Names the inputs of the pipelines that follow one of these branches: their jobs read all of them."""
        return store.read_with(conn, places)

    def committed(self, conn: Connection, repos: Repos, commits: Sequence[Commit]) -> None:
        """Inserts a job for each pipeline that follows one of the committed branches."""
        waiting: dict[int, Commit] = {}
        for commit in commits:
            for pipeline_id in store.followers(conn, commit.repo, commit.branch):
                waiting.setdefault(pipeline_id, commit)
        for pipeline_id, commit in sorted(waiting.items()):
            pipeline = store.pipeline_by_id(conn, pipeline_id)
            if pipeline is not None:
                self.start(conn, repos, pipeline, set_id=commit.set_id, cause="commit")

    def start(
        self,
        conn: Connection,
        repos: Repos,
        pipeline: store.PipelineRow,
        *,
        set_id: SetId,
        cause: str,
        priority: int = 0,
    ) -> JobId | None:
        """Inserts one job at the inputs' present heads; none while an input has no commit yet."""
        spec = store.spec_of(conn, pipeline.id, pipeline.version)
        heads: dict[FilesInput, CommitId] = {}
        for item in spec.inputs():
            head = CommitId(item.commit) if item.commit else repos.head(conn, item.repo, item.branch)
            if head is None:
                return None
            heads[item] = head
        return self._insert(conn, repos, pipeline, heads, set_id=set_id, cause=cause, priority=priority)

    def _insert(
        self,
        conn: Connection,
        repos: Repos,
        pipeline: store.PipelineRow,
        heads: Mapping[FilesInput, CommitId],
        *,
        set_id: SetId,
        cause: str,
        priority: int,
    ) -> JobId:
        output = repos.reserve(conn, pipeline.output_repo, pipeline.output_branch, set_id=set_id)
        job = store.add_job(
            conn,
            pipeline,
            number=Counters.next(conn, "jobs"),
            set_id=set_id,
            commit_id=output,
            cause=cause,
            inputs=heads,
            now_ms=self._clock.now_ms(),
        )
        self.wake(conn, pipeline.id, priority=priority)
        return job

    def wake(self, conn: Connection, pipeline_id: int, *, priority: int = 0) -> None:
        """Puts "advance this pipeline" into the queue, unless it waits there already."""
        advance(self._queue, conn, pipeline_id, priority=priority)


def advance(queue: Queue, conn: Connection, pipeline_id: int, *, priority: int = 0) -> None:
    """Puts "advance this pipeline" into the queue, unless it waits there already."""
    task = Task(kind=TASK_KIND, payload=str(pipeline_id).encode())
    queue.enqueue(conn, task, key=f"pipeline:{pipeline_id}", priority=priority)
