"""A coordinator's right to act for one job, checked in every transaction that does.

Two things can take it away: the lease on the task, which another worker holds
after this one was given up for dead, and the job itself, which somebody may
cancel at any instant. A check outside of the transaction would leave a gap in
which a cancelled job comes alive again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection

from headwater.db import Catalog, LeaseLost
from headwater.errors import Error
from headwater.execution import Beat, Claim, Queue, Stopping
from headwater.pipelines import store
from headwater.pipelines.errors import Lost


class PutOff(Exception):
    """A job goes on after a while, in whoever's hands; nobody is to blame, and no attempt is counted."""

    def __init__(self, why: Error, delay_s: float) -> None:
        """Takes what stands in the way, and when to try again."""
        super().__init__(why.message)
        self.why, self.delay_s = why, delay_s


@dataclass(frozen=True)
class Hold:
    """The right to act for a job; `claim` is the task that advances its pipeline."""

    catalog: Catalog
    queue: Queue
    job: str
    claim: Claim
    beat: Beat

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Gives a transaction in which this coordinator may act for the job.

        Raises:
            LeaseLost: Another worker has the pipeline.
            Lost: The job has ended.
        """
        with self.catalog.write() as conn:
            self.queue.check(conn, self.claim)
            self._check_job(conn)
            yield conn

    def look(self) -> None:
        """Makes sure, cheaply, that going on makes sense.

        Raises:
            LeaseLost: Another worker has the pipeline.
            Lost: The job has ended.
            Stopping: The worker was asked to stop; another one goes on.
        """
        if self.beat.lost:
            raise LeaseLost(f"task {self.claim.task_id}", holder=self.claim.worker)
        if self.beat.stopping:
            raise Stopping
        with self.catalog.read() as conn:
            self._check_job(conn)

    def _check_job(self, conn: Connection) -> None:
        if store.job_state(conn, self.job) not in store.TAKEN:
            raise Lost
