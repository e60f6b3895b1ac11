"""Which pipelines lie below a branch, in an order in which each comes after those whose output it reads."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from headwater.pipelines.dag import store, trigger_store
from headwater.pipelines.dag.store import Leaf, Place
from headwater.pipelines.errors import InvalidRun
from headwater.pipelines.store import PipelineRow

# Kinds that run for ever instead of having jobs.
LONG_RUNNING: tuple[str, ...] = ("spout", "service")


def long_key(kind: str, pipeline_id: int) -> str:
    """Returns the key of the task that a pipeline of such a kind has as long as it runs."""
    return f"{kind}:{pipeline_id}"


def has_no_jobs(pipeline: str, kind: str) -> InvalidRun:
    """Returns the error of who asks for a job of a pipeline that runs for ever."""
    return InvalidRun(
        f"The pipeline {pipeline!r} is a {kind}: it has a process, and no jobs.",
        hint=f"`headwater pipeline show {pipeline}` says how that is.",
    )


class Node(NamedTuple):
    """A pipeline and its inputs."""

    pipeline: PipelineRow
    leaves: tuple[Leaf, ...]

    @property
    def writes(self) -> Place:
        """The branch of its output."""
        return self.pipeline.output_repo, self.pipeline.output_branch

    def is_started_by(self, places: Collection[Place]) -> bool:
        """Tells whether a commit to one of these branches starts it."""
        return any(leaf.follow and leaf.place in places for leaf in self.leaves)


class Below(NamedTuple):
    """What lies below some branches."""

    nodes: list[Node]
    services: list[PipelineRow]
    follows: list[tuple[Place, Place]]


def below(
    conn: Connection,
    places: Collection[Place],
    *,
    without: Collection[int] = (),
    first: Sequence[PipelineRow] | None = None,
    along: bool = False,
) -> Below:
    """Returns the running pipelines below branches, upstream ones first, and the branches that follow others.

    Args:
        conn: The transaction.
        places: The branches.
        without: Pipelines to leave out, with what lies below them alone.
        first: The pipelines that follow these branches, where that is known already.
        along: Whether to look below branches that follow others too.
    """
    found: dict[int, PipelineRow] = {}
    services: dict[int, PipelineRow] = {}
    follows: dict[tuple[Place, Place], None] = {}
    seen, level = set(places), list(places)
    while level:
        edges = store.triggered(conn, level) if along else []
        follows.update(dict.fromkeys(edges))
        reached = [branch for _, branch in edges]
        rows, first = store.following(conn, level) if first is None else first, None
        for row in rows:
            if row.kind in LONG_RUNNING:
                services[row.id] = row
            elif row.id not in without and row.id not in found:
                found[row.id] = row
                reached.append((row.output_repo, row.output_branch))
        level = [place for place in dict.fromkeys(reached) if place not in seen]
        seen.update(level)
    return Below(_in_order(nodes_of(conn, found.values()), follows), list(services.values()), list(follows))


def nodes_of(conn: Connection, rows: Collection[PipelineRow]) -> list[Node]:
    """Returns pipelines with their inputs."""
    leaves = store.leaves(conn, [row.id for row in rows]) if rows else {}
    return [Node(row, tuple(leaves[row.id])) for row in rows]


def _in_order(nodes: Iterable[Node], follows: Iterable[tuple[Place, Place]]) -> list[Node]:
    """Returns nodes so that each comes after those whose output it reads; by id where that leaves a choice."""
    left = {node.pipeline.id: node for node in sorted(nodes, key=lambda node: node.pipeline.id)}
    makers: dict[Place, list[int]] = {}
    for id, node in left.items():
        makers.setdefault(node.writes, []).append(id)
    for source, branch in follows:
        makers.setdefault(branch, []).extend(makers.get(source, ()))
    before = {
        id: {maker for leaf in node.leaves for maker in makers.get(leaf.place, ()) if maker != id}
        for id, node in left.items()
    }
    readers: dict[int, list[int]] = {}
    for id, makes in before.items():
        for maker in makes:
            readers.setdefault(maker, []).append(id)
    ready, ordered = [id for id in left if not before[id]], list[Node]()
    while ready:
        id = ready.pop(0)
        ordered.append(left[id])
        for reader in readers.get(id, ()):
            before[reader].discard(id)
            if not before[reader]:
                ready.append(reader)
    return ordered


def way_to(
    conn: Connection,
    start: Place,
    goals: Collection[Place],
    *,
    without: int | None = None,
    also: Mapping[Place, Collection[Place]] | None = None,
) -> list[str] | None:
    """Returns what a commit to a branch goes through until it reaches one of others; none where it reaches none.

    Args:
        conn: The transaction.
        start: The branch that gets the commit.
        goals: The branches that it may reach.
        without: A pipeline to leave out, with the branches that follow others on its account.
        also: Branches that follow another one besides those that are known, by that one.
    """
    ways: dict[Place, list[str]] = {start: []}
    level = [start]
    while level:
        met = next((place for place in level if place in goals), None)
        if met is not None:
            return ways[met]
        edges = [
            (place, (row.output_repo, row.output_branch), row.name)
            for place, row in store.readers_of(conn, level)
            if row.id != without
        ]
        for follower in trigger_store.of_sources(conn, level):
            if without is None or follower.pipeline_id != without:
                place = follower.repo, follower.branch
                edges.append(((follower.repo, follower.source), place, "@".join(place)))
        edges += [(place, to, "@".join(to)) for place in level for to in (also or {}).get(place, ())]
        level = []
        for source, place, name in edges:
            if place not in ways:
                ways[place] = [*ways[source], name]
                level.append(place)
    return None


def related(conn: Connection, pipeline: PipelineRow) -> set[int]:
    """Returns the pipelines whose output meets this one's further down, other than those above and below it."""
    down = _reach_down(conn, pipeline)
    if not down:
        return set()
    up = _reach_up(conn, [*down.values()])
    own = _reach_up(conn, [pipeline])
    return {id for id in up if id not in down and id not in own and id != pipeline.id}


def paused_above(conn: Connection, places: Collection[Place]) -> list[str]:
    """Returns the paused pipelines because of which these branches may get no commits at present, by name."""
    makers = store.writing(conn, places)
    return sorted({row.name for row in (*makers, *_reach_up(conn, makers).values()) if row.state == "paused"})


def _reach_down(conn: Connection, start: PipelineRow) -> dict[int, PipelineRow]:
    found: dict[int, PipelineRow] = {}
    level = [(start.output_repo, start.output_branch)]
    while level:
        rows = [row for row in store.reading(conn, level) if row.id not in found and row.id != start.id]
        found.update({row.id: row for row in rows})
        level = [(row.output_repo, row.output_branch) for row in rows]
    return found


def _reach_up(conn: Connection, start: Collection[PipelineRow]) -> dict[int, PipelineRow]:
    found: dict[int, PipelineRow] = {}
    level = list(start)
    seen: set[Place] = set()
    while level:
        leaves = store.leaves(conn, [row.id for row in level])
        places = {leaf.place for row in level for leaf in leaves[row.id] if leaf.pinned is None} - seen
        seen |= places
        level = [row for row in store.writing(conn, places) if row.id not in found] if places else []
        found.update({row.id: row for row in level})
    return found
