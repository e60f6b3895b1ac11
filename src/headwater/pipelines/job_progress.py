"""Tells somebody who watches a bar how far jobs have come: datums that have run, of those that run."""

from collections.abc import Sequence

from headwater.api.documents import JobInfo, SetInfo
from headwater.pipelines.job_documents import ENDED, is_paused
from headwater.telemetry import Progress

_SHOWN = 3


class JobProgress:
    """Turns what is seen of jobs, again and again, into the steps of a bar."""

    def __init__(self, progress: Progress) -> None:
        """Begins nothing yet: what there is to do is known when it is first seen."""
        self._progress = progress
        self._total: int | None = None
        self._done, self._what = 0, ""

    def show(self, shown: JobInfo | SetInfo) -> None:
        """Moves the bar to where the jobs are."""
        jobs = shown.jobs if isinstance(shown, SetInfo) else [shown]
        what = _some(list(dict.fromkeys(job.pipeline for job in jobs))) or "Nothing to do"
        to_run = None if shown.state in ENDED else shown.to_run
        if what != self._what:
            self._begin(what, to_run)
        elif to_run is not None and to_run != self._total:
            self._total = to_run
            self._progress.expect(to_run)
        counts = shown.datums
        done = counts.run + counts.recovered + counts.failed
        more = [
            f"{count} {name}" for name, count in (("kept", counts.kept), ("failed", counts.failed)) if count
        ]
        self._progress.advance(max(0, done - self._done), "; ".join([_states(jobs), *more]))
        self._done = max(done, self._done)

    def finish(self) -> None:
        """Takes the bar away."""
        if self._what:
            self._progress.finish()

    def _begin(self, what: str, total: int | None) -> None:
        self.finish()
        self._progress.start(what, total)
        self._what, self._total, self._done = what, total, 0


def _states(jobs: Sequence[JobInfo]) -> str:
    """Says what is going on: what the jobs do that are at work, else what they wait for, else how they ended."""
    at_work = [job for job in jobs if job.state in ("starting", "running", "finishing")]
    waiting = [job for job in jobs if job.state not in ENDED]
    held = sorted({name for job in waiting for name in job.held_by})
    told = [f"{job.pipeline} {job.state}{_why(job)}" for job in at_work or waiting or jobs]
    return "; ".join([_some(told), *([is_paused(held)] if held else [])])


def _why(job: JobInfo) -> str:
    """Says what a job that has not ended yet is kept up by, such as a place that its output cannot be copied to."""
    return f" ({job.error.splitlines()[0]})" if job.error and job.state not in ENDED else ""


def _some(texts: Sequence[str]) -> str:
    more = len(texts) - _SHOWN
    return ", ".join(texts[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
