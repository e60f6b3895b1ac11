"""All SQL of history as a whole: lines of commits, what is named, what has expired, and what was given up.

Every function takes the connection of the transaction that it is part of.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection

from headwater.ids import CommitId
from headwater.repos.rows import commit_store
from headwater.repos.rows.commit_store import LINEAGE
from headwater.repos.rows.tables import branches, commits, drafts, provenance, purges, repos, retentions, tags
from headwater.repos.values import Commit, Roots
from headwater.storage import NamedRoot, Pointer

_LINE_LENGTH = 64
_ROOTS_PER_QUERY = 1_000
_ROLES = (*Roots.__struct_fields__, "record")
_ROOTS = [commits.c[name] for name in _ROLES]
_DRAFT = ("puts", "appended", "deleted")
ENDED = ("finished", "failed", "covered")


def _line() -> "sa.Select[Any]":
    """Returns the statement that follows parents; made once, since making it costs more than running it."""
    columns = [commits.c.id, commits.c.parent, commits.c.number, commits.c.generation]
    first = sa.select(*columns, sa.literal(1).label("depth")).where(commits.c.id == sa.bindparam("start"))
    walk = first.cte("walk", recursive=True)
    walk = walk.union_all(
        sa.select(*columns, walk.c.depth + 1)
        .join(walk, commits.c.id == walk.c.parent)
        .where(walk.c.depth < _LINE_LENGTH)
    )
    return sa.select(walk.c.id, walk.c.parent, walk.c.number, walk.c.generation)


_LINE = _line()
_TOOK_IN = (
    sa.select(provenance.c.commit_number, provenance.c.target)
    .join(commits, commits.c.id == provenance.c.target)  # not those of another workspace
    .where(
        provenance.c.commit_number.in_(sa.bindparam("numbers", expanding=True)),
        provenance.c.kind == "commit",
        provenance.c.role.in_(LINEAGE),
    )
)


class Ancestor(msgspec.Struct, frozen=True):
    """A commit as a walk backwards sees it; `before` are its parent and what was merged or squashed into it."""

    number: int
    generation: int
    parent: CommitId | None
    before: tuple[CommitId, ...]


class RetentionRow(msgspec.Struct, frozen=True):
    """How long a repo keeps commits that nothing names."""

    repo_id: int
    last: int | None
    days: int | None


class Candidate(msgspec.Struct, frozen=True):
    """A commit that may have expired, in the order in which they ended."""

    finished_ms: int
    number: int
    id: CommitId


# --- lines ---------------------------------------------------------------------


def line(conn: Connection, start: CommitId) -> dict[CommitId, Ancestor]:
    """Returns a commit and those before it along the parents, up to 64 of them."""
    rows = conn.execute(_LINE, {"start": start}).all()
    took_in: dict[int, list[CommitId]] = {}
    for number, target in conn.execute(_TOOK_IN, {"numbers": [row.number for row in rows]}):
        took_in.setdefault(number, []).append(CommitId(target))
    return {
        CommitId(id): Ancestor(
            number, generation, parent, (*([parent] if parent else []), *took_in.get(number, ()))
        )
        for id, parent, number, generation in rows
    }


# --- what is named -----------------------------------------------------------------


def named_by_branches(conn: Connection, ids: Sequence[CommitId]) -> list[tuple[CommitId, str]]:
    """Returns which of the commits are heads, with the names of the branches."""
    owners = sa.select(commits.c.repo_id).where(commits.c.id.in_(ids))
    query = sa.select(branches.c.head, branches.c.name).where(
        branches.c.repo_id.in_(owners), branches.c.head.in_(ids)
    )
    return [(CommitId(head), name) for head, name in conn.execute(query.order_by(branches.c.name))]


def named_by_tags(conn: Connection, ids: Sequence[CommitId]) -> list[tuple[CommitId, str]]:
    """Returns which of the commits are tagged, with the names of the tags."""
    query = sa.select(tags.c.commit_id, tags.c.name).where(tags.c.commit_id.in_(ids))
    return [(CommitId(commit), name) for commit, name in conn.execute(query.order_by(tags.c.name))]


def with_other_children(conn: Connection, ids: Sequence[CommitId], within: Collection[str]) -> set[CommitId]:
    """Returns the commits on which others were built than those within."""
    query = sa.select(commits.c.parent, commits.c.id).where(commits.c.parent.in_(ids))
    return {CommitId(parent) for parent, child in conn.execute(query) if child not in within}


def open_on(conn: Connection, repo_id: int, branch: str | None = None) -> list[CommitId]:
    """Returns commits that are open or wait for a job, of a repo or of one branch of it."""
    query = sa.select(commits.c.id).where(
        commits.c.repo_id == repo_id, commits.c.state.in_(("open", "waiting"))
    )
    if branch is not None:
        query = query.where(commits.c.branch == branch)
    return [CommitId(id) for id in conn.execute(query.order_by(commits.c.number).limit(10)).scalars()]


def named_from_elsewhere(conn: Connection, repo_id: int) -> tuple[CommitId, CommitId, str] | None:
    """Returns a commit of the repo that a living one of another repo names, that one, and its repo."""
    other = commits.alias("other")
    query = (
        sa.select(commits.c.id, other.c.id, repos.c.name)
        .join(provenance, sa.and_(provenance.c.target == commits.c.id, provenance.c.kind == "commit"))
        .join(other, other.c.number == provenance.c.commit_number)
        .join(repos, repos.c.id == other.c.repo_id)
        .where(commits.c.repo_id == repo_id, other.c.repo_id != repo_id, other.c.state != "purged")
        .limit(1)
    )
    row = conn.execute(query).first()
    return None if row is None else (CommitId(row[0]), CommitId(row[1]), row[2])


def made_of(conn: Connection, ids: Sequence[CommitId], kind: str) -> list[tuple[CommitId, CommitId]]:
    """Returns (commit, what was made of it) for living commits of repos of a kind that name one of these."""
    query = (
        sa.select(provenance.c.target, commits.c.id)
        .join(commits, commits.c.number == provenance.c.commit_number)
        .join(repos, repos.c.id == commits.c.repo_id)
        .where(
            provenance.c.target.in_(ids),
            provenance.c.kind == "commit",
            repos.c.kind == kind,
            commits.c.state != "purged",
        )
    )
    return [(CommitId(target), CommitId(made)) for target, made in conn.execute(query)]


# --- retention ---------------------------------------------------------------------


def retention_of(conn: Connection, repo_id: int) -> RetentionRow | None:
    """Returns how long a repo keeps commits; none where it keeps all."""
    query = _retention().where(retentions.c.repo_id == repo_id)
    row = conn.execute(query).first()
    return None if row is None else RetentionRow(*row)


def all_retentions(conn: Connection) -> list[RetentionRow]:
    """Returns the retention of every repo that has one."""
    return [RetentionRow(*row) for row in conn.execute(_retention().order_by(retentions.c.repo_id))]


def set_retention(conn: Connection, row: RetentionRow, *, now_ms: int, author: str) -> None:
    """Writes a repo's retention; that of neither count nor days is none."""
    conn.execute(sa.delete(retentions).where(retentions.c.repo_id == row.repo_id))
    if row.last is not None or row.days is not None:
        conn.execute(
            sa.insert(retentions).values(**msgspec.structs.asdict(row), set_ms=now_ms, set_by=author)
        )


def expired(
    conn: Connection,
    row: RetentionRow,
    *,
    state: str,
    before_ms: int | None,
    after: Candidate | None,
    limit: int,
) -> list[Candidate]:
    """Returns commits that the retention does not keep, oldest first, behind the last one seen.

    Heads are left out, and the newest `last` of every branch; tags and pins are for the caller.

    Args:
        conn: The transaction.
        row: The retention.
        state: In which state; of one state they lie in their order, so a batch costs what it returns.
        before_ms: Only commits that ended before this.
        after: The last candidate seen so far.
        limit: How many at most.
    """
    query = sa.select(commits.c.finished_ms, commits.c.number, commits.c.id).where(
        commits.c.repo_id == row.repo_id, commits.c.state == state
    )
    if before_ms is not None:
        query = query.where(commits.c.finished_ms < before_ms)
    if after is not None:
        place = sa.tuple_(commits.c.finished_ms, commits.c.number)
        query = query.where(place > sa.tuple_(sa.literal(after.finished_ms), sa.literal(after.number)))
    query = query.where(commits.c.id.not_in(sa.select(_newest(row.repo_id, row.last or 1).c.id)))
    ordered = query.order_by(commits.c.finished_ms, commits.c.number).limit(limit)
    return [Candidate(*found) for found in conn.execute(ordered)]


def _retention() -> "sa.Select[Any]":
    return sa.select(*(retentions.c[name] for name in RetentionRow.__struct_fields__))


def _newest(repo_id: int, count: int) -> sa.CTE:
    """The newest so many commits of every branch of a repo."""
    heads = (
        sa.select(commits.c.id, commits.c.parent, sa.literal(1).label("depth"))
        .join(branches, branches.c.head == commits.c.id)
        .where(branches.c.repo_id == repo_id)
    )
    newest = heads.cte("newest", recursive=True)
    return newest.union(
        sa.select(commits.c.id, commits.c.parent, newest.c.depth + 1)
        .join(newest, commits.c.id == newest.c.parent)
        .where(newest.c.depth < count)
    )


# --- giving up -----------------------------------------------------------------------


def mark(conn: Connection, ids: Sequence[CommitId], *, at_ms: int, author: str, reason: str) -> None:
    """Gives commits up: from now on they are purged, and their tombstones are pending."""
    _mark(conn, commits.c.id.in_(ids), at_ms, author, reason)


def mark_repo(conn: Connection, repo_id: int, *, at_ms: int, author: str, reason: str) -> None:
    """Gives all commits of a repo up that have ended."""
    _mark(conn, commits.c.repo_id == repo_id, at_ms, author, reason)


def _mark(conn: Connection, which: sa.ColumnElement[bool], at_ms: int, author: str, reason: str) -> None:
    wanted = sa.and_(which, commits.c.state.in_(ENDED))
    told = [sa.literal(at_ms, sa.BigInteger), sa.literal(author), sa.literal(reason), sa.true()]
    columns = ["commit_number", "at_ms", "author", "reason", "pending"]
    conn.execute(sa.insert(purges).from_select(columns, sa.select(commits.c.number, *told).where(wanted)))
    conn.execute(sa.update(commits).where(wanted).values(state="purged"))


def pending(conn: Connection, limit: int) -> list[Commit]:
    """Returns commits whose tombstones are not written yet."""
    query = (
        sa.select(commits.c.id)
        .join(purges, purges.c.commit_number == commits.c.number)
        .where(purges.c.pending.is_(True))
        .order_by(purges.c.commit_number)
        .limit(limit)
    )
    return commit_store.commits_by_ids(conn, list(conn.execute(query).scalars()))


def bury(conn: Connection, ids: Sequence[CommitId], tombstones: Sequence[Pointer]) -> None:
    """Puts tombstones in the place of what commits held."""
    gone: dict[str, Any] = dict.fromkeys(Roots.__struct_fields__)
    statement = sa.update(commits).where(commits.c.id == sa.bindparam("buried"))
    statement = statement.values(record=sa.bindparam("tombstone"), **gone)
    rows = [{"buried": id, "tombstone": place.encode()} for id, place in zip(ids, tombstones, strict=True)]
    conn.execute(statement, rows)
    numbers = sa.select(commits.c.number).where(commits.c.id.in_(ids))
    conn.execute(sa.update(purges).where(purges.c.commit_number.in_(numbers)).values(pending=False))


# --- a whole repo ------------------------------------------------------------------------


def remove_repo(conn: Connection, repo_id: int, *, name: str, now_ms: int) -> None:
    """Takes a repo, its branches, tags and retention away; the row stays under another name, for its commits."""
    for table in (branches, tags, retentions):
        conn.execute(sa.delete(table).where(table.c.repo_id == repo_id))
    conn.execute(sa.update(repos).where(repos.c.id == repo_id).values(name=name, deleted_ms=now_ms))


def remove_branch(conn: Connection, branch_id: int) -> None:
    """Removes a branch; its commits stay."""
    conn.execute(sa.delete(branches).where(branches.c.id == branch_id))


def remove_tag(conn: Connection, repo_id: int, name: str) -> None:
    """Removes a tag; its commit stays."""
    conn.execute(sa.delete(tags).where(tags.c.repo_id == repo_id, tags.c.name == name))


# --- roots ---------------------------------------------------------------------------------


def roots(conn: Connection) -> Iterator[NamedRoot]:
    """Yields everything from which a sweep begins: trees and records of commits, and drafts of open ones."""
    after = 0
    while True:
        query = (
            sa.select(commits.c.number, commits.c.id, repos.c.name, *_ROOTS)
            .join(repos, repos.c.id == commits.c.repo_id)
            .where(commits.c.number > after)
            .order_by(commits.c.number)
            .limit(_ROOTS_PER_QUERY)
        )
        rows = conn.execute(query).all()
        for _, id, repo, *places in rows:
            yield from _named(f"{repo}@{id}", _ROLES, places)
        if len(rows) < _ROOTS_PER_QUERY:
            break
        after = rows[-1][0]
    for id, *places in conn.execute(sa.select(drafts.c.commit_id, *(drafts.c[name] for name in _DRAFT))):
        yield from _named(id, _DRAFT, places)


def _named(ref: str, roles: Sequence[str], places: Sequence[bytes | None]) -> Iterator[NamedRoot]:
    for role, place in zip(roles, places, strict=True):
        if place is not None:
            yield NamedRoot(Pointer.decode(place), ref, role)
