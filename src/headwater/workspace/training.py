"""A training request that was sent: look at it, wait for it, take its result."""

from headwater.api.documents import JobInfo, VersionInfo
from headwater.ids import CommitId
from headwater.models import REPO_PREFIX
from headwater.telemetry import Progress, Silent
from headwater.workspace.parts import Parts
from headwater.workspace.running import WorkerWatch

_SILENT = Silent()
_POLL_S = 0.05


class Training:
    """The handle of one request."""

    def __init__(self, parts: Parts, job: JobInfo, model: str) -> None:
        """Takes the job as it was accepted."""
        self._parts, self.job, self.model = parts, job, model

    @property
    def id(self) -> str:
        """The request's id."""
        return self.job.id

    def result(self, progress: Progress = _SILENT) -> VersionInfo:
        """Waits until the version is there and has gone as far as the request's `promote` lets it.

        Starts a worker when none is at work. Where nothing has changed since
        the newest version, that is the result.

        Raises:
            JobFailed: There is no version; the message says why.
        """
        ended = follow(self._parts, self.job, progress)
        made = ended.state == "succeeded" and ended.commit is not None
        return self._parts.registry.version(f"{self.model}@{ended.commit if made else 'latest'}")


def follow(parts: Parts, job: JobInfo, progress: Progress = _SILENT) -> JobInfo:
    """Waits for a job and for what it set in motion, telling how far it has come.

    Raises:
        JobFailed: The job failed or was cancelled.
    """
    workers = WorkerWatch(parts)
    progress.start(f"Training {job.pipeline}")
    shown = job
    for shown in parts.jobs.watch(job.id, meanwhile=workers.look):
        done = shown.datums.run + shown.datums.kept
        known = "" if shown.total is None else f" of {shown.total}"
        progress.advance(0, f"{shown.state}, {done}{known} datums done" if done else shown.state)
    if shown.state in ("failed", "cancelled", "blocked"):
        progress.finish()
        parts.jobs.check(shown)
    _wait_for_promotions(parts, shown, workers)
    progress.finish(shown.note or shown.state)
    return shown


def _wait_for_promotions(parts: Parts, job: JobInfo, workers: WorkerWatch) -> None:
    from headwater.training import promote_key

    number = None if job.commit is None else parts.registry.number_of(CommitId(job.commit))
    if number is None:
        return
    key = promote_key(job.pipeline.removeprefix(REPO_PREFIX), number)
    while parts.queue.is_unfinished(key):
        workers.look()
        parts.clock.sleep(_POLL_S)
