"""The rule of the sweep, as a model: every order in which writers, sweepers and a purge can take their steps.

The steps are those of the code, one for each statement or transaction that
another one may come before: a writer's transaction locks and touches rows and
becomes visible at its end; a sweeper raises the epoch, takes its snapshot,
condemns segment by segment, deletes bytes, deletes rows. The search visits
each state that can be reached. A rule that is left out must break it, so that
the search is known to look for the right thing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import pytest

# Segment 1 is old: root `old` leads to it. Each writer brings one of its own, and relies on segment 1.
HOLDS = {"old": frozenset({1}), "new2": frozenset({1, 2}), "new3": frozenset({1, 3})}
IDS = (1, 2, 3)


class Segment(NamedTuple):
    state: str = "absent"  # or live, condemned, gone
    has_bytes: bool = False
    epoch: int = 0
    locked_by: int = -1


class WriterState(NamedTuple):
    at: str = "begin"
    epoch: int = 0


class SweeperState(NamedTuple):
    at: str = "raise"
    epoch: int = 0
    marked: frozenset[int] = frozenset()
    chosen: frozenset[int] = frozenset()
    next: int = 0


class World(NamedTuple):
    epoch: int
    segments: tuple[Segment, ...]
    roots: frozenset[str]
    writers: tuple[WriterState, ...]
    sweepers: tuple[SweeperState, ...]
    is_purged: bool = False


@dataclass(frozen=True)
class Rules:
    """What the code keeps to; each can be left out."""

    raises_epoch: bool = True
    raises_alone: bool = True
    roots_after_epoch: bool = True
    touches_only_live: bool = True
    checks_base: bool = True
    condemns_by_epoch_then: bool = True


@dataclass(frozen=True)
class Model:
    """Two writers that rely on segment 1 by a `hint` or through the commit they build on (`base`), and two sweepers."""

    kinds: tuple[str, str]
    rules: Rules = Rules()

    def start(self) -> World:
        segments = (Segment("live", has_bytes=True, epoch=1), Segment(), Segment())
        return World(1, segments, frozenset({"old"}), (WriterState(),) * 2, (SweeperState(),) * 2)

    def steps(self, world: World) -> Iterator[World]:
        if not world.is_purged and not _is_writing(world):
            yield world._replace(roots=world.roots - {"old"}, is_purged=True)
        for number in range(2):
            yield from self._writer(world, number)
            yield from self.sweep(world, number)

    def _writer(self, world: World, number: int) -> Iterator[World]:
        writer = world.writers[number]
        step: Callable[[World, int], World | None] | None = {
            "begin": self._begin,
            "rely": self._rely_on_hint if self.kinds[number] == "hint" else self._rely_on_base,
            "commit": self._commit,
        }.get(writer.at)
        after = None if step is None else step(world, number)
        if after is not None:
            yield after

    def _begin(self, world: World, number: int) -> World:
        return _with_writer(world, number, WriterState("rely", world.epoch))

    def _rely_on_hint(self, world: World, number: int) -> World | None:
        old = world.segments[0]
        if old.locked_by not in (-1, number):
            return None  # waits for the row
        if old.state != "live" and self.rules.touches_only_live:
            return _with_writer(world, number, WriterState("gave up"))
        world = _with_segment(world, 1, old._replace(locked_by=number))
        return _with_writer(world, number, world.writers[number]._replace(at="commit"))

    def _rely_on_base(self, world: World, number: int) -> World:
        if "old" not in world.roots and self.rules.checks_base:
            return _with_writer(world, number, WriterState("gave up"))
        return _with_writer(world, number, world.writers[number]._replace(at="commit"))

    def _commit(self, world: World, number: int) -> World:
        epoch, own = world.writers[number].epoch, 2 + number
        if world.segments[0].locked_by == number:
            world = _with_segment(world, 1, world.segments[0]._replace(epoch=epoch, locked_by=-1))
        world = _with_segment(world, own, Segment("live", has_bytes=True, epoch=epoch))
        world = world._replace(roots=world.roots | {f"new{own}"})
        return _with_writer(world, number, WriterState("done"))

    def sweep(self, world: World, number: int) -> Iterator[World]:
        sweeper = world.sweepers[number]
        first = self.rules.roots_after_epoch
        if sweeper.at == "raise":
            yield from self._raise(world, number) if first else self._mark(world, number, "raise late")
        elif sweeper.at == "raise late":
            yield from self._raise(world, number)
        elif sweeper.at == "mark":
            yield from self._mark(world, number, "condemn") if first else [self._choose(world, number)]
        elif sweeper.at == "choose":
            yield self._choose(world, number)
        elif sweeper.at == "condemn":
            yield self._condemn(world, number)
        elif sweeper.at == "delete bytes":
            after = world
            for id in _condemned(world):
                after = _with_segment(after, id, after.segments[id - 1]._replace(has_bytes=False))
            yield _with_sweeper(after, number, sweeper._replace(at="delete rows"))
        elif sweeper.at == "delete rows":
            after = world
            for id in _condemned(world):
                if not world.segments[id - 1].has_bytes:  # another sweeper may have condemned more since
                    after = _with_segment(after, id, Segment("gone"))
            yield _with_sweeper(after, number, sweeper._replace(at="done"))

    def _raise(self, world: World, number: int) -> Iterator[World]:
        if self.rules.raises_alone and _is_writing(world):
            return
        epoch = world.epoch + 1
        if self.rules.raises_epoch:
            world = world._replace(epoch=epoch)
        yield _with_sweeper(world, number, world.sweepers[number]._replace(at="mark", epoch=epoch))

    def _mark(self, world: World, number: int, then: str) -> Iterator[World]:
        marked = frozenset[int]().union(*(HOLDS[root] for root in world.roots))
        then = "choose" if then == "condemn" else then
        yield _with_sweeper(world, number, world.sweepers[number]._replace(at=then, marked=marked))

    def _choose(self, world: World, number: int) -> World:
        """Reads which segments are old and unmarked, in a transaction of its own."""
        sweeper = world.sweepers[number]
        old = [
            id
            for id in IDS
            if world.segments[id - 1].state == "live" and world.segments[id - 1].epoch < sweeper.epoch
        ]
        chosen = frozenset(old) - sweeper.marked
        return _with_sweeper(world, number, sweeper._replace(at="condemn", chosen=chosen))

    def _condemn(self, world: World, number: int) -> World:
        """Condemns one more of them, if it still is live, old, and nobody is at it."""
        sweeper = world.sweepers[number]
        rest = sorted(id for id in sweeper.chosen if id > sweeper.next)
        if not rest:
            return _with_sweeper(world, number, sweeper._replace(at="delete bytes"))
        segment = world.segments[rest[0] - 1]
        is_old = segment.epoch < sweeper.epoch or not self.rules.condemns_by_epoch_then
        if segment.state == "live" and is_old and segment.locked_by == -1:
            world = _with_segment(world, rest[0], segment._replace(state="condemned"))
        return _with_sweeper(world, number, sweeper._replace(next=rest[0]))


def _is_writing(world: World) -> bool:
    return any(writer.at in ("rely", "commit") for writer in world.writers)


def _condemned(world: World) -> list[int]:
    return [id for id in IDS if world.segments[id - 1].state == "condemned"]


def _with_segment(world: World, id: int, segment: Segment) -> World:
    segments = list(world.segments)
    segments[id - 1] = segment
    return world._replace(segments=tuple(segments))


def _with_writer(world: World, number: int, writer: WriterState) -> World:
    writers = list(world.writers)
    writers[number] = writer
    return world._replace(writers=tuple(writers))


def _with_sweeper(world: World, number: int, sweeper: SweeperState) -> World:
    sweepers = list(world.sweepers)
    sweepers[number] = sweeper
    return world._replace(sweepers=tuple(sweepers))


def reachable(model: Model) -> Iterator[World]:
    """Yields every state that some order of steps leads to, each once."""
    waiting, seen = [model.start()], {model.start()}
    while waiting:
        world = waiting.pop()
        yield world
        for after in model.steps(world):
            if after not in seen:
                seen.add(after)
                waiting.append(after)


def lost(world: World) -> set[int]:
    """Returns the segments that a root leads to and that are condemned, or gone."""
    held = frozenset[int]().union(*(HOLDS[root] for root in world.roots))
    return {
        id for id in held if world.segments[id - 1].state != "live" or not world.segments[id - 1].has_bytes
    }


def breaks(model: Model) -> bool:
    return any(lost(world) for world in reachable(model))


KINDS = [("hint", "hint"), ("hint", "base"), ("base", "base")]


@pytest.mark.parametrize("kinds", KINDS)
def test_nothing_that_a_root_leads_to_is_lost_in_any_order_of_steps(kinds: tuple[str, str]) -> None:
    states = list(reachable(Model(kinds)))

    assert len(states) > 10_000
    assert not any(map(lost, states))


@pytest.mark.parametrize("kinds", KINDS)
def test_whatever_happened_the_next_sweep_leaves_only_what_roots_lead_to(kinds: tuple[str, str]) -> None:
    model = Model(kinds)
    ends = [world for world in reachable(model) if not any(model.steps(world))]

    for end in ends:
        world = _with_sweeper(end, 0, SweeperState())
        while world.sweepers[0].at != "done":
            [world] = list(model.sweep(world, 0))
        held = frozenset[int]().union(*(HOLDS[root] for root in world.roots))
        assert {id for id in IDS if world.segments[id - 1].state in ("live", "condemned")} == held


@pytest.mark.parametrize(
    ("rules", "kinds"),
    [
        (Rules(raises_epoch=False), ("base", "base")),
        (Rules(raises_alone=False), ("base", "base")),
        (Rules(roots_after_epoch=False), ("base", "base")),
        (Rules(touches_only_live=False), ("hint", "hint")),
        (Rules(condemns_by_epoch_then=False), ("hint", "hint")),
        (Rules(checks_base=False), ("base", "base")),
    ],
    ids=lambda value: (
        next((name for name, kept in vars(value).items() if not kept), "") if isinstance(value, Rules) else ""
    ),
)
def test_each_rule_is_needed(rules: Rules, kinds: tuple[str, str]) -> None:
    assert breaks(Model(kinds, rules))
