"""What the end of a job means for those that wait for its commit.

A commit that is there lets them go on. One that failed blocks those of its
set, and of other sets those that cannot do with the last good one. One that
was passed over (nothing was due) leaves them with what the branch was at
before. And one that was taken together with a newer one takes those behind it
along, to the jobs of that newer set.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Literal

import msgspec
from sqlalchemy import Connection

from headwater.clock import Clock
from headwater.ids import CommitId
from headwater.pipelines import store as rows
from headwater.pipelines.dag import store
from headwater.pipelines.dag.choosing import Choosing
from headwater.pipelines.dag.store import Attempt, Dependent, Place
from headwater.pipelines.errors import InputFailed
from headwater.pipelines.store import JobRow
from headwater.repos import Repos

How = Literal["succeeded", "failed", "cancelled", "blocked", "skipped"]
Wake = Callable[[Connection, int], None]


class Ending:
    """Passes on how jobs have ended, inside the transactions in which they do."""

    def __init__(self, clock: Clock, wake: Wake) -> None:
        """Takes what puts a pipeline into the queue."""
        self._clock, self._wake = clock, wake

    def ended(self, conn: Connection, repos: Repos, job: JobRow, how: How) -> None:
        """Passes on the end of a job whose row and commit have been ended already."""
        if job.commit_id is None:
            return
        commit = CommitId(job.commit_id)
        if how == "succeeded":
            store.note_made(conn, job.id)
        if how == "succeeded" or store.is_made(conn, job.id):  # all that failed was to copy it out
            self._go_on(conn, [one.id for one in store.dependents(conn, [commit])])
        elif how == "skipped":
            self._skip(conn, repos, commit, (job.repo, job.branch))
        else:
            own = Attempt(job.id, job.pipeline_id, job.number, job.set_id, commit, how)
            self._fall(conn, repos, {commit: job.set_id}, own)
            if job.state == "queued":  # nobody is at work who would look for the next one
                self._wake_ready(conn, {job.pipeline_id})

    def block(self, conn: Connection, repos: Repos, job: str, by: Attempt) -> None:
        """Ends a queued job that cannot run because of one that failed, and those behind it."""
        row = rows.job_by_id(conn, job)
        if row is None or row.state != "queued" or row.commit_id is None:
            return
        self._block(conn, repos, _dependent(row), by)

    def cover(self, conn: Connection, repos: Repos, covered: Sequence[Dependent], by: JobRow) -> None:
        """Ends queued jobs as taken together with a newer one of their pipeline, and takes those behind along."""
        level = [(by.id, by.set_id, by.commit_id or "", list(covered))]
        behind: set[int] = set()
        while level:
            following: list[tuple[str, str, str, list[Dependent]]] = []
            for job, set_id, commit, group in level:
                self._end_covered(conn, repos, group, job)
                following += self._cover_behind(conn, repos, group, set_id, commit)
            behind |= {one.pipeline_id for _, _, _, group in following for one in group}
            level = following
        self._wake_ready(conn, behind)

    def pass_over(self, conn: Connection, repos: Repos, job: JobRow) -> None:
        """Ends a queued job whose inputs do not agree; its pipeline gets another one with what these are at next."""
        commit = CommitId(job.commit_id or "")
        note = "Its inputs were made of different states of what they share; the next job reads them in one."
        store.end_jobs(conn, [job.id], state="skipped", note=note, finished_ms=self._clock.now_ms())
        repos.end_waiting(conn, [commit], state="covered")
        self._skip(conn, repos, commit, (job.repo, job.branch))

    # --- what reads a commit that is there ---

    def _go_on(self, conn: Connection, ids: Sequence[str]) -> None:
        for pipeline_id in store.recount(conn, list(dict.fromkeys(ids))):
            self._wake(conn, pipeline_id)

    # --- what reads a commit that was passed over ---

    def _skip(self, conn: Connection, repos: Repos, commit: CommitId, place: Place) -> None:
        level = [(commit, place)]
        changed: list[str] = []
        while level:
            commit, place = level.pop()
            head = repos.head(conn, *place)
            for one in list(store.dependents(conn, [commit])):
                if head is not None:
                    store.repoint(conn, one.id, commit, head)
                    changed.append(one.id)
                    continue
                row = rows.job_by_id(conn, one.id)
                assert row is not None, "the job was found in this transaction"
                note = f"There is nothing at {place[0]}@{place[1]} yet."
                self._end(conn, [one], state="skipped", note=note)
                repos.end_waiting(conn, [one.commit_id], state="covered")
                level.append((one.commit_id, (row.repo, row.branch)))
        self._go_on(conn, changed)

    # --- what reads a commit that failed ---

    def _fall(self, conn: Connection, repos: Repos, failed: Mapping[CommitId, str], by: Attempt) -> None:
        """Blocks what reads commits that will not be, given with their sets, and all behind that in the same set.

        A job of another set is looked at once all of these are known, for it
        may read several of them, and only together can it do without.
        """
        told = _told(conn, by)
        later: dict[str, list[Dependent]] = defaultdict(list)
        blocked: set[int] = set()
        level = dict(failed)
        while level:
            found = list(store.dependents(conn, list(level)))
            same = {one.id: one for one in found if one.set_id == level[one.reads]}
            for one in found:
                if one.id not in same:
                    later[one.id].append(one)
            self._end_blocked(conn, repos, list(same.values()), told)
            blocked |= {one.pipeline_id for one in same.values()}
            level = {one.commit_id: one.set_id for one in same.values()}
        self._wake_ready(conn, blocked)
        for group in sorted(later.values(), key=lambda group: group[0].number):
            self._fall_later(conn, repos, group, by)

    def _block(self, conn: Connection, repos: Repos, one: Dependent, by: Attempt) -> None:
        self._end_blocked(conn, repos, [one], _told(conn, by))
        self._wake_ready(conn, {one.pipeline_id})
        self._fall(conn, repos, {one.commit_id: one.set_id}, by)

    def _end_blocked(self, conn: Connection, repos: Repos, group: Sequence[Dependent], error: bytes) -> None:
        if group:
            self._end(conn, group, state="blocked", error=error)
            repos.end_waiting(conn, [one.commit_id for one in group], state="failed")

    def _fall_later(self, conn: Connection, repos: Repos, group: Sequence[Dependent], by: Attempt) -> None:
        """Lets a job of another set do with the last good commits, where they agree with what else it reads."""
        one = group[0]
        if rows.job_state(conn, one.id) != "queued":
            return  # blocked meanwhile, behind another one
        failed = {dependent.reads for dependent in group}
        heads = {
            item.commit_id: repos.head(conn, item.repo, item.branch)
            for item in rows.inputs_of(conn, one.id)
            if item.commit_id in failed
        }
        good = {CommitId(commit): head for commit, head in heads.items() if head is not None}
        if len(good) < len(heads) or not _agrees(conn, Choosing(conn, repos), one, good):
            self._block(conn, repos, one, by)
            return
        for commit, head in good.items():
            store.repoint(conn, one.id, commit, head)
        self._go_on(conn, [one.id])

    def _wake_ready(self, conn: Connection, pipelines: Collection[int]) -> None:
        """Wakes pipelines of which a job has ended that others may have had to wait for in the queue."""
        for pipeline_id in store.ready_of(conn, pipelines) if pipelines else ():
            self._wake(conn, pipeline_id)

    # --- what reads a commit that was taken together with a newer one ---

    def _end_covered(self, conn: Connection, repos: Repos, group: Sequence[Dependent], by: str) -> None:
        note = f"Taken together with the newer job {by}."
        self._end(conn, group, state="skipped", covered_by=by, note=note)
        repos.end_waiting(conn, [one.commit_id for one in group], state="covered")

    def _cover_behind(
        self, conn: Connection, repos: Repos, covered: Sequence[Dependent], set_id: str, commit: str
    ) -> list[tuple[str, str, str, list[Dependent]]]:
        behind: dict[int, list[Dependent]] = defaultdict(list)
        for one in store.dependents(conn, [one.commit_id for one in covered]):
            behind[one.pipeline_id].append(one)
        if not behind:
            return []
        newer = store.jobs_of(conn, set_id)
        numbers = {one.commit_id: one.number for one in covered}
        result: list[tuple[str, str, str, list[Dependent]]] = []
        for pipeline_id, found in behind.items():
            goal = newer.get(pipeline_id)
            if goal is not None and goal.state != "queued":
                goal = None
            going, staying = self._sorted_out(conn, repos, found, goal, numbers, commit)
            for one in staying:
                store.repoint(conn, one.id, one.reads, commit)
            self._go_on(conn, [one.id for one in staying])
            if going and goal is not None:
                unique = list({one.id: one for one in going}.values())
                result.append((goal.id, goal.set_id, goal.commit_id, unique))
        return result

    @staticmethod
    def _sorted_out(
        conn: Connection,
        repos: Repos,
        found: Sequence[Dependent],
        goal: Attempt | None,
        covered: dict[CommitId, int],
        commit: str,
    ) -> tuple[list[Dependent], list[Dependent]]:
        """Returns which jobs behind are covered too, and which read the newer commit instead.

        Where another input has begun later than what was covered, waiting for
        a set that has all of them new would never end while commits stream in
        on both sides: the newest such job stays, with what goes on.
        """
        if goal is None:
            return [], list(found)
        before = [one for one in found if one.number < goal.number]
        staying = [one for one in found if one.number >= goal.number]
        late = [
            id
            for id, other in store.begun_beside(conn, [one.id for one in before])
            if any(
                one.id == id and other.number > covered[one.reads] and other.commit_id != one.reads
                for one in before
            )
        ]
        newest = max((one for one in before if one.id in late), key=lambda one: one.number, default=None)
        if newest is None:
            return before, staying
        choosing = Choosing(conn, repos)
        if not _agrees(conn, choosing, newest, {newest.reads: CommitId(commit)}):
            return before, staying
        return (
            [one for one in before if one.id != newest.id],
            [*staying, *(one for one in before if one.id == newest.id)],
        )

    def _end(self, conn: Connection, group: Sequence[Dependent], **values: object) -> None:
        store.end_jobs(conn, [one.id for one in group], finished_ms=self._clock.now_ms(), **values)


def _agrees(
    conn: Connection, choosing: Choosing, job: Dependent, instead: Mapping[CommitId, CommitId]
) -> bool:
    """Tells whether what a job reads is of one state when other commits stand in the place of some."""
    inputs = [
        ((item.repo, item.branch), instead.get(CommitId(item.commit_id), CommitId(item.commit_id)))
        for item in rows.inputs_of(conn, job.id)
        if item.branch  # a pinned commit is what it is
    ]
    return choosing.is_consistent(inputs)


def _told(conn: Connection, by: Attempt) -> bytes:
    pipeline = rows.pipeline_by_id(conn, by.pipeline_id)
    error = InputFailed(by.id, pipeline="" if pipeline is None else pipeline.name, how=by.state)
    told = {"kind": error.kind, "message": error.message, "hint": error.hint, "details": error.details}
    return msgspec.json.encode(told)


def _dependent(row: JobRow) -> Dependent:
    commit = CommitId(row.commit_id or "")
    return Dependent(row.id, row.pipeline_id, row.number, row.set_id, commit, commit)
