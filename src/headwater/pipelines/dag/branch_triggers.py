"""The door to branches that follow others: set, look, remove; and their schedules."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection

from headwater.clock import Clock
from headwater.db import Catalog
from headwater.errors import InvalidInput
from headwater.execution import Beat, Claim, Queue, Task
from headwater.pipelines.dag import trigger_store
from headwater.pipelines.dag.following import REASON, is_met, move, trigger_of
from headwater.pipelines.dag.graph import way_to
from headwater.pipelines.dag.schedule import schedule_of
from headwater.pipelines.dag.trigger import FOR_EVER, Trigger
from headwater.pipelines.dag.trigger_store import TriggerRow
from headwater.pipelines.errors import InvalidTrigger
from headwater.pipelines.spec import BranchTrigger, FilesInput
from headwater.repos import Repos

FOLLOW = "branch-trigger"


class _Due(msgspec.Struct, frozen=True):
    repo: str
    branch: str
    spec: str
    at_ms: int


@dataclass(frozen=True)
class Triggers:
    """The branches of a workspace that follow others."""

    catalog: Catalog
    repos: Repos
    trigger: Trigger
    queue: Queue
    clock: Clock

    def set(self, repo: str, branch: str, trigger: BranchTrigger) -> BranchTrigger:
        """Lets a branch follow another one of its repo; makes the branch where there is none.

        Raises:
            BranchOwned: A pipeline writes the branch.
            InvalidSchedule: The trigger's schedule says no moments.
            InvalidTrigger: It never fires, or the branch would follow itself.
            RefNotFound: There is no such branch to follow.
            RepoNotFound: There is no such repo.
        """
        with self.catalog.write() as conn:
            self.repos.make_branch(conn, repo, branch)
            self.set_in(conn, repo, branch, trigger)
        return trigger

    def get(self, repo: str) -> dict[str, BranchTrigger]:
        """Returns the triggers of a repo by the branches that follow."""
        with self.catalog.read() as conn:
            return {row.branch: trigger_of(row) for row in trigger_store.of_repo(conn, repo)}

    def remove(self, repo: str, branch: str) -> None:
        """Lets a branch follow no other one any more.

        Raises:
            InvalidTrigger: A pipeline's input says that it follows one.
            InvalidInput: It does not follow any.
        """
        with self.catalog.write() as conn:
            row = trigger_store.of_branch(conn, repo, branch)
            if row is None:
                raise InvalidInput(
                    f"{repo}@{branch} follows no other branch.",
                    hint=f"`headwater branch list {repo}` shows which do.",
                )
            if row.pipeline_id is not None:
                raise InvalidTrigger(
                    f"{repo}@{branch}",
                    why="an input of a pipeline has the trigger",
                    hint="Update that pipeline.",
                )
            trigger_store.remove(conn, repo, branch)

    def set_in(
        self,
        conn: Connection,
        repo: str,
        branch: str,
        trigger: BranchTrigger,
        *,
        pipeline_id: int | None = None,
    ) -> None:
        """Does what `set` does, in the caller's transaction, for a branch that is there."""
        place = f"{repo}@{branch}"
        if not (trigger.commits or trigger.size or trigger.cron):
            raise InvalidTrigger(
                place, why="it would never follow", hint="Say after how many commits, which size, or when."
            )
        self.repos.check_branch_there(conn, repo, trigger.branch)
        self._check_circle(conn, repo, branch, trigger.branch)
        found = trigger_store.of_branch(conn, repo, branch)
        if found is not None and found.pipeline_id != pipeline_id:
            raise InvalidTrigger(
                place, why=f"it follows {found.source!r} already", hint="Remove that trigger first."
            )
        spec = msgspec.json.encode(trigger)
        kept = found is not None and found.spec == spec
        row = TriggerRow(repo, branch, trigger.branch, spec, pipeline_id=pipeline_id)
        if not kept:
            trigger_store.put(conn, row)
        self._arm(conn, row, trigger)

    def replace(self, conn: Connection, pipeline_id: int, inputs: Sequence[FilesInput]) -> None:
        """Lets the branches that a pipeline's inputs read follow as these say, and no others on its account.

        A branch that has no commit yet begins at what it follows.
        """
        wanted = {(item.repo, item.branch): item.trigger for item in inputs if item.trigger is not None}
        for row in trigger_store.of_pipeline(conn, pipeline_id):
            if (row.repo, row.branch) not in wanted:
                trigger_store.remove(conn, row.repo, row.branch)
        for (repo, branch), trigger in wanted.items():
            self.repos.make_branch(conn, repo, branch)
            self.set_in(conn, repo, branch, trigger, pipeline_id=pipeline_id)
            source = self.repos.head(conn, repo, trigger.branch)
            if source is not None and self.repos.head(conn, repo, branch) is None:
                self.repos.follow(conn, repo, branch, source, reason=REASON)

    def handle(self, claim: Claim, beat: Beat) -> None:  # noqa: ARG002 - what handlers are given
        """Carries out a moment of a trigger's schedule: the handler of its task."""
        due = msgspec.json.decode(claim.task.payload, type=_Due)
        with self.catalog.write() as conn:
            self.queue.check(conn, claim)
            row = trigger_store.of_branch(conn, due.repo, due.branch)
            is_same = row is not None and row.spec.decode() == due.spec
            if row is not None and is_same and due.at_ms <= self.catalog.now_ms(conn):
                self._moment(conn, row)
            self.queue.finish(conn, claim)
            if row is not None and is_same:
                self._arm(conn, row, trigger_of(row))

    def _moment(self, conn: Connection, row: TriggerRow) -> None:
        head = self.repos.head(conn, row.repo, row.source)
        if head is not None and is_met(trigger_of(row), commits=row.commits, size=row.size, due=True):
            move(conn, self.repos, row, head)
            self.trigger.spread(conn, self.repos, self.repos.new_set(conn), {(row.repo, row.branch): head})
        else:
            trigger_store.change(conn, row, due=True)

    def _arm(self, conn: Connection, row: TriggerRow, trigger: BranchTrigger) -> None:
        if not trigger.cron:
            return
        at_ms = schedule_of(trigger.cron).next_after(self.catalog.now_ms(conn))
        if at_ms is not None:
            told = msgspec.json.encode(_Due(row.repo, row.branch, row.spec.decode(), at_ms))
            key = f"{FOLLOW}:{row.repo}@{row.branch}"
            self.queue.enqueue(conn, Task(FOLLOW, told), key=key, not_before_ms=at_ms, attempts=FOR_EVER)

    @staticmethod
    def _check_circle(conn: Connection, repo: str, branch: str, source: str) -> None:
        followed = {row.branch: row.source for row in trigger_store.of_repo(conn, repo)} | {branch: source}
        path = [branch]
        while path[-1] in followed:
            path.append(followed[path[-1]])
            if path[-1] == branch:
                raise InvalidTrigger(
                    f"{repo}@{branch}",
                    why=f"it would follow itself: {' → '.join(path)}",
                    hint="Follow another branch.",
                )
        way = way_to(conn, (repo, branch), {(repo, source)})
        if way is not None:
            raise InvalidTrigger(
                f"{repo}@{branch}",
                why=f"it would follow what is made of it: {' → '.join([branch, *way, source])}",
                hint="Follow another branch: data flows one way.",
            )
