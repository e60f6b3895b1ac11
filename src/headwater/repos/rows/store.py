"""All SQL of what has a name: repos, branches, tags, and the log of their moves.

Commits are `commit_store`'s. Every function takes the connection of the
transaction that it is part of.
"""

from collections.abc import Iterable

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection

from headwater.api.documents import RepoKind
from headwater.db import later
from headwater.ids import CommitId
from headwater.repos.rows.tables import branches, commits, ref_log, repos, tags


class RepoRow(msgspec.Struct, frozen=True):
    """A repo as the catalog holds it."""

    id: int
    name: str
    kind: RepoKind
    created_ms: int


class BranchRow(msgspec.Struct, frozen=True):
    """A branch as the catalog holds it."""

    id: int
    repo_id: int
    name: str
    head: CommitId | None
    moved_ms: int


class TagRow(msgspec.Struct, frozen=True):
    """A tag as the catalog holds it."""

    repo_id: int
    name: str
    commit_id: CommitId
    created_ms: int


class Move(msgspec.Struct, frozen=True):
    """One entry of the log of moves."""

    repo_id: int
    kind: str
    name: str
    old: CommitId | None
    new: CommitId | None
    at_ms: int
    author: str
    reason: str


_REPO = [repos.c[name] for name in RepoRow.__struct_fields__]
_LIVING = sa.select(*_REPO).where(repos.c.deleted_ms.is_(None))
_BRANCH = [branches.c[name] for name in BranchRow.__struct_fields__]
_REPO_AND_BRANCH = (
    sa.select(*_REPO, *_BRANCH)
    .select_from(repos)
    .outerjoin(branches, sa.and_(branches.c.repo_id == repos.c.id, branches.c.name == sa.bindparam("branch")))
    .where(repos.c.name == sa.bindparam("repo"), repos.c.deleted_ms.is_(None))
)
# Those of every commit are made once; making them costs more than SQLite takes to run them.
_BRANCH_BY_NAME = sa.select(*_BRANCH).where(
    branches.c.repo_id == sa.bindparam("repo_id"), branches.c.name == sa.bindparam("name")
)
_LOCK = (
    sa.select(branches.c.id, branches.c.head)
    .where(branches.c.id.in_(sa.bindparam("ids", expanding=True)))
    .order_by(branches.c.id)
    .with_for_update()
)
_LOCK_NAMED = (
    sa.select(*_REPO, *_BRANCH)
    .join(branches, branches.c.repo_id == repos.c.id)
    .where(sa.tuple_(repos.c.name, branches.c.name).in_(sa.bindparam("places", expanding=True)))
    .order_by(branches.c.id)
    .with_for_update(of=branches)
)
# One statement that SQLite and PostgreSQL both read.
_ENSURE_BRANCH = sa.text(
    "INSERT INTO branches (repo_id, name, moved_ms) VALUES (:repo_id, :name, :now_ms) "
    "ON CONFLICT (repo_id, name) DO NOTHING"
)
_ADVANCE = later(
    sa.update(branches)
    .where(branches.c.id == sa.bindparam("branch"))
    .values(head=sa.bindparam("new"), moved_ms=sa.bindparam("now_ms"))
)
_MOVE_BRANCH = (
    sa.update(branches)
    .where(
        branches.c.id == sa.bindparam("branch"),
        branches.c.head.is_not_distinct_from(sa.bindparam("expected")),
    )
    .values(head=sa.bindparam("new"), moved_ms=sa.bindparam("now_ms"))
)
_ADD_MOVE = later(sa.insert(ref_log))
_TAG = [tags.c[name] for name in TagRow.__struct_fields__]
_MOVE = [ref_log.c[name] for name in Move.__struct_fields__]

# --- repos ---------------------------------------------------------------------


def add_repo(conn: Connection, name: str, kind: RepoKind, now_ms: int) -> RepoRow:
    """Adds a repo."""
    row = sa.insert(repos).values(name=name, kind=kind, created_ms=now_ms)
    return RepoRow(conn.execute(row.returning(repos.c.id)).scalar_one(), name, kind, now_ms)


def repo_by_name(conn: Connection, name: str) -> RepoRow | None:
    """Returns the repo of this name."""
    row = conn.execute(sa.select(*_REPO).where(repos.c.name == name, repos.c.deleted_ms.is_(None))).first()
    return None if row is None else RepoRow(*row)


def all_repos(conn: Connection) -> list[RepoRow]:
    """Returns all repos by name."""
    return [RepoRow(*row) for row in conn.execute(_LIVING.order_by(repos.c.name))]


def first_repos(conn: Connection, limit: int) -> list[tuple[str, RepoKind, int, int]]:
    """Returns the first repos by name, each with its kind, and files and bytes of its main branch."""
    query = (
        sa.select(
            repos.c.name,
            repos.c.kind,
            sa.func.coalesce(commits.c.files, 0),
            sa.func.coalesce(commits.c.size, 0),
        )
        .outerjoin(branches, sa.and_(branches.c.repo_id == repos.c.id, branches.c.name == "main"))
        .outerjoin(commits, commits.c.id == branches.c.head)
        .where(repos.c.deleted_ms.is_(None))
        .order_by(repos.c.name)
        .limit(limit)
    )
    return [(row[0], row[1], row[2], row[3]) for row in conn.execute(query)]


def kinds_of(conn: Connection, names: Iterable[str]) -> dict[str, RepoKind]:
    """Returns the kinds of repos by their names, of deleted ones too."""
    query = sa.select(repos.c.name, repos.c.kind).where(repos.c.name.in_(list(names)))
    return {row.name: row.kind for row in conn.execute(query)}


def repo_names(conn: Connection) -> list[str]:
    """Returns the names of all repos, in order."""
    return [row.name for row in all_repos(conn)]


def overview(conn: Connection, repo_id: int | None = None) -> dict[int, list[tuple[str, int, int]]]:
    """Returns, for one repo or all, its branches by name with files and bytes of their heads."""
    query = (
        sa.select(
            branches.c.repo_id,
            branches.c.name,
            sa.func.coalesce(commits.c.files, 0),
            sa.func.coalesce(commits.c.size, 0),
        )
        .outerjoin(commits, commits.c.id == branches.c.head)
        .order_by(branches.c.repo_id, branches.c.name)
    )
    if repo_id is not None:
        query = query.where(branches.c.repo_id == repo_id)
    found: dict[int, list[tuple[str, int, int]]] = {}
    for owner, name, files, size in conn.execute(query):
        found.setdefault(owner, []).append((name, files, size))
    return found


# --- branches, tags, and the log of their moves ----------------------------------


def repo_and_branch(conn: Connection, repo: str, branch: str) -> tuple[RepoRow | None, BranchRow | None]:
    """Returns a repo by its name, and its branch, as far as there are."""
    row = conn.execute(_REPO_AND_BRANCH, {"repo": repo, "branch": branch}).first()
    if row is None:
        return None, None
    split = len(_REPO)
    return RepoRow(*row[:split]), None if row[split] is None else BranchRow(*row[split:])


def add_branch(
    conn: Connection, repo_id: int, name: str, now_ms: int, *, head: CommitId | None = None
) -> BranchRow:
    """Adds a branch, without commits where no head is given."""
    row = sa.insert(branches).values(repo_id=repo_id, name=name, head=head, moved_ms=now_ms)
    return BranchRow(conn.execute(row.returning(branches.c.id)).scalar_one(), repo_id, name, head, now_ms)


def ensure_branch(conn: Connection, repo_id: int, name: str, now_ms: int) -> BranchRow:
    """Returns a branch, made without commits unless somebody else was faster."""
    said = {"repo_id": repo_id, "name": name, "now_ms": now_ms}
    conn.execute(_ENSURE_BRANCH, said)
    return BranchRow(*conn.execute(_BRANCH_BY_NAME, {"repo_id": repo_id, "name": name}).one())


def branch_by_name(conn: Connection, repo_id: int, name: str) -> BranchRow | None:
    """Returns the branch of this name."""
    row = conn.execute(_BRANCH_BY_NAME, {"repo_id": repo_id, "name": name}).first()
    return None if row is None else BranchRow(*row)


def branches_of(conn: Connection, repo_id: int, *, limit: int | None = None) -> list[BranchRow]:
    """Returns the branches of a repo by name, or the first ones of them."""
    query = sa.select(*_BRANCH).where(branches.c.repo_id == repo_id).order_by(branches.c.name).limit(limit)
    return [BranchRow(*row) for row in conn.execute(query)]


def lock_branches(conn: Connection, ids: Iterable[int]) -> dict[int, CommitId | None]:
    """Locks the branches until the transaction ends, in the order of their ids, and returns their heads.

    A head that was read before its branch was locked says nothing: another
    transaction may have moved it in between.
    """
    rows = conn.execute(_LOCK, {"ids": sorted(set(ids))})
    return {row.id: row.head for row in rows}


def lock_named(
    conn: Connection, places: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], tuple[RepoRow, BranchRow]]:
    """Locks branches by the names of their repos and their own, as `lock_branches` does.

    Returns:
        What was found, each branch with the head that it keeps until the transaction ends or moves it.
    """
    split = len(_REPO)
    rows = conn.execute(_LOCK_NAMED, {"places": list(places)})
    found = [(RepoRow(*row[:split]), BranchRow(*row[split:])) for row in rows]
    return {(repo.name, branch.name): (repo, branch) for repo, branch in found}


def advance_branch(conn: Connection, branch: BranchRow, *, new: CommitId, now_ms: int) -> None:
    """Moves the head of a branch that this transaction has locked."""
    conn.execute(_ADVANCE, {"branch": branch.id, "new": new, "now_ms": now_ms})


def move_branch(
    conn: Connection, branch: BranchRow, *, expected: CommitId | None, new: CommitId, now_ms: int
) -> bool:
    """Moves the branch's head; false when it was not at the expected commit."""
    said = {"branch": branch.id, "expected": expected, "new": new, "now_ms": now_ms}
    return conn.execute(_MOVE_BRANCH, said).rowcount == 1


def add_tag(conn: Connection, repo_id: int, name: str, commit: CommitId, now_ms: int) -> TagRow:
    """Adds a tag."""
    row = TagRow(repo_id, name, commit, now_ms)
    conn.execute(sa.insert(tags).values(msgspec.structs.asdict(row)))
    return row


def tag_by_name(conn: Connection, repo_id: int, name: str) -> TagRow | None:
    """Returns the tag of this name."""
    row = conn.execute(sa.select(*_TAG).where(tags.c.repo_id == repo_id, tags.c.name == name)).first()
    return None if row is None else TagRow(*row)


def tags_of(conn: Connection, repo_id: int) -> list[TagRow]:
    """Returns the tags of a repo, oldest first."""
    query = sa.select(*_TAG).where(tags.c.repo_id == repo_id).order_by(tags.c.created_ms, tags.c.name)
    return [TagRow(*row) for row in conn.execute(query)]


def log_move(conn: Connection, move: Move) -> None:
    """Writes down a move of a branch or tag."""
    conn.execute(_ADD_MOVE, msgspec.structs.asdict(move))


def moves_of(conn: Connection, repo_id: int, kind: str, name: str) -> list[Move]:
    """Returns all moves of a branch or tag, oldest first."""
    query = (
        sa.select(*_MOVE)
        .where(ref_log.c.repo_id == repo_id, ref_log.c.kind == kind, ref_log.c.name == name)
        .order_by(ref_log.c.number)
    )
    return [Move(*row) for row in conn.execute(query)]
