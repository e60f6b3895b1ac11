"""Branches that follow another one of their repo when enough has come together there.

What has come is counted in the transaction of each commit, so none is missed
and none is counted twice; the branch moves in that transaction too, as part
of the commit's own set.
"""

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import Connection

from headwater.ids import CommitId
from headwater.pipelines.dag import trigger_store
from headwater.pipelines.dag.store import Place
from headwater.pipelines.dag.trigger_store import TriggerRow
from headwater.pipelines.spec import BranchTrigger
from headwater.repos import Repos

REASON = "trigger"


def is_met(trigger: BranchTrigger, *, commits: int, size: int, due: bool) -> bool:
    """Tells whether enough has come: any of what the trigger names, or all of it."""
    if commits == 0:
        return False
    given: Sequence[bool] = [
        *([commits >= trigger.commits] if trigger.commits else []),
        *([size >= trigger.size] if trigger.size else []),
        *([due] if trigger.cron else []),
    ]
    return all(given) if trigger.all else any(given)


def follow(conn: Connection, repos: Repos, there: Mapping[Place, CommitId]) -> dict[Place, CommitId]:
    """Counts new commits, and moves the branches for which it is enough; returns where those are now."""
    moved: dict[Place, CommitId] = {}
    level = dict(there)
    while level:
        reached: dict[Place, CommitId] = {}
        for row in trigger_store.of_sources(conn, level):
            place = (row.repo, row.branch)
            commit = level[row.repo, row.source]
            if place not in there and place not in moved and _count(conn, repos, row, commit):
                reached[place] = commit
        moved.update(reached)
        level = reached
    return moved


def move(conn: Connection, repos: Repos, row: TriggerRow, commit: CommitId) -> None:
    """Moves a branch to a commit of the one that it follows, and begins to count anew."""
    repos.follow(conn, row.repo, row.branch, commit, reason=REASON)
    trigger_store.change(conn, row, commits=0, size=0, due=False)


def _count(conn: Connection, repos: Repos, row: TriggerRow, commit: CommitId) -> bool:
    trigger = trigger_of(row)
    commits = row.commits + 1
    size = row.size + (_grown(conn, repos, commit) if trigger.size else 0)
    if is_met(trigger, commits=commits, size=size, due=row.due):
        move(conn, repos, row, commit)
        return True
    trigger_store.change(conn, row, commits=commits, size=size)
    return False


def _grown(conn: Connection, repos: Repos, commit_id: CommitId) -> int:
    """Returns by how many bytes a commit is larger than the one before it; what shrinks counts as nothing."""
    commit = repos.commit_by_id(commit_id, conn=conn)
    before = 0 if commit.parent is None else repos.commit_by_id(commit.parent, conn=conn).size
    return max(0, commit.size - before)


def trigger_of(row: TriggerRow) -> BranchTrigger:
    """Returns what a stored trigger says."""
    return msgspec.json.decode(row.spec, type=BranchTrigger)
