"""All SQL of open commits: which there are, and where their changes lie.

Every function takes the connection of the transaction that it is part of.
"""

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection

from headwater.ids import CommitId, SetId
from headwater.repos.rows import commit_store
from headwater.repos.rows.tables import commit_sets, commits, drafts, provenance
from headwater.repos.values import Commit
from headwater.storage import Pointer

_TREES = ("puts", "appended", "deleted")


class DraftRow(msgspec.Struct, frozen=True):
    """What an open commit is to change; `version` counts its calls, so that none is lost."""

    commit_id: CommitId
    version: int
    puts: Pointer | None = None
    appended: Pointer | None = None
    deleted: Pointer | None = None


def add(conn: Connection, commit: CommitId, now_ms: int) -> None:
    """Adds the draft of a commit that was just begun; it changes nothing yet."""
    conn.execute(sa.insert(drafts).values(commit_id=commit, version=0, changed_ms=now_ms))


def get(conn: Connection, commit: CommitId) -> DraftRow | None:
    """Returns the draft of a commit that is open."""
    places = [drafts.c[name] for name in _TREES]
    query = sa.select(drafts.c.version, *places).where(drafts.c.commit_id == commit)
    row = conn.execute(query).first()
    if row is None:
        return None
    version, *roots = row
    return DraftRow(commit, version, *(None if root is None else Pointer.decode(root) for root in roots))


def change(conn: Connection, draft: DraftRow, *, seen: int, now_ms: int) -> bool:
    """Writes what a call made of a draft; false when the draft is not as the call saw it."""
    places = {name: getattr(draft, name) for name in _TREES}
    done = conn.execute(
        sa.update(drafts)
        .where(drafts.c.commit_id == draft.commit_id, drafts.c.version == seen)
        .values(
            version=seen + 1,
            changed_ms=now_ms,
            **{name: None if place is None else place.encode() for name, place in places.items()},
        )
    )
    return done.rowcount == 1


def take(conn: Connection, commit: CommitId, *, version: int) -> bool:
    """Removes a draft whose commit ends; false when it is not as it was seen."""
    where = (drafts.c.commit_id == commit, drafts.c.version == version)
    return conn.execute(sa.delete(drafts).where(*where)).rowcount == 1


def drop(conn: Connection, commit: CommitId) -> bool:
    """Removes an open commit and all that is known of it; false when it is not open."""
    if conn.execute(sa.delete(drafts).where(drafts.c.commit_id == commit)).rowcount != 1:
        return False
    number, set_id = conn.execute(
        sa.select(commits.c.number, commits.c.set_id).where(commits.c.id == commit)
    ).one()
    conn.execute(sa.delete(provenance).where(provenance.c.commit_number == number))
    conn.execute(sa.delete(commits).where(commits.c.id == commit))
    is_last = ~sa.exists().where(commits.c.set_id == commit_sets.c.id)
    conn.execute(sa.delete(commit_sets).where(commit_sets.c.id == set_id, is_last))
    return True


def open_commits(conn: Connection, repo_id: int) -> list[Commit]:
    """Returns the open commits of a repo, newest first."""
    query = (
        sa.select(commits.c.id)
        .join(drafts, drafts.c.commit_id == commits.c.id)
        .where(commits.c.repo_id == repo_id)
        .order_by(commits.c.number.desc())
    )
    found = (commit_store.commit_by_id(conn, commit) for commit in conn.execute(query).scalars())
    return [commit for commit in found if commit is not None]


def beginning(conn: Connection, prefix: str, limit: int) -> list[tuple[CommitId, SetId]]:
    """Returns open commits whose id, or that of their set, begins so: their ids and sets, at most `limit`."""
    above = prefix + "g"
    query = (
        sa.select(commits.c.id, commits.c.set_id)
        .join(drafts, drafts.c.commit_id == commits.c.id)
        .where(
            sa.or_(
                sa.and_(commits.c.id >= prefix, commits.c.id < above),
                sa.and_(commits.c.set_id >= prefix, commits.c.set_id < above),
            )
        )
        .order_by(commits.c.number)
        .limit(limit)
    )
    return [(CommitId(commit), SetId(set_id)) for commit, set_id in conn.execute(query)]
