"""Which commit each input of a new job is read at, so that what a job sees never contradicts itself.

A branch that the job's set touches is read at the set's own commit, made or
yet to be made. Any other is read at the newest commit that has been promised
for it, or else at its head. Where these were made of two states of a source,
for a pipeline on one of the ways is paused or has failed, those that the set
does not touch go back to the newest commits that agree (`cutting`); where
there are none, the job has to wait until the other way has caught up.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from headwater.ids import CommitId
from headwater.pipelines.dag import store
from headwater.pipelines.dag.cutting import newest_cut
from headwater.pipelines.dag.lineage import Lineage
from headwater.pipelines.dag.lineage_store import Pair
from headwater.pipelines.dag.store import FAILED, Attempt, Place
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
        self._lineage = Lineage(conn)

    def promise(self, place: Place, commit: CommitId, made_of: Sequence[Pair] | None = None) -> None:
        """Notes a commit that a job will make: one of this transaction, with what it is made of, or an earlier one."""
        self._known[place] = Latest(commit, is_promised=True)
        if made_of is not None:
            self._lineage.promise((place, commit), made_of)

    def touch(self, place: Place, commit: CommitId, *, is_source: bool = False) -> None:
        """Notes the commit that a branch is at from this transaction on, and whether no pipeline writes the branch."""
        self._known[place] = Latest(commit)
        if is_source:
            self._lineage.note_source((place, commit))

    def latest(self, place: Place) -> Latest:
        """Returns what a branch is at."""
        if place not in self._known:
            self._known[place] = self._look(place)
        return self._known[place]

    def is_consistent(self, inputs: Collection[Pair]) -> bool:
        """Tells whether commits, and all that they were made of by jobs, have each branch in one state only."""
        return len({place for place, _ in inputs}) <= 1 or self._lineage.agree(inputs)

    def newest_agreeing(
        self, inputs: Mapping[Place, CommitId], *, fixed: Collection[Place] = ()
    ) -> dict[Place, CommitId] | None:
        """Returns these commits, or in the place of some the newest older ones with which all agree; none for none."""
        return newest_cut(self._conn, self._repos, self._lineage, inputs, fixed)

    def heads(self, places: Collection[Place]) -> dict[Place, CommitId]:
        """Returns what branches are at that have a commit; where that does not agree, the newest that does, if any."""
        heads = {place: self._repos.head(self._conn, *place) for place in places}
        known = {place: head for place, head in heads.items() if head is not None}
        if self.is_consistent(known.items()):
            return known
        return self.newest_agreeing(known) or known

    def _look(self, place: Place) -> Latest:
        writers = store.writing(self._conn, [place])
        attempts = [
            attempt
            for writer in writers
            if (attempt := store.newest_attempt(self._conn, writer.id, place)) is not None
        ]
        newest = max(attempts, key=lambda one: one.number, default=None)
        failed = None
        if newest is not None and newest.has_failed:
            failed, newest = (
                newest,
                store.newest_attempt(self._conn, newest.pipeline_id, place, without=FAILED),
            )
        if newest is not None and newest.is_promise:
            return Latest(newest.commit_id, is_promised=True, failed=failed)
        head = self._repos.head(self._conn, *place)
        if head is not None and not writers:
            self._lineage.note_source((place, head))
        return Latest(head, failed=failed)
