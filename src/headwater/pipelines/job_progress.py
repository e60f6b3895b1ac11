"""Tells somebody who watches a bar how far jobs have come: datums that are done, of all there are."""

from collections.abc import Sequence

from headwater.api.documents import JobInfo, SetInfo
from headwater.pipelines.job_documents import ENDED
from headwater.telemetry import Progress

_SHOWN = 3


class JobProgress:
    """Turns what is seen of jobs, again and again, into the steps of a bar."""

    def __init__(self, progress: Progress) -> None:
        """Begins nothing yet: what there is to do is known when it is first seen."""
        self._progress = progress
        self._total: int | None = None
        self._done, self._has_begun = 0, False

    def show(self, shown: JobInfo | SetInfo) -> None:
        """Moves the bar to where the jobs are."""
        jobs = shown.jobs if isinstance(shown, SetInfo) else [shown]
        known = [job.total for job in jobs if job.total is not None]
        total = sum(known) if known and len(known) == len(jobs) else None
        if not self._has_begun or total != self._total:
            self._begin(jobs, total)
        counts = shown.datums
        done = counts.run + counts.kept + counts.recovered + counts.failed
        failed = f"; {counts.failed} failed" if counts.failed else ""
        self._progress.advance(max(0, done - self._done), _states(jobs) + failed)
        self._done = max(done, self._done)

    def finish(self) -> None:
        """Takes the bar away."""
        if self._has_begun:
            self._progress.finish()

    def _begin(self, jobs: Sequence[JobInfo], total: int | None) -> None:
        if self._has_begun:
            self._progress.finish()
        names = list(dict.fromkeys(job.pipeline for job in jobs))
        self._progress.start(_some(names) or "Nothing to do", total)
        self._total, self._done, self._has_begun = total, 0, True


def _states(jobs: Sequence[JobInfo]) -> str:
    """Says what is going on: what the jobs do that are at work, else what they wait for, else how they ended."""
    at_work = [job for job in jobs if job.state in ("starting", "running", "finishing")]
    waiting = [job for job in jobs if job.state not in ENDED]
    return _some([f"{job.pipeline} {job.state}" for job in at_work or waiting or jobs])


def _some(texts: Sequence[str]) -> str:
    more = len(texts) - _SHOWN
    return ", ".join(texts[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
