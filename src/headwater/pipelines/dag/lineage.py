"""What commits were made of, and whether what several of them were made of agrees.

Inputs of a job agree where each branch that is met on the way upward from
them is met at one commit. Where all jobs of a set read the same commits, as
nearly always, one map of branch to commit answers for all of them.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from sqlalchemy import Connection

from headwater.ids import CommitId
from headwater.pipelines.dag import lineage_store as store
from headwater.pipelines.dag.lineage_store import Pair
from headwater.pipelines.dag.store import Place

States = Mapping[Place, Mapping[CommitId, Collection[Place]]]
"""Each branch, the commits at which it is met, and from which inputs each of these is met."""


class Lineage:
    """What the commits are made of that one transaction looks at: stored ones, and those that it promises."""

    def __init__(self, conn: Connection) -> None:
        """Knows of none yet."""
        self._conn = conn
        self._promised: dict[Pair, Sequence[Pair]] = {}
        self._stored: dict[Pair, Collection[Pair]] = {}
        # What has been met so far without a contradiction, and at which commits.
        self._agreed: set[Pair] = set()
        self._at: dict[Place, CommitId] = {}

    def promise(self, pair: Pair, made_of: Sequence[Pair]) -> None:
        """Notes what a commit will be made of by a job of this transaction."""
        self._promised[pair] = made_of

    def note_source(self, pair: Pair) -> None:
        """Notes that no pipeline writes the branch that a commit is read at."""
        self._stored[pair] = ()

    def agree(self, inputs: Collection[Pair]) -> bool:
        """Tells whether commits, and all that they were made of, have each branch in one state only."""
        self._load(pair for pair in inputs if pair not in self._promised)
        if all(self._is_met_alike(pair) for pair in inputs):
            return True
        return not any(len(commits) > 1 for commits in self.states(inputs).values())

    def states(self, inputs: Iterable[Pair]) -> States:
        """Returns at which commits each branch is met from these inputs."""
        found: dict[Place, dict[CommitId, set[Place]]] = defaultdict(lambda: defaultdict(set))
        for pair in inputs:
            for place, commit in (pair, *self.above(pair)):
                found[place][commit].add(pair[0])
        return found

    def above(self, pair: Pair) -> Collection[Pair]:
        """Returns what a commit was made of; a branch that it was itself made of in two states is left out."""
        if pair not in self._promised:
            self._load([pair])
            return self._stored[pair]
        found: set[Pair] = set()
        level = [pair]
        while level:
            reads = {read for one in level for read in self._promised[one]} - found
            found |= reads
            level = [read for read in reads if read in self._promised]
        stored = [one for one in found if one not in self._promised]
        self._load(stored)
        found.update(further for one in stored for further in self._stored[one])
        return _in_one_state(found)

    def _is_met_alike(self, pair: Pair) -> bool:
        """Tells whether a commit and all above it stand where they were met before, and notes where they do."""
        waiting = [pair]
        while waiting:
            one = waiting[-1]
            if one in self._agreed:
                waiting.pop()
                continue
            promised = self._promised.get(one)
            if promised is None:
                self._load([one])
            elif fresh := [read for read in promised if read not in self._agreed]:
                waiting += fresh
                continue
            above = self._stored[one] if promised is None else ()
            if any(self._at.setdefault(place, commit) != commit for place, commit in (one, *above)):
                return False
            self._agreed.add(one)
            waiting.pop()
        return True

    def _load(self, pairs: Iterable[Pair]) -> None:
        fresh = {pair for pair in pairs if pair not in self._stored}
        if fresh:
            found = store.above(self._conn, {commit for _, commit in fresh})
            self._stored |= {pair: _in_one_state(found.get(pair, ())) for pair in fresh}


def contradicts(inputs: Mapping[Pair, Collection[Pair]]) -> bool:
    """Tells whether inputs, given with all above them, have a branch in two states."""
    states: dict[Place, CommitId] = {}
    for own, above in inputs.items():
        for place, commit in (own, *_in_one_state(one for one in above if one != own)):
            if states.setdefault(place, commit) != commit:
                return True
    return False


def _in_one_state(pairs: Iterable[Pair]) -> Collection[Pair]:
    """Leaves out branches that are there in two states: what was made so is no reason to hold up what reads it."""
    states: dict[Place, set[CommitId]] = defaultdict(set)
    for place, commit in pairs:
        states[place].add(commit)
    return [(place, commits.pop()) for place, commits in states.items() if len(commits) == 1]
