"""All SQL of running jobs: what has been accepted of them, and the memo beside them.

Every function takes the connection of the transaction that it is part of.
"""

from collections.abc import Iterator, Mapping, Sequence

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection

from headwater.pipelines.store import JobRow, PipelineRow
from headwater.pipelines.tables import job_parts, jobs, memos

_LOOK_BACK = 1_000
_PAGE = 64


class Part(msgspec.Struct, frozen=True):
    """What one datum set of a job produced, as accepted by a coordinator."""

    job_id: str
    number: int
    results: bytes


_PART = [job_parts.c[name] for name in Part.__struct_fields__]


def add_parts(conn: Connection, parts: Sequence[Part]) -> None:
    """Keeps what datum sets of a job produced."""
    conn.execute(sa.insert(job_parts), [msgspec.structs.asdict(part) for part in parts])


def parts_of(conn: Connection, job: str, *, after: Mapping[str, int] | None = None) -> Iterator[Part]:
    """Yields what has been accepted of a job, or of one that it was taken together with, a page at a time.

    With `after` only what comes behind these numbers, by job.
    """
    ids = [job, *conn.execute(sa.select(jobs.c.id).where(jobs.c.covered_by == job)).scalars()]
    for one in ids:
        last = -1 if after is None else after.get(one, -1)
        while True:
            query = (
                sa.select(*_PART)
                .where(job_parts.c.job_id == one, job_parts.c.number > last)
                .order_by(job_parts.c.number)
                .limit(_PAGE)
            )
            page = [Part(*row) for row in conn.execute(query)]
            yield from page
            if len(page) < _PAGE:
                break
            last = page[-1].number


def part_of(conn: Connection, job: str, number: int) -> Part:
    """Returns one accepted datum set."""
    query = sa.select(*_PART).where(job_parts.c.job_id == job, job_parts.c.number == number)
    return Part(*conn.execute(query).one())


def drop_parts(conn: Connection, job: str) -> None:
    """Forgets the parts of a job that has ended, and of those that it was taken together with."""
    covered = sa.select(jobs.c.id).where(jobs.c.covered_by == job)
    conn.execute(
        sa.delete(job_parts).where(sa.or_(job_parts.c.job_id == job, job_parts.c.job_id.in_(covered)))
    )


def drop_some(conn: Connection, names: Sequence[tuple[str, int]]) -> None:
    """Forgets some parts, by their jobs and numbers."""
    for job, number in names:
        conn.execute(sa.delete(job_parts).where(job_parts.c.job_id == job, job_parts.c.number == number))


def next_queued(conn: Connection, job: JobRow) -> JobRow | None:
    """Returns the newest queued job that waits for nothing and writes where this one does, at the same version."""
    columns = [jobs.c[name] for name in JobRow.__struct_fields__]
    query = (
        sa.select(*columns)
        .where(
            jobs.c.pipeline_id == job.pipeline_id,
            jobs.c.state == "queued",
            jobs.c.number > job.number,
            jobs.c.version == job.version,
            jobs.c.waits == 0,
            jobs.c.forced.is_(False),
            jobs.c.repo == job.repo,
            jobs.c.branch == job.branch,
        )
        .order_by(jobs.c.number.desc())
        .limit(1)
    )
    row = conn.execute(query).first()
    return None if row is None else JobRow(*row)


class MemoRow(msgspec.Struct, frozen=True):
    """Where the two generations of a memo begin, how many entries the younger has, and when it began."""

    root: bytes | None = None
    older: bytes | None = None
    entries: int = 0
    turned_ms: int = 0


def memo_of(conn: Connection, pipeline: PipelineRow) -> MemoRow:
    """Returns the pipeline's memo under its current salt."""
    columns = [memos.c[name] for name in MemoRow.__struct_fields__]
    where = (memos.c.pipeline_id == pipeline.id, memos.c.salt == pipeline.salt)
    row = conn.execute(sa.select(*columns).where(*where)).first()
    return MemoRow() if row is None else MemoRow(*row)


def set_memo(conn: Connection, pipeline: PipelineRow, memo: MemoRow) -> None:
    """Replaces the pipeline's memo."""
    where = (memos.c.pipeline_id == pipeline.id, memos.c.salt == pipeline.salt)
    values = msgspec.structs.asdict(memo)
    if conn.execute(sa.update(memos).where(*where).values(**values)).rowcount == 0:
        conn.execute(sa.insert(memos).values(pipeline_id=pipeline.id, salt=pipeline.salt, **values))
        # Nobody asks for what is known under another salt any more.
        conn.execute(
            sa.delete(memos).where(memos.c.pipeline_id == pipeline.id, memos.c.salt != pipeline.salt)
        )


class BaseRow(msgspec.Struct, frozen=True):
    """An earlier job whose commit has the trees that a plan may start from."""

    id: str
    commit_id: str
    recipe: str | None


def base_before(conn: Connection, job: JobRow, recipe: str | None) -> BaseRow | None:
    """Returns the earlier job to start from: the first of `bases_before`."""
    return next(iter(bases_before(conn, job, recipe, most=1)), None)


def bases_before(
    conn: Connection, job: JobRow, recipe: str | None, *, most: int = _LOOK_BACK
) -> list[BaseRow]:
    """Returns earlier jobs to start from, the newest first, those with this recipe before all others.

    One that wrote the same branch goes before those that somebody ran aside, on other commits: from those it may
    be a long way back. Looks back over a bounded number of jobs, so that a long history costs nothing.
    """
    lately = (
        sa.select(
            *(jobs.c.id, jobs.c.commit_id, jobs.c.recipe, jobs.c.based, jobs.c.number),
            *(jobs.c.repo, jobs.c.branch),
        )
        .where(jobs.c.pipeline_id == job.pipeline_id, jobs.c.number < job.number)
        .order_by(jobs.c.number.desc())
        .limit(_LOOK_BACK)
        .subquery()
    )
    is_same_place = sa.and_(lately.c.repo == job.repo, lately.c.branch == job.branch)
    query = (
        sa.select(lately.c.id, lately.c.commit_id, lately.c.recipe)
        .where(lately.c.based)
        .order_by(
            sa.case((lately.c.recipe == recipe, 0), else_=1),
            sa.case((is_same_place, 0), else_=1),
            lately.c.number.desc(),
        )
        .limit(most)
    )
    return [BaseRow(*row) for row in conn.execute(query)]


def based(conn: Connection, job: str) -> tuple[bool, str | None]:
    """Returns whether a job's commit has trees to start from, and its recipe."""
    row = conn.execute(sa.select(jobs.c.based, jobs.c.recipe).where(jobs.c.id == job)).one()
    return bool(row.based), row.recipe
