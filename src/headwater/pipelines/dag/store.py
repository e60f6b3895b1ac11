"""All SQL by which commits spread through pipelines: who reads what, who waits for whom, what may be taken next.

Statements are about places (a repo and a branch) and sets, and take many at
once, so that a commit costs what lies below it and not what came before it.
Every function takes the connection of the transaction that it is part of.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa
from sqlalchemy import Connection

from headwater.ids import CommitId
from headwater.pipelines.store import TAKEN, PipelineRow
from headwater.pipelines.tables import branch_triggers, job_inputs, jobs, pipeline_inputs, pipelines

Place = tuple[str, str]
_Item = TypeVar("_Item")
UNENDED = ("queued", *TAKEN)
FAILED = ("failed", "cancelled", "blocked")
BEGUN = (*TAKEN, "succeeded")
_AT_ONCE = 500


class Leaf(NamedTuple):
    """One input of a pipeline's current version."""

    leaf: int
    name: str
    place: Place
    pinned: str | None
    follow: bool


class Attempt(NamedTuple):
    """A job as others see it that depend on it."""

    id: str
    pipeline_id: int
    number: int
    set_id: str
    commit_id: CommitId
    state: str
    repo: str = ""
    branch: str = ""
    made: bool = False

    @property
    def place(self) -> Place:
        """The branch that its commit goes to."""
        return self.repo, self.branch

    @property
    def is_promise(self) -> bool:
        """Whether its commit has yet to be made."""
        return self.state in UNENDED and not self.made

    @property
    def has_failed(self) -> bool:
        """Whether its commit will not be made, for a reason that concerns others."""
        return self.state in FAILED and not self.made


class Dependent(NamedTuple):
    """A queued job that reads a commit, which is to be there or not."""

    id: str
    pipeline_id: int
    number: int
    set_id: str
    commit_id: CommitId
    reads: CommitId


_PIPELINE = [pipelines.c[name] for name in PipelineRow.__struct_fields__]
_ATTEMPT = [jobs.c[name] for name in Attempt._fields]
_FOLLOWING = (
    sa.select(*_PIPELINE)
    .join(pipeline_inputs, pipeline_inputs.c.pipeline_id == pipelines.c.id)
    .where(
        sa.tuple_(pipeline_inputs.c.repo, pipeline_inputs.c.branch).in_(
            sa.bindparam("places", expanding=True)
        ),
        pipeline_inputs.c.follow.is_(True),
        pipelines.c.state == "running",
    )
    .distinct()
    .order_by(pipelines.c.id)
)
_READING = (
    sa.select(*_PIPELINE)
    .join(pipeline_inputs, pipeline_inputs.c.pipeline_id == pipelines.c.id)
    .where(
        sa.tuple_(pipeline_inputs.c.repo, pipeline_inputs.c.branch).in_(
            sa.bindparam("places", expanding=True)
        ),
        pipeline_inputs.c.pinned.is_(None),
    )
    .distinct()
)
_LEAVES = (
    sa.select(pipeline_inputs)
    .where(pipeline_inputs.c.pipeline_id.in_(sa.bindparam("ids", expanding=True)))
    .order_by(pipeline_inputs.c.pipeline_id, pipeline_inputs.c.leaf)
)
_WRITING = (
    sa.select(*_PIPELINE)
    .where(
        sa.tuple_(pipelines.c.output_repo, pipelines.c.output_branch).in_(
            sa.bindparam("places", expanding=True)
        )
    )
    .order_by(pipelines.c.id)
)
_TRIGGERED = sa.select(branch_triggers.c.repo, branch_triggers.c.source, branch_triggers.c.branch).where(
    sa.tuple_(branch_triggers.c.repo, branch_triggers.c.source).in_(sa.bindparam("places", expanding=True))
)


def following(conn: Connection, places: Collection[Place]) -> list[PipelineRow]:
    """Returns the running pipelines that start when one of these branches gets a commit."""
    return [
        PipelineRow(*row) for part in _parts(places) for row in conn.execute(_FOLLOWING, {"places": part})
    ]


def reading(conn: Connection, places: Collection[Place]) -> list[PipelineRow]:
    """Returns the pipelines, whatever their state, that read one of these branches."""
    return [PipelineRow(*row) for part in _parts(places) for row in conn.execute(_READING, {"places": part})]


def readers_of(conn: Connection, places: Collection[Place]) -> list[tuple[Place, PipelineRow]]:
    """Returns (branch, a pipeline that reads it), whatever the pipeline's state, but for pinned commits."""
    found = []
    for part in _parts(places):
        where = sa.tuple_(pipeline_inputs.c.repo, pipeline_inputs.c.branch).in_(part)
        query = (
            sa.select(pipeline_inputs.c.repo, pipeline_inputs.c.branch, *_PIPELINE)
            .join(pipelines, pipelines.c.id == pipeline_inputs.c.pipeline_id)
            .where(where, pipeline_inputs.c.pinned.is_(None))
            .distinct()
        )
        found += [((row[0], row[1]), PipelineRow(*row[2:])) for row in conn.execute(query)]
    return found


def writing(conn: Connection, places: Collection[Place]) -> list[PipelineRow]:
    """Returns the pipelines whose output is one of these branches."""
    return [PipelineRow(*row) for part in _parts(places) for row in conn.execute(_WRITING, {"places": part})]


def triggered(conn: Connection, places: Collection[Place]) -> list[tuple[Place, Place]]:
    """Returns (source, branch) for each branch that follows one of these."""
    return [
        ((row.repo, row.source), (row.repo, row.branch))
        for part in _parts(places)
        for row in conn.execute(_TRIGGERED, {"places": part})
    ]


def leaves(conn: Connection, ids: Collection[int]) -> dict[int, list[Leaf]]:
    """Returns the inputs of pipelines."""
    found: dict[int, list[Leaf]] = {id: [] for id in ids}
    for part in _parts(ids):
        for row in conn.execute(_LEAVES, {"ids": part}):
            place = (row.repo, row.branch)
            found[row.pipeline_id].append(Leaf(row.leaf, row.name, place, row.pinned, row.follow))
    return found


def writes(place: Place) -> list[sa.ColumnElement[bool]]:
    """Names jobs whose commits go to a branch."""
    return [jobs.c.repo == place[0], jobs.c.branch == place[1]]


def newest_attempt(
    conn: Connection, pipeline_id: int, place: Place, *, without: Collection[str] = ()
) -> Attempt | None:
    """Returns the newest job that writes a branch, of those that were not taken together with another one.

    Args:
        conn: The transaction.
        pipeline_id: Whose jobs.
        place: The branch.
        without: States of jobs to leave out.
    """
    ends = [
        sa.select(
            sa.select(jobs.c.number)
            .where(jobs.c.pipeline_id == pipeline_id, jobs.c.state == state, *writes(place))
            .order_by(jobs.c.number.desc())
            .limit(1)
            .scalar_subquery()
            .label("number")
        )
        for state in (*UNENDED, "succeeded", *FAILED)
        if state not in without
    ]
    last = sa.select(sa.func.max(sa.union_all(*ends).subquery().c.number)).scalar_subquery()
    row = conn.execute(sa.select(*_ATTEMPT).where(jobs.c.number == last)).first()
    return None if row is None else Attempt(*row)


def jobs_of(conn: Connection, set_id: str) -> dict[int, Attempt]:
    """Returns the jobs of a set by their pipelines."""
    query = sa.select(*_ATTEMPT).where(jobs.c.set_id == set_id).order_by(jobs.c.number)
    return {row.pipeline_id: Attempt(*row) for row in conn.execute(query)}


def pipelines_at(conn: Connection, commits: Collection[str]) -> set[int]:
    """Returns the pipelines of which a job reads one of these commits."""
    query = (
        sa.select(jobs.c.pipeline_id)
        .join(job_inputs, job_inputs.c.job_id == jobs.c.id)
        .where(job_inputs.c.commit_id.in_(list(commits)))
        .distinct()
    )
    return set(conn.execute(query).scalars())


def add_jobs(
    conn: Connection, rows: Sequence[Mapping[str, Any]], inputs: Sequence[Mapping[str, Any]]
) -> None:
    """Adds jobs and what they read."""
    if rows:
        conn.execute(sa.insert(jobs), rows)
    if inputs:
        conn.execute(sa.insert(job_inputs), inputs)


def dependents(conn: Connection, commits: Sequence[str]) -> Iterator[Dependent]:
    """Yields the queued jobs that read one of these commits, oldest first, once per commit that they read."""
    for part in _parts(commits):
        query = (
            sa.select(
                jobs.c.id,
                jobs.c.pipeline_id,
                jobs.c.number,
                jobs.c.set_id,
                jobs.c.commit_id,
                job_inputs.c.commit_id,
            )
            .join(job_inputs, job_inputs.c.job_id == jobs.c.id)
            .where(job_inputs.c.commit_id.in_(part), jobs.c.state == "queued")
            .distinct()
            .order_by(jobs.c.number)
        )
        yield from (Dependent(*row) for row in conn.execute(query).all())


def recount(conn: Connection, ids: Sequence[str]) -> list[int]:
    """Counts anew for what queued jobs wait; returns the pipelines of those that wait for nothing any more."""
    maker = jobs.alias("maker")
    waits = (
        sa.select(sa.func.count())
        .select_from(job_inputs)
        .join(maker, maker.c.commit_id == job_inputs.c.commit_id)
        .where(job_inputs.c.job_id == jobs.c.id, maker.c.state.in_(UNENDED), maker.c.made.is_(False))
        .scalar_subquery()
    )
    ready: set[int] = set()
    for part in _parts(ids):
        conn.execute(sa.update(jobs).where(jobs.c.id.in_(part)).values(waits=waits))
        query = sa.select(jobs.c.pipeline_id).where(
            jobs.c.id.in_(part), jobs.c.state == "queued", jobs.c.waits == 0
        )
        ready |= set(conn.execute(query.distinct()).scalars())
    return sorted(ready)


def ready_of(conn: Connection, pipelines: Collection[int]) -> list[int]:
    """Returns those of the pipelines that have a queued job which waits for nothing."""
    found: set[int] = set()
    for part in _parts(pipelines):
        where = (jobs.c.pipeline_id.in_(part), jobs.c.state == "queued", jobs.c.waits == 0)
        found |= set(conn.execute(sa.select(jobs.c.pipeline_id).where(*where).distinct()).scalars())
    return sorted(found)


def note_made(conn: Connection, job: str) -> None:
    """Notes that a job's commit is finished."""
    conn.execute(sa.update(jobs).where(jobs.c.id == job).values(made=True))


def is_made(conn: Connection, job: str) -> bool:
    """Tells whether a job's commit is finished."""
    return bool(conn.execute(sa.select(jobs.c.made).where(jobs.c.id == job)).scalar())


def repoint(conn: Connection, job: str, old: str, new: str) -> None:
    """Lets a queued job read another commit in the place of one that will not be."""
    where = (job_inputs.c.job_id == job, job_inputs.c.commit_id == old)
    conn.execute(sa.update(job_inputs).where(*where).values(commit_id=new))


def end_jobs(conn: Connection, ids: Sequence[str], **values: Any) -> None:
    """Ends jobs that never began."""
    for part in _parts(ids):
        conn.execute(sa.update(jobs).where(jobs.c.id.in_(part)).values(**values))


def held_by_paused(conn: Connection, ids: Collection[str]) -> dict[str, list[str]]:
    """Returns the paused pipelines for which queued jobs wait, however far above they are, by name."""
    start, maker = jobs.alias(), jobs.alias()
    up = (
        sa.select(start.c.id.label("root"), start.c.id, start.c.pipeline_id)
        .where(start.c.id.in_(sa.bindparam("ids", expanding=True)), start.c.state == "queued")
        .cte("up", recursive=True)
    )
    further = (
        sa.select(up.c.root, maker.c.id, maker.c.pipeline_id)
        .join(job_inputs, job_inputs.c.job_id == up.c.id)
        .join(maker, maker.c.commit_id == job_inputs.c.commit_id)
        .where(maker.c.state == "queued")
    )
    up = up.union(further)
    query = (
        sa.select(up.c.root, pipelines.c.name)
        .join(pipelines, pipelines.c.id == up.c.pipeline_id)
        .where(pipelines.c.state == "paused")
        .distinct()
        .order_by(pipelines.c.name)
    )
    found: dict[str, list[str]] = {}
    for part in _parts(ids):
        for row in conn.execute(query, {"ids": part}):
            found.setdefault(row.root, []).append(row.name)
    return found


def begun_beside(conn: Connection, ids: Sequence[str]) -> Iterator[tuple[str, Attempt]]:
    """Yields (queued job, a job that has begun and that made another of its inputs)."""
    waiting = jobs.alias("waiting")
    for part in _parts(ids):
        query = (
            sa.select(waiting.c.id, *_ATTEMPT)
            .select_from(waiting)
            .join(job_inputs, job_inputs.c.job_id == waiting.c.id)
            .join(jobs, jobs.c.commit_id == job_inputs.c.commit_id)
            .where(waiting.c.id.in_(part), jobs.c.state.in_(BEGUN))
        )
        yield from ((row[0], Attempt(*row[1:])) for row in conn.execute(query).all())


def _parts(items: Collection[_Item]) -> Iterator[list[_Item]]:
    whole = list(items)
    return (whole[at : at + _AT_ONCE] for at in range(0, len(whole), _AT_ONCE))
