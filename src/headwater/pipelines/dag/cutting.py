"""Goes back to the newest commits of several branches that agree with one another.

Where two of them were made of two states of a branch further up, the older of
these states is the newest that both can have: the one that has seen the newer
goes back to its newest commit that has not. This is done again until nothing
contradicts, which ends because commits only ever get older. A branch's jobs
see its sources in the order in which they were made, so its commit is found
by halving: what is between then and now is not walked through.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from sqlalchemy import Connection

from headwater.ids import CommitId
from headwater.pipelines.dag import lineage_store as store
from headwater.pipelines.dag.lineage import Lineage, States
from headwater.pipelines.dag.lineage_store import Version
from headwater.pipelines.dag.store import Place, writing
from headwater.repos import Repos

_ROUNDS = 200


def newest_cut(
    conn: Connection,
    repos: Repos,
    lineage: Lineage,
    inputs: Mapping[Place, CommitId],
    fixed: Collection[Place] = (),
) -> dict[Place, CommitId] | None:
    """Returns the newest commits of the branches, not newer than the given ones, that agree; none where none do.

    Args:
        conn: The transaction.
        repos: Where the commits are.
        lineage: What commits were made of.
        inputs: The branches, each with the newest commit that may be read.
        fixed: Branches that must be read at that commit.
    """
    back = _Back(conn, repos, lineage)
    chosen = dict(inputs)
    for _ in range(_ROUNDS):
        limits = back.limits(lineage.states(chosen.items()))
        if not limits:
            return chosen if back.are_readable(inputs, chosen) else None
        for place, most in limits.items():
            older = None if place in fixed else back.older(place, chosen[place], most)
            if older is None:
                return None
            chosen[place] = older
    return None


class _Back:
    """Looks for older commits of branches within one transaction."""

    def __init__(self, conn: Connection, repos: Repos, lineage: Lineage) -> None:
        """Knows of no commit yet."""
        self._conn, self._repos, self._lineage = conn, repos, lineage

    def limits(self, states: States) -> dict[Place, dict[Place, CommitId]]:
        """Returns which inputs have to go back, each with the branches and how new it may have these."""
        found: dict[Place, dict[Place, CommitId]] = defaultdict(dict)
        for place, commits in states.items():
            if len(commits) > 1:
                oldest = self._in_order(commits)[0]
                for commit, inputs in commits.items():
                    for one in inputs if commit != oldest else ():
                        found[one][place] = oldest
        return found

    def older(self, place: Place, now: CommitId, most: Mapping[Place, CommitId]) -> CommitId | None:
        """Returns the newest commit of a branch, older than now, that has other branches no newer than allowed."""
        if place in most:
            return most[place]
        writers = writing(self._conn, [place])
        number = store.number_of(self._conn, now) if writers else None
        if number is None:
            return None
        writer, low, high, step = writers[0].id, 0, number, 1
        found: Version | None = None
        while found is None and high > 1:  # ever longer steps back, then halving between the last two
            version = store.version_until(self._conn, writer, place, max(high - step, 1))
            if version is None:
                low, step = max(high - step, 1), 1
                break
            if self._is_within(place, version, most):
                found, low = version, max(high - step, 1)
            else:
                high, step = version.number, step * 2
        while high - low > 1:
            middle = (low + high) // 2
            version = store.version_until(self._conn, writer, place, middle)
            if version is None or (found is not None and version.number <= found.number):
                low = middle
            elif self._is_within(place, version, most):
                found, low = version, middle
            else:
                high = version.number
        return None if found is None else found.commit

    def are_readable(self, before: Mapping[Place, CommitId], chosen: Mapping[Place, CommitId]) -> bool:
        """Tells whether the commits that were gone back to still have their files."""
        back = [commit for place, commit in chosen.items() if before[place] != commit]
        known = self._repos.commits_by_ids(self._conn, back) if back else {}
        return all(one in known and known[one].state in ("finished", "waiting") for one in back)

    def _is_within(self, place: Place, version: Version, most: Mapping[Place, CommitId]) -> bool:
        met: dict[Place, CommitId] = dict(self._lineage.above((place, version.commit)))
        return all(
            self._in_order([met.get(one, newest), newest])[-1] == newest for one, newest in most.items()
        )

    def _in_order(self, commits: Iterable[CommitId]) -> list[CommitId]:
        """Returns commits in the order in which they were begun."""
        unique = list(dict.fromkeys(commits))
        if len(unique) == 1:
            return unique
        return [CommitId(one) for one in self._repos.commits_by_ids(self._conn, unique)]
