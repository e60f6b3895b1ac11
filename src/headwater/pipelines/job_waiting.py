"""Waits for jobs: for one, or for all that a commit has caused, as somebody who caused them would.

Whoever waits is woken when the catalog changes, so that an answer comes as
soon as it is there; what is seen is always read anew. Jobs that were taken
together with newer ones are followed to those.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Protocol, TypeVar, overload

import msgspec
from sqlalchemy import Connection

from headwater.api.documents import JobInfo, Listing, PipelineInfo, SetInfo
from headwater.db import Catalog
from headwater.errors import InvalidInput, NotFound
from headwater.execution import Queue
from headwater.pipelines import job_store, store
from headwater.pipelines.dag import LONG_RUNNING, has_no_jobs, held_by_paused, reading, spread_key
from headwater.pipelines.errors import AmbiguousJob, JobFailed, JobHeldUp, JobNotFound
from headwater.pipelines.job_documents import ENDED, FAILED, job_document, set_document
from headwater.pipelines.job_progress import JobProgress
from headwater.repos import Commit, Repos
from headwater.telemetry import Progress, Silent

Attend = Callable[[], object]
S = TypeVar("S", bound=JobInfo | SetInfo)
Look = Callable[[], S]

_LOOK_S = 0.5
_SHORTEST, _SHOWN = 8, 12
_SILENT = Silent()


class OfSet(Protocol):
    """Something that belongs to a commit set: a commit, the block that made one, a branch that was moved."""

    @property
    def set(self) -> str | None:
        """The id of the set."""
        ...


Target = str | JobInfo | PipelineInfo | SetInfo | Commit | OfSet


class JobWaiting:
    """What `Jobs` does to wait."""

    def __init__(
        self, catalog: Catalog, repos: Repos, queue: Queue | None, attend: Callable[[], Attend] | None
    ) -> None:
        """Keeps the parts."""
        self._catalog, self._repos, self._queue, self._attend = catalog, repos, queue, attend

    def watch(self, job: str, *, meanwhile: Attend | None = None) -> Iterator[JobInfo]:
        """Yields the job each time it has changed, until it has ended; follows a job that covers it.

        `meanwhile` is called before each pause, to see to it that somebody works.

        Raises:
            JobNotFound: There is none with this id.
        """
        return self._each_change(self._job(job), meanwhile)

    @overload
    def wait(  # type: ignore[overload-overlap]  # a job belongs to a set, and is meant itself
        self, what: JobInfo | PipelineInfo, *, check: bool = True, progress: Progress = _SILENT
    ) -> JobInfo: ...

    @overload
    def wait(self, what: str, *, check: bool = True, progress: Progress = _SILENT) -> JobInfo | SetInfo: ...

    @overload
    def wait(
        self, what: SetInfo | Commit | OfSet, *, check: bool = True, progress: Progress = _SILENT
    ) -> SetInfo: ...

    def wait(self, what: Target, *, check: bool = True, progress: Progress = _SILENT) -> JobInfo | SetInfo:
        """Waits until a job has ended, or all that a commit has caused.

        For a commit, the newest job of each pipeline that reads it, or what was
        made of it, counts too, such as that of a pipeline that was created later.

        Args:
            what: A job; a commit, its set, or a ref such as `reviews@main`, for all that followed from it; a
                pipeline or its name, for its newest job.
            check: Raise when there is no result, as soon as that is certain.
            progress: Hears how many datums are done.

        Raises:
            JobFailed: A job ended without a result; with `check` only.
            JobHeldUp: What is left waits for pipelines that are paused; with `check` only.
            NotFound: Nothing has this name.
        """
        return self._followed_to_the_end(self._look_at(what), check=check, progress=progress)

    def wait_all(self, *what: Target, check: bool = True, progress: Progress = _SILENT) -> Listing[JobInfo]:
        """Waits until all of several things have ended, each what `wait` takes; returns their jobs, each once.

        Raises:
            JobFailed: A job of any of them ended without a result; with `check` only, as soon as that is certain.
            NotFound: Nothing has one of the names.
        """
        looks = [self._look_at(one) for one in what]

        def look() -> SetInfo:
            seen = [one() for one in looks]
            jobs = {job.id: job for one in seen for job in _jobs_of(one)}
            shown = set_document("", list(jobs.values()))
            is_over = all(one.state in ENDED for one in seen)
            return shown if is_over else msgspec.structs.replace(shown, state="running")

        return Listing(self._followed_to_the_end(look, check=check, progress=progress).jobs)

    def check(self, shown: JobInfo | SetInfo) -> None:
        """Raises where a job has ended without a result, even if others are still at work, or where none can begin.

        Raises:
            JobFailed: It names the job, and says what to do about it.
            JobHeldUp: All that have not ended wait for pipelines that are paused.
        """
        jobs = _jobs_of(shown)
        # What failed explains what was blocked by it.
        ended = [job for job in jobs if job.state in FAILED]
        first = min(ended, key=lambda job: FAILED.index(job.state), default=None)
        if first is not None:
            raise self._failure(first)
        waiting = [job for job in jobs if job.state not in ENDED]
        if waiting and all(job.held_by for job in waiting):
            raise JobHeldUp(waiting[0].id, pipeline=waiting[0].pipeline, paused=waiting[0].held_by)

    def _followed_to_the_end(self, look: Look[S], *, check: bool, progress: Progress) -> S:
        told = JobProgress(progress)
        shown: S | None = None
        try:
            for shown in self._each_change(look, None):
                told.show(shown)
                if check:
                    self.check(shown)
        finally:
            told.finish()
        assert shown is not None, "a watch yields at least once"
        return shown

    def _each_change(self, look: Look[S], meanwhile: Attend | None) -> Iterator[S]:
        attend = meanwhile or (self._attend() if self._attend is not None else lambda: None)
        last = None
        with self._catalog.watch() as changes:
            while True:
                shown = look()
                if shown != last:
                    yield shown
                    last = shown
                if shown.state in ENDED:
                    return
                attend()
                changes.wait(_LOOK_S)

    # --- what is looked at, again and again ---

    def _look_at(self, what: Target) -> Look[JobInfo | SetInfo]:
        if isinstance(what, str):
            return self._named(what)
        if isinstance(what, PipelineInfo):
            return self._named(what.name)
        if isinstance(what, JobInfo):
            return self._job(what.id)
        if isinstance(what, SetInfo):
            return self._set(what.id)
        set_id = what.set_id if isinstance(what, Commit) else getattr(what, "set", None)
        if set_id is None:
            raise InvalidInput(
                f"A {type(what).__name__} that belongs to no commit set causes nothing to wait for.",
                hint="Wait for a commit, a job, a set, or a ref such as `reviews@main`.",
            )
        return self._caused_by(getattr(what, "id", None), set_id)

    def _job(self, job: str) -> Look[JobInfo]:
        with self._catalog.read() as conn:
            row, _ = find(conn, job)

        def look() -> JobInfo:
            with self._catalog.read() as conn:
                found = _covering(conn, job_store.by_ids(conn, [row.id]))
                if not found:  # it went with its pipeline
                    raise JobNotFound(row.id, "longer a job")
                return documents(conn, found)[0]

        return look

    def _set(self, set_id: str, also: Collection[str] = ()) -> Look[SetInfo]:
        sets = list(dict.fromkeys((set_id, *also)))

        def look() -> SetInfo:
            # Asked before the jobs are read: what the task inserts is there when it has ended.
            is_spreading = self._is_spreading(set_id)
            with self._catalog.read() as conn:
                rows = _covering(conn, [row for one in sets for row in job_store.of_set(conn, one)])
                shown = set_document(set_id, documents(conn, rows))
                is_over = shown.state in ENDED
                if is_over and not is_spreading:
                    shown = msgspec.structs.replace(shown, held_by=self._without_a_job(conn, sets))
            return msgspec.structs.replace(shown, state="running") if is_spreading and is_over else shown

        return look

    def _without_a_job(self, conn: Connection, sets: Sequence[str]) -> list[str]:
        """Returns the paused pipelines that the commits of some sets would have started, by name."""
        made = [commit for one in sets for commit in self._repos.set_commits(one)]
        places = {(commit.repo, commit.branch) for commit in made if commit.state == "finished"}
        return sorted({row.name for row in reading(conn, places) if row.state == "paused"})

    def _named(self, name: str) -> Look[JobInfo | SetInfo]:
        with self._catalog.read() as conn:
            pipeline = store.find_pipeline(conn, name)
            newest = job_store.newest_of(conn, [name]).get(name)
            is_set = bool(job_store.of_set(conn, name))
        if newest is not None:
            return self._job(newest.id)
        if pipeline is not None:
            raise no_job(pipeline)
        if is_set:
            return self._set(name)
        if "@" in name or self._repos.exists(name):
            commit = self._repos.resolve(name)
            return self._caused_by(commit.id, commit.set_id)
        return self._with_id(name)

    def _with_id(self, id: str) -> Look[JobInfo | SetInfo]:
        with self._catalog.read() as conn:
            try:
                return self._job(find(conn, id)[0].id)
            except JobNotFound:
                try:
                    commit = self._repos.commit_by_id(id, conn=conn)
                except NotFound:
                    raise JobNotFound(id, "job, pipeline, commit or commit set") from None
        return self._caused_by(commit.id, commit.set_id)

    def _caused_by(self, commit: str | None, set_id: str) -> Look[SetInfo]:
        also: Sequence[str] = ()
        if commit is not None:
            with self._catalog.read() as conn:
                also = job_store.sets_behind(conn, commit)
        return self._set(set_id, also)

    def _is_spreading(self, set_id: str) -> bool:
        return self._queue is not None and self._queue.is_unfinished(spread_key(set_id))

    def _failure(self, shown: JobInfo) -> JobFailed:
        with self._catalog.read() as conn:
            row, _ = find(conn, shown.id)
        if row.error is None:
            return JobFailed(shown.id, f"The job {shown.id} of {shown.pipeline!r} was {shown.state}.")
        told = msgspec.json.decode(row.error, type=dict)
        key = next((one["key"] for one in told["details"] if "key" in one), None)
        hint = told["hint"]
        if key is not None:
            hint = (
                f"{hint}\n`headwater job logs {shown.id[:_SHOWN]} --failed` shows what was printed, "
                f"`headwater pipeline shell {shown.pipeline} --datum {key[:_SHOWN]}` opens a shell there."
            )
        return JobFailed(shown.id, told["message"], hint=hint, details=told["details"])


def _jobs_of(shown: JobInfo | SetInfo) -> Sequence[JobInfo]:
    return shown.jobs if isinstance(shown, SetInfo) else [shown]


def no_job(pipeline: store.PipelineRow) -> InvalidInput | JobNotFound:
    """Returns why a pipeline has no newest job."""
    if pipeline.kind in LONG_RUNNING:
        return has_no_jobs(pipeline.name, pipeline.kind)
    return JobNotFound(pipeline.name, "job of the pipeline")


def find(conn: Connection, job: str) -> job_store.Seen:
    """Returns a job by its id, or the beginning of it.

    Raises:
        AmbiguousJob: Several begin so.
        JobNotFound: None does.
    """
    found = job_store.beginning_with(conn, job, limit=2) if len(job) >= _SHORTEST else []
    if len(found) > 1:
        raise AmbiguousJob(job, [row.id for row, _ in found])
    if not found:
        raise JobNotFound(job)
    return found[0]


def documents(conn: Connection, rows: Sequence[job_store.Seen]) -> list[JobInfo]:
    """Returns jobs as documents, each with the commits that it reads."""
    inputs = job_store.inputs_of(conn, [row.id for row, _ in rows])
    held = held_by_paused(conn, [row.id for row, _ in rows if row.state == "queued"])
    return [job_document(row, name, inputs[row.id], held_by=held.get(row.id, ())) for row, name in rows]


def _covering(conn: Connection, rows: Sequence[job_store.Seen]) -> list[job_store.Seen]:
    """Returns the jobs, in place of each that is covered the one that covers it; each once."""
    found: dict[str, job_store.Seen] = {}
    waiting = {row.covered_by for row, _ in rows if row.covered_by is not None}
    found |= {row.id: (row, name) for row, name in rows if row.covered_by is None}
    while waiting := {one for one in waiting if one not in found}:
        rows = job_store.by_ids(conn, sorted(waiting))
        found |= {row.id: (row, name) for row, name in rows if row.covered_by is None}
        waiting = {row.covered_by for row, _ in rows if row.covered_by is not None}
    return sorted(found.values(), key=lambda one: one[0].number)
