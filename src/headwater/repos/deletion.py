"""Deletes branches, tags and whole repos: the names go, and of a repo's commits tombstones stay."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection

from headwater.ids import CommitId
from headwater.repos import lookup
from headwater.repos.errors import BranchMoved, InUse, RefNotFound
from headwater.repos.history.giving_up import bury, bury_all
from headwater.repos.names import deleted
from headwater.repos.parts import Parts
from headwater.repos.rows import history_store, store


def delete_branch(
    parts: Parts, repo: store.RepoRow, name: str, *, expect: CommitId | None, author: str, reason: str
) -> store.BranchRow:
    """Removes a branch and returns it as it was; see `Repo.delete_branch`."""
    ref = f"{repo.name}@{name}"
    with parts.catalog.write() as conn:
        row = lookup.branch_by_name(conn, repo, name)
        head = store.lock_branches(conn, [row.id])[row.id]
        if expect is not None and head != expect:
            raise BranchMoved(ref, expected=expect, found=head)
        uses = parts.bonds.uses(conn, repo.name, name)
        uses += _open(history_store.open_on(conn, repo.id, name))
        if uses:
            raise InUse(f"Branch {ref!r}", uses, hint=_HINT)
        history_store.remove_branch(conn, row.id)
        parts.bonds.gone(conn, repo.name, name)
        _log(parts, conn, store.Move(repo.id, "branch", name, head, None, 0, author, reason))
    return msgspec.structs.replace(row, head=head)


def delete_tag(parts: Parts, repo: store.RepoRow, name: str, *, author: str, reason: str) -> store.TagRow:
    """Removes a tag and returns it as it was; see `Repo.delete_tag`."""
    with parts.catalog.write() as conn:
        row = store.tag_by_name(conn, repo.id, name)
        if row is None:
            raise RefNotFound(
                f"{repo.name!r} has no tag {name!r}.",
                ref=f"{repo.name}@{name}",
                hint=f"`headwater tag list {repo.name}` shows its tags.",
            )
        history_store.remove_tag(conn, repo.id, name)
        _log(parts, conn, store.Move(repo.id, "tag", name, row.commit_id, None, 0, author, reason))
    return row


def delete_repo(parts: Parts, name: str, *, force: bool, author: str, reason: str) -> store.RepoRow:
    """Removes a repo and returns it as it was; see `Repos.delete`."""
    with parts.catalog.write() as conn:
        repo = remove_repo(parts, conn, name, force=force, author=author, reason=reason)
    bury_all(parts)
    return repo


def remove_repo(
    parts: Parts, conn: Connection, name: str, *, force: bool, author: str, reason: str
) -> store.RepoRow:
    """Removes a repo in the caller's transaction; tombstones beyond the first 200 stay pending until the next `gc`."""
    repo = lookup.repo_by_name(conn, name)
    rows = store.branches_of(conn, repo.id)
    heads = store.lock_branches(conn, [row.id for row in rows])
    uses = parts.bonds.uses(conn, name) + _open(history_store.open_on(conn, repo.id))
    if uses:
        raise InUse(f"Repo {name!r}", uses, hint=_HINT)
    named = None if force else history_store.named_from_elsewhere(conn, repo.id)
    if named is not None:
        own, other, where = named
        raise InUse(
            f"Repo {name!r}",
            [f"{where}@{other} was made of its commit {own}"],
            hint="With --force it goes all the same; of its commits tombstones stay, so that `why` goes on telling.",
        )
    for row in rows:
        _log(parts, conn, store.Move(repo.id, "branch", row.name, heads[row.id], None, 0, author, reason))
    for tag in store.tags_of(conn, repo.id):
        _log(parts, conn, store.Move(repo.id, "tag", tag.name, tag.commit_id, None, 0, author, reason))
    now_ms = parts.clock.now_ms()
    why = reason if reason != _DELETED else "the repo was deleted"
    history_store.mark_repo(conn, repo.id, at_ms=now_ms, author=author, reason=why)
    history_store.remove_repo(conn, repo.id, name=deleted(name, repo.id), now_ms=now_ms)
    bury(parts, conn)
    parts.bonds.gone(conn, name)
    return repo


_DELETED = "deleted"
_HINT = (
    "Delete or change what uses it first (`headwater pipeline delete NAME`), and finish or drop open commits: "
    "`headwater commit list REPO --open`."
)


def _open(ids: Sequence[CommitId]) -> list[str]:
    return [f"commit {id} is not finished" for id in ids]


def _log(parts: Parts, conn: Connection, move: store.Move) -> None:
    store.log_move(conn, msgspec.structs.replace(move, at_ms=parts.clock.now_ms()))
