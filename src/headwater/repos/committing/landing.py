"""Brings changes onto their branches: one transaction for all of them, and a second try for who loses a race.

The first try is optimistic: the trees are built on the heads as they are, and
the transaction only asks whether they still are. Who loses that race builds
once more in the writer's turn, in which no head can move, so a second loss
cannot happen. Contents are written once, whatever happens to the trees.
"""

from collections.abc import Sequence
from typing import Protocol

from headwater.repos.errors import BranchMoved, CommitChanged
from headwater.repos.parts import Parts
from headwater.repos.values import Commit, PendingCommit
from headwater.storage import Writer


class Landing(Protocol):
    """One commit that is to land."""

    @property
    def writer(self) -> Writer:
        """What it is built with; several may have one."""
        ...

    def build(self) -> PendingCommit | Commit:
        """Builds its trees on what there is now; where that changes nothing, returns the head that is there."""
        ...

    def landed(self) -> None:
        """Hears, inside the transaction, that it is written."""
        ...


def land(parts: Parts, landings: Sequence[Landing]) -> list[Commit]:
    """Makes commits of one set visible, all or none.

    Returns:
        The commits, in the order given; where nothing changed, the head that was there.

    Raises:
        BranchMoved: A branch is not at the only head that its changes may be applied to.
        CommitEnded: An open commit was finished or dropped by somebody else.
    """
    try:
        return _attempt(parts, landings)
    except (BranchMoved, CommitChanged):
        for writer in _writers(landings):
            writer.rewind()
    with parts.catalog.writer_turn():
        return _attempt(parts, landings)


def _attempt(parts: Parts, landings: Sequence[Landing]) -> list[Commit]:
    built = [one.build() for one in landings]
    changed = [
        (landing, one) for landing, one in zip(landings, built, strict=True) if isinstance(one, PendingCommit)
    ]
    for writer in _writers([landing for landing, _ in changed]):
        writer.seal()
    made: list[Commit] = []
    if changed:
        with parts.catalog.write(shared=True) as conn:
            made = parts.publisher.publish(conn, [pending for _, pending in changed])
            for landing, _ in changed:
                landing.landed()
    upcoming = iter(made)
    return [next(upcoming) if isinstance(one, PendingCommit) else one for one in built]


def _writers(landings: Sequence[Landing]) -> list[Writer]:
    return list({id(one.writer): one.writer for one in landings}.values())
