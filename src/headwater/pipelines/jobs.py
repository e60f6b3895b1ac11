"""Jobs as the floors above use them: look, wait, cancel, and see what each datum did and printed.

The side of pipelines that reads; what makes jobs is in `service`.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, get_args

from sqlalchemy import Connection

from headwater.api.documents import DatumInfo, DatumState, JobInfo, JobState, Listing, LogInfo
from headwater.api.html import MOST_ROWS, listing_html
from headwater.clock import Clock
from headwater.db import Catalog
from headwater.errors import InvalidInput, did_you_mean
from headwater.execution import Queue
from headwater.ids import CommitId
from headwater.pipelines import job_store, store
from headwater.pipelines.dag import Trigger
from headwater.pipelines.engine import store as parts
from headwater.pipelines.errors import (
    TRAINING_REQUEST,
    JobEnded,
    JobNotFound,
    PipelineNotFound,
)
from headwater.pipelines.job_documents import ENDED
from headwater.pipelines.job_waiting import Attend, JobWaiting, documents, find, no_job
from headwater.repos import Repos

if TYPE_CHECKING:
    from headwater.pipelines.engine import DatumReader, Printed

_PAGE = 100
_LOOK_S, _BETWEEN_S = 0.5, 0.2


class Jobs(JobWaiting):
    """The jobs of a workspace, of all pipelines or of one kind.

    `printed` returns what a pipeline without jobs, a spout or service, has printed, and none for others.
    """

    printed: Callable[[str], Sequence[str] | None] = staticmethod(lambda _: None)

    def __init__(
        self,
        catalog: Catalog,
        repos: Repos,
        clock: Clock,
        *,
        trigger: Trigger | None = None,
        queue: Queue | None = None,
        reader: "Callable[[], DatumReader] | None" = None,
        kind: str | None = None,
        attend: Callable[[], Attend] | None = None,
    ) -> None:
        """Keeps the parts.

        Args:
            catalog: The catalog.
            repos: Where commits are looked up.
            clock: What times go by.
            trigger: Hears of jobs that are cancelled, so that those behind them end too.
            queue: Where jobs of very wide sets wait to be inserted.
            reader: Returns what looks at datums.
            kind: Lists only jobs of pipelines of this kind.
            attend: Returns what is called again and again while somebody waits, to see to it that somebody works.
        """
        super().__init__(catalog, repos, queue, attend)
        self._clock, self._kind, self._trigger, self._reader = clock, kind, trigger, reader

    def get(self, job: str | JobInfo) -> JobInfo:
        """Returns a job by its id, or the beginning of it.

        Raises:
            JobNotFound: There is none with this id.
        """
        with self._catalog.read() as conn:
            return documents(conn, [self._find(conn, job)])[0]

    def _repr_html_(self) -> str:
        page = self.list(limit=MOST_ROWS)
        return listing_html(page.items, page.next)

    def list(
        self,
        *,
        pipeline: str | None = None,
        state: str | None = None,
        cursor: str | None = None,
        limit: int = _PAGE,
    ) -> Listing[JobInfo]:
        """Returns a page of jobs, newest first, of one pipeline or in one state where these are given.

        Raises:
            InvalidInput: The cursor is not one that a page gave, or there is no such state.
            PipelineNotFound: There is no such pipeline.
        """
        if cursor is not None and not cursor.isdigit():
            raise InvalidInput(f"{cursor!r} is not a cursor.", hint="Use the `next` of the page before.")
        if limit < 1:
            raise InvalidInput(f"A page of {limit} jobs holds nothing.", hint="Ask for at least 1.")
        states = get_args(JobState)
        if state is not None and state not in states:
            raise InvalidInput(f"There is no state {state!r} of jobs.", hint=did_you_mean(state, states))
        with self._catalog.read() as conn:
            if pipeline is not None and store.find_pipeline(conn, pipeline) is None:
                raise PipelineNotFound(pipeline, store.pipeline_names(conn))
            rows = job_store.page(
                conn,
                kind=self._kind,
                pipeline=pipeline,
                state=state,
                before=int(cursor) if cursor else None,
                limit=limit + 1,
            )
            following = str(rows[limit - 1][0].number) if len(rows) > limit else None
            return Listing(documents(conn, rows[:limit]), following)

    def newest(self, pipeline: str) -> JobInfo:
        """Returns the newest job of a pipeline that was not taken together with another one.

        Raises:
            InvalidRun: It is a spout or service, which have none.
            JobNotFound: It has none yet.
            PipelineNotFound: There is no such pipeline.
        """
        with self._catalog.read() as conn:
            known = store.find_pipeline(conn, pipeline)
            if known is None:
                raise PipelineNotFound(pipeline, store.pipeline_names(conn))
            found = job_store.newest_of(conn, [pipeline])
            if not found:
                raise no_job(known)
            row = found[pipeline]
            return documents(conn, [find(conn, row.covered_by or row.id)])[0]

    def of_set(self, set_id: str) -> Sequence[JobInfo]:
        """Returns the jobs that one commit set caused, in the order in which they may run."""
        with self._catalog.read() as conn:
            return documents(conn, job_store.of_set(conn, set_id))

    def cancel(self, job: str | JobInfo) -> JobInfo:
        """Ends a job that has not ended; what it has produced so far is dropped. One that is cancelled stays so.

        Raises:
            JobEnded: It has ended otherwise.
            JobNotFound: There is none with this id.
        """
        with self._catalog.write() as conn:
            row, _ = self._find(conn, job)
            if row.state in ENDED and row.state != "cancelled":
                raise JobEnded(row.id, state=row.state, what=self._noun, covered_by=row.covered_by)
            if row.state not in ENDED:
                now = self._clock.now_ms()
                store.change_job(conn, row.id, state="cancelled", finished_ms=now)
                parts.drop_parts(conn, row.id)
                self._repos.end_waiting(conn, [CommitId(row.commit_id or "")], state="failed")
                if self._trigger is not None:
                    self._trigger.ended(conn, self._repos, row, "cancelled")
            return documents(conn, [find(conn, row.id)])[0]

    # --- datums ---

    def datums(
        self, job: str | JobInfo, *, state: str | None = None, is_all: bool = False
    ) -> Iterator[DatumInfo]:
        """Yields the datums that ran in a job, or all that its output consists of.

        Args:
            job: The job, or its id or the beginning of it.
            state: Only those in this state.
            is_all: Those too that were kept from jobs before.

        Raises:
            InvalidInput: There is no such state.
            JobNotFound: There is no such job.
        """
        states = get_args(DatumState)
        if state is not None and state not in states:
            raise InvalidInput(f"There is no state {state!r} of datums.", hint=did_you_mean(state, states))
        return self._datum_reader.datums(self._id(job), state=state, all=is_all)

    def datum(self, job: str | JobInfo, key: str) -> DatumInfo:
        """Returns one datum of a job with the files that it sees, by its key or the beginning of it.

        Raises:
            DatumNotFound: The job has none with this key.
            JobNotFound: There is no such job.
        """
        return self._datum_reader.datum(self._id(job), key)

    def logs(
        self,
        job: str | JobInfo | None = None,
        *,
        pipeline: str | None = None,
        datum: str | None = None,
        grep: str | None = None,
        failed: bool = False,
        follow: bool = False,
    ) -> Iterator[LogInfo]:
        """Yields the lines that the code of a job's datums printed.

        While it runs also those of datums in hand that take their time, marked as `running`; none comes twice.

        Args:
            job: The job, or its id or the beginning of it.
            pipeline: The newest job of this pipeline instead; of a spout or service, what it printed on this machine.
            datum: Only this one, by its key or the beginning of it.
            grep: Only lines that hold this text.
            failed: Only datums that failed.
            follow: Go on until the job has ended.

        Raises:
            DatumNotFound: The job has none with this key.
            JobNotFound: There is no such job.
            PipelineNotFound: There is no such pipeline.
        """
        lines = self.printed(pipeline) if job is None and pipeline else None
        if lines is not None:
            return (LogInfo("", pipeline or "", "", line) for line in lines if grep is None or grep in line)
        id = self._one_of(job, pipeline)
        printed = self._datum_reader.printed(id, datum=datum, grep=grep, failed=failed, follow=follow)
        return self._followed(printed) if follow else printed.new()

    def _followed(self, printed: "Printed") -> Iterator[LogInfo]:
        attend = self._attend() if self._attend is not None else lambda: None
        with self._catalog.watch() as changes:
            while True:
                yield from printed.new()
                if printed.has_ended:
                    return
                attend()
                self._clock.sleep(_BETWEEN_S)
                changes.wait(_LOOK_S)

    def _one_of(self, job: str | JobInfo | None, pipeline: str | None) -> str:
        """Returns the id of a job that is named, or of the newest one of a pipeline."""
        if (job is None) == (pipeline is None):
            raise InvalidInput("Which job is meant?", hint="Name a job, or its pipeline with --pipeline.")
        if job is not None:
            return self._id(job)
        assert pipeline is not None, "one of them is named"
        return self.newest(pipeline).id

    def _id(self, job: str | JobInfo) -> str:
        with self._catalog.read() as conn:
            return self._find(conn, job)[0].id

    def _find(self, conn: Connection, job: str | JobInfo) -> job_store.Seen:
        """Returns a job of the kind that these jobs are of."""
        id = job.id if isinstance(job, JobInfo) else job
        try:
            found = find(conn, id)
        except JobNotFound:
            named = None if self._kind is not None else store.find_pipeline(conn, id)
            raise JobNotFound(id, self._noun, is_pipeline=named is not None) from None
        if self._kind is not None:
            pipeline = store.pipeline_by_id(conn, found[0].pipeline_id)
            if pipeline is None or pipeline.kind != self._kind:
                raise JobNotFound(id, self._noun)
        return found

    @property
    def _noun(self) -> str:
        return TRAINING_REQUEST if self._kind == "train" else "job"

    @property
    def _datum_reader(self) -> "DatumReader":
        assert self._reader is not None, "whoever asks for datums has given a reader"
        return self._reader()
