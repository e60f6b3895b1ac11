"""All SQL of commits: their sets, their line of parents, and their provenance in both directions.

Every function takes the connection of the transaction that it is part of.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection

from headwater.api.documents import Provenance
from headwater.db import later
from headwater.ids import CommitId, SetId
from headwater.repos.rows.tables import commit_sets, commits, provenance, purges, repos
from headwater.repos.values import Commit, Purge, Roots
from headwater.storage import Pointer

_ROOTS = Roots.__struct_fields__
_IDS_PER_QUERY = 500
# The roles in which a commit's provenance names what its line of history goes on from, beside the parent.
LINEAGE = ("merged", "squashed")

_COMMIT = [
    commits.c.number,
    commits.c.id,
    commits.c.set_id,
    repos.c.name,
    commits.c.branch,
    commits.c.parent,
    commits.c.state,
    commits.c.message,
    commits.c.author,
    commits.c.metadata,
    commits.c.created_ms,
    commits.c.finished_ms,
    commits.c.files,
    commits.c.size,
    commits.c.record,
    *(commits.c[name] for name in _ROOTS),
    purges.c.at_ms,
    purges.c.author.label("purged_by"),
    purges.c.reason,
]
_BEFORE = commits.alias("before")
_GENERATION = (
    sa.select(sa.func.coalesce(sa.func.max(_BEFORE.c.generation), 0) + 1)
    .where(_BEFORE.c.id.in_(sa.bindparam("built_on", expanding=True)))
    .scalar_subquery()
)
_ADD_SET = later(sa.insert(commit_sets))
_ADD_COMMIT = sa.insert(commits).values(generation=_GENERATION).returning(commits.c.number)
_ADD_BARE_COMMIT = later(sa.insert(commits).values(generation=_GENERATION))
_OUTPUT = sa.select(commits.c.output).where(commits.c.id == sa.bindparam("commit"))


def named_bytes(conn: Connection) -> int:
    """Returns how many bytes all finished commits name, each counted for itself."""
    total = conn.execute(sa.select(sa.func.sum(commits.c.size)).where(commits.c.state == "finished")).scalar()
    return int(total or 0)


def add_set(conn: Connection, set_id: SetId, now_ms: int) -> None:
    """Adds a commit set."""
    conn.execute(_ADD_SET, {"id": set_id, "created_ms": now_ms})


def add_commit(conn: Connection, repo_id: int, commit: Commit) -> None:
    """Adds a commit with its provenance."""
    row = {
        "id": commit.id,
        "set_id": commit.set_id,
        "repo_id": repo_id,
        "branch": commit.branch,
        "created_ms": commit.created_ms,
        "built_on": _built_on(commit),
        **_outcome(commit),
    }
    if not commit.provenance:
        conn.execute(_ADD_BARE_COMMIT, row)
        return
    number = conn.execute(_ADD_COMMIT, row).scalar_one()
    _add_provenance(conn, number, commit.provenance)


def end_commit(conn: Connection, commit: Commit, *, was: str = "waiting") -> bool:
    """Writes how a commit ended that waits, or is in another state; false when it is not in that any more."""
    where = (commits.c.id == commit.id, commits.c.state == was)
    ended = sa.update(commits).where(*where).values(generation=_GENERATION, **_outcome(commit))
    if conn.execute(ended, {"built_on": _built_on(commit)}).rowcount != 1:
        return False
    number = conn.execute(sa.select(commits.c.number).where(commits.c.id == commit.id)).scalar_one()
    conn.execute(sa.delete(provenance).where(provenance.c.commit_number == number))
    _add_provenance(conn, number, commit.provenance)
    return True


def end_empty(
    conn: Connection, ids: Sequence[CommitId], records: Sequence[Pointer], *, state: str, now_ms: int
) -> None:
    """Writes how commits ended that waited and hold nothing, each with the place of its record."""
    ended = [{"commit": id, "at": record.encode()} for id, record in zip(ids, records, strict=True)]
    conn.execute(
        sa.update(commits)
        .where(commits.c.id == sa.bindparam("commit"), commits.c.state == "waiting")
        .values(state=state, finished_ms=now_ms, record=sa.bindparam("at")),
        ended,
    )


def add_provenance(conn: Connection, commit: Commit, entries: Sequence[Provenance]) -> None:
    """Adds to what went into a commit that is open; what is known of already is not said twice."""
    known = list(dict.fromkeys([*commit.provenance, *entries]))
    number = conn.execute(sa.select(commits.c.number).where(commits.c.id == commit.id)).scalar_one()
    conn.execute(sa.delete(provenance).where(provenance.c.commit_number == number))
    _add_provenance(conn, number, known)


def commit_by_id(conn: Connection, commit: str) -> Commit | None:
    """Returns the commit with this id."""
    found = _commits(conn, _select().where(commits.c.id == commit))
    return found[0] if found else None


def commits_by_ids(conn: Connection, ids: Sequence[str]) -> list[Commit]:
    """Returns the commits with these ids, in the order in which they were begun."""
    return _commits(conn, _select().where(commits.c.id.in_(ids)).order_by(commits.c.number))


def output_of(conn: Connection, commit: CommitId) -> Pointer | None:
    """Returns where the files of a commit begin."""
    root = conn.execute(_OUTPUT, {"commit": commit}).scalar()
    return None if root is None else Pointer.decode(root)


def commits_by_prefix(conn: Connection, repo_id: int, prefix: str, limit: int) -> list[CommitId]:
    """Returns the ids in the repo that begin with the prefix, at most `limit`."""
    query = (
        sa.select(commits.c.id)
        .where(commits.c.id >= prefix, commits.c.id < prefix + "g", commits.c.repo_id == repo_id)
        .order_by(commits.c.id)
        .limit(limit)
    )
    return [CommitId(found) for found in conn.execute(query).scalars()]


def ancestor(conn: Connection, start: CommitId, steps: int) -> tuple[CommitId, int]:
    """Follows parents from a commit; returns where that ends and how many steps could be made."""
    line = _line(start, steps)
    row = conn.execute(sa.select(line.c.id, line.c.depth).order_by(line.c.depth.desc()).limit(1)).one()
    return CommitId(row.id), row.depth


def ancestors(conn: Connection, start: CommitId, limit: int) -> list[Commit]:
    """Returns the commit and those before it, newest first, at most `limit`."""
    line = _line(start, limit - 1)
    return _commits(conn, _select().join(line, line.c.id == commits.c.id).order_by(line.c.depth))


def commits_of_set(conn: Connection, set_id: str) -> list[Commit]:
    """Returns the commits of a set in the order in which they were begun."""
    return _commits(conn, _select().where(commits.c.set_id == set_id).order_by(commits.c.number))


def naming(conn: Connection, kind: str, target: str, *, before: str | None, limit: int) -> list[Commit]:
    """Returns commits whose provenance names the target, newest first, older than `before`."""
    query = _select().where(
        commits.c.number.in_(
            sa.select(provenance.c.commit_number).where(
                provenance.c.target == target, provenance.c.kind == kind
            )
        )
    )
    if before is not None:
        older = sa.select(commits.c.number).where(commits.c.id == before).scalar_subquery()
        query = query.where(commits.c.number < older)
    return _commits(conn, query.order_by(commits.c.number.desc()).limit(limit))


def _line(start: CommitId, steps: int) -> sa.CTE:
    first = sa.select(commits.c.id, commits.c.parent, sa.literal(0).label("depth")).where(
        commits.c.id == start
    )
    line = first.cte("line", recursive=True)
    return line.union_all(
        sa.select(commits.c.id, commits.c.parent, line.c.depth + 1)
        .join(line, commits.c.id == line.c.parent)
        .where(line.c.depth < steps)
    )


def _select() -> "sa.Select[Any]":
    return (
        sa.select(*_COMMIT)
        .select_from(commits)
        .join(repos, repos.c.id == commits.c.repo_id)
        .outerjoin(purges, purges.c.commit_number == commits.c.number)
    )


def _commits(conn: Connection, query: "sa.Select[Any]") -> list[Commit]:
    rows = conn.execute(query).all()
    went_in = _provenance(conn, [row[0] for row in rows])
    return [_commit(row, tuple(went_in.get(row[0], ()))) for row in rows]


def _commit(row: Sequence[Any], went_in: tuple[Provenance, ...]) -> Commit:
    record, *roots = (None if place is None else Pointer.decode(place) for place in row[14:20])
    _, id, set_id, repo, branch, parent, state, message, author, metadata, created, finished, files, size = (
        row[:14]
    )
    return Commit(
        id=id,
        set_id=set_id,
        repo=repo,
        branch=branch,
        parent=parent,
        state=state,
        message=message,
        author=author,
        metadata=msgspec.json.decode(metadata, type=dict[str, str]),
        created_ms=created,
        finished_ms=finished,
        files=files,
        size=size,
        roots=Roots(*roots),
        provenance=went_in,
        record=record,
        purge=None if row[20] is None else Purge(*row[20:]),
    )


def _built_on(commit: Commit) -> list[str]:
    """Returns the commits that come before this one: its parent, and what it took in beside it."""
    before = [entry.id for entry in commit.provenance if entry.kind == "commit" and entry.role in LINEAGE]
    return before if commit.parent is None else [commit.parent, *before]


def _outcome(commit: Commit) -> dict[str, Any]:
    places = {name: getattr(commit.roots, name) for name in _ROOTS} | {"record": commit.record}
    return {
        "parent": commit.parent,
        "state": commit.state,
        "message": commit.message,
        "author": commit.author,
        "metadata": msgspec.json.encode(commit.metadata, order="sorted"),
        "finished_ms": commit.finished_ms,
        "files": commit.files,
        "size": commit.size,
        **{name: None if place is None else place.encode() for name, place in places.items()},
    }


def _add_provenance(conn: Connection, number: int, entries: Sequence[Provenance]) -> None:
    if not entries:
        return
    rows: list[Mapping[str, Any]] = [
        {
            "commit_number": number,
            "position": position,
            "kind": entry.kind,
            "repo": entry.repo,
            "target": entry.id,
            "role": entry.role,
        }
        for position, entry in enumerate(entries)
    ]
    conn.execute(sa.insert(provenance), rows)


def _provenance(conn: Connection, numbers: Sequence[int]) -> dict[int, list[Provenance]]:
    found: dict[int, list[Provenance]] = {}
    for begin in range(0, len(numbers), _IDS_PER_QUERY):
        query = (
            sa.select(
                provenance.c.commit_number,
                provenance.c.kind,
                provenance.c.repo,
                provenance.c.target,
                provenance.c.role,
            )
            .where(provenance.c.commit_number.in_(numbers[begin : begin + _IDS_PER_QUERY]))
            .order_by(provenance.c.commit_number, provenance.c.position)
        )
        for number, kind, repo, target, role in conn.execute(query):
            found.setdefault(number, []).append(Provenance(kind, repo, target, role))
    return found
