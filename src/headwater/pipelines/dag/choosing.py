"""Which commit each input of a new job is read at, so that what a job sees never contradicts itself.

A branch that the job's set touches is read at the set's own commit, made or
yet to be made. Any other is read at the newest commit that has been promised
for it, or else at its head. Where the newest attempt to make one has failed,
the last good one serves, unless what was made of the same source is then read
in two states: such a job has to wait until the failure is mended.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from headwater.ids import CommitId
from headwater.pipelines.dag import store
from headwater.pipelines.dag.store import Attempt, Place
from headwater.repos import Repos


class Latest(NamedTuple):
    """What a branch is at: a commit, whether it has yet to be made, and the newer attempt that failed, if any."""

    commit: CommitId | None
    is_promised: bool = False
    failed: Attempt | None = None


class Choosing:
    """The newest commits of branches within one transaction, looked up once each."""

    def __init__(self, conn: Connection, repos: Repos) -> None:
        """Looks nothing up yet."""
        self._conn, self._repos = conn, repos
        self._known: dict[Place, Latest] = {}
        # What the jobs of this transaction read that are not written down yet.
        self._made_of: dict[CommitId, list[tuple[Place, CommitId]]] = {}

    def promise(self, place: Place, commit: CommitId, made_of: Sequence[tuple[Place, CommitId]]) -> None:
        """Notes a commit that a job of this transaction will make."""
        self._known[place] = Latest(commit, is_promised=True)
        self._made_of[commit] = list(made_of)

    def touch(self, place: Place, commit: CommitId) -> None:
        """Notes the commit that a branch is at from this transaction on."""
        self._known[place] = Latest(commit)

    def latest(self, place: Place) -> Latest:
        """Returns what a branch is at."""
        if place not in self._known:
            self._known[place] = self._look(place)
        return self._known[place]

    def is_consistent(self, inputs: Iterable[tuple[Place, CommitId]]) -> bool:
        """Tells whether commits, and all that they were made of by jobs, have each branch in one state only."""
        states: dict[Place, CommitId] = {}
        level = list(inputs)
        seen: set[CommitId] = set()
        while level:
            for place, commit in level:
                if states.setdefault(place, commit) != commit:
                    return False
            fresh = {commit for _, commit in level} - seen
            seen |= fresh
            here = [pair for commit in fresh for pair in self._made_of.get(commit, ())]
            stored = [commit for commit in fresh if commit not in self._made_of]
            level = [*here, *store.inputs_of_commits(self._conn, stored)]
        return True

    def _look(self, place: Place) -> Latest:
        attempts = [
            attempt
            for writer in store.writing(self._conn, [place])
            if (attempt := store.newest_attempt(self._conn, writer.id, place)) is not None
        ]
        newest = max(attempts, key=lambda one: one.number, default=None)
        if newest is not None and newest.is_promise:
            return Latest(newest.commit_id, is_promised=True)
        head = self._repos.head(self._conn, *place)
        return Latest(head, failed=newest if newest is not None and newest.has_failed else None)


def settled(
    choosing: Choosing, inputs: Mapping[int, tuple[Place, CommitId]], failed: Mapping[int, Attempt]
) -> Attempt | None:
    """Returns the failed attempt that a job must not pass over; none where its inputs agree without it."""
    if not failed or choosing.is_consistent(inputs.values()):
        return None
    return next(iter(failed.values()))
