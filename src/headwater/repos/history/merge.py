"""Merges one line of history into a branch.

The base is the best common ancestor, over parents and over what was merged
before, so that what was merged once is not merged again. Where the branch
has nothing of its own it just moves forward. Whoever loses the race for the
branch's head merges once more, on the head that is there.
"""

from collections.abc import Iterator

import msgspec
from sqlalchemy import Connection

from headwater.api.documents import ConflictRow, MergeInfo, Provenance
from headwater.ids import CommitId
from headwater.repos import lookup
from headwater.repos.committing.landing import land
from headwater.repos.errors import BranchMoved, MergeConflict
from headwater.repos.history.ancestry import relation
from headwater.repos.history.merging import Decided, Side, compare, compare_without_base, decide
from headwater.repos.parts import Parts
from headwater.repos.rows import commit_store, store
from headwater.repos.values import Commit, PendingCommit, Trees
from headwater.storage import Edit, Storage, Tree, Writer

_TOLD = 1_000


class MergeWish(msgspec.Struct, frozen=True):
    """What is to be merged into which branch, and how."""

    branch: str
    theirs: Commit
    message: str = ""
    author: str = ""
    prefer: Side | None = None
    expect: CommitId | None = None
    forwards: bool = True


class _Sides(msgspec.Struct, frozen=True):
    """Both sides of a merge and what they come from, of one moment; `ours` is none for a branch without commits."""

    ours: Commit | None
    bases: tuple[Commit, ...]
    is_merged: bool
    is_ahead: bool


def merge(parts: Parts, repo: store.RepoRow, wish: MergeWish) -> MergeInfo:
    """Merges a commit into a branch; see `Repo.merge`."""
    forwarded = _forward(parts, repo, wish) if wish.forwards else None
    if forwarded is not None:
        return forwarded
    writer = parts.storage.writer()
    merging = _Merging(parts, repo, wish, writer)
    try:
        [commit] = land(parts, [merging])
    except BaseException:
        writer.abort()
        raise
    sides = merging.sides
    assert sides is not None, "what landed was built"
    return MergeInfo(
        repo=repo.name,
        branch=wish.branch,
        how="nothing to merge" if sides.is_merged else "merged",
        commit=commit.id,
        merged=wish.theirs.id,
        base=sides.bases[0].id if sides.bases else None,
        settled=merging.conflicts,
    )


def conflicts(parts: Parts, repo: store.RepoRow, wish: MergeWish) -> Iterator[ConflictRow]:
    """Yields what a merge could not decide, in the order of paths; changes nothing."""
    with parts.catalog.read() as conn:
        sides = _sides(conn, repo, wish)
    if not sides.is_merged and not sides.is_ahead:
        found = decide(_compare(parts.storage, sides, wish.theirs), wish.prefer)
        yield from (one for one in found if isinstance(one, ConflictRow))


def _forward(parts: Parts, repo: store.RepoRow, wish: MergeWish) -> MergeInfo | None:
    """Moves the branch to the commit where that is all there is to do; none where it is not."""
    with parts.catalog.read() as conn:
        if not _sides(conn, repo, wish).is_ahead:
            return None
    with parts.catalog.write() as conn:
        sides = _sides(conn, repo, wish)
        if not sides.is_ahead:
            return None
        row = lookup.branch_by_name(conn, repo, wish.branch)
        head = store.lock_branches(conn, [row.id])[row.id]
        locked = msgspec.structs.replace(row, head=head)
        lookup.check_readable(lookup.commit_by_id(conn, wish.theirs.id))
        parts.publisher.move(conn, locked, wish.theirs, author=wish.author, reason="merge")
    return MergeInfo(
        repo=repo.name,
        branch=wish.branch,
        how="forwarded",
        commit=wish.theirs.id,
        merged=wish.theirs.id,
        base=head,
    )


class _Merging:
    """A merge that is to land on its branch."""

    def __init__(self, parts: Parts, repo: store.RepoRow, wish: MergeWish, writer: Writer) -> None:
        self._parts, self._repo, self._wish, self.writer = parts, repo, wish, writer
        self.sides: _Sides | None = None
        self.conflicts = 0

    def build(self) -> PendingCommit | Commit:
        wish = self._wish
        with self._parts.catalog.read() as conn:
            self.sides = sides = _sides(conn, self._repo, wish)
        if sides.ours is not None and sides.is_merged:
            return sides.ours
        ours = _tree(self._parts.storage, sides.ours)
        tree = self.writer.edit(ours, self._edits(sides))
        into = f"{self._repo.name}@{wish.branch}"
        return PendingCommit(
            repo=self._repo.name,
            branch=wish.branch,
            trees=Trees(tree),
            parent=None if sides.ours is None else sides.ours.id,
            writer=self.writer,
            message=wish.message or f"Merge {wish.theirs.id[:12]} into {into}",
            author=wish.author,
            provenance=(Provenance("commit", self._repo.name, wish.theirs.id, "merged"),),
            shares=(wish.theirs.id,),
        )

    def landed(self) -> None:
        """Hears what it need not remember."""

    def _edits(self, sides: _Sides) -> Iterator[Edit]:
        """Yields the edits to ours; raises at the end, before any of them is made, where there are conflicts."""
        wish, told = self._wish, list[dict[str, object]]()
        self.conflicts = 0
        for one in decide(_compare(self._parts.storage, sides, wish.theirs), wish.prefer):
            if not isinstance(one, ConflictRow):
                yield one
                continue
            self.conflicts += 1
            if wish.prefer is None and len(told) < _TOLD:
                told.append({**msgspec.to_builtins(one), "message": _sentence(one)})
        if told:
            theirs = f"{self._repo.name}@{wish.theirs.id[:12]}"
            raise MergeConflict(theirs, f"{self._repo.name}@{wish.branch}", told, count=self.conflicts)


def _sides(conn: Connection, repo: store.RepoRow, wish: MergeWish) -> _Sides:
    head = lookup.branch_by_name(conn, repo, wish.branch).head
    if wish.expect is not None and head != wish.expect:
        raise BranchMoved(f"{repo.name}@{wish.branch}", expected=wish.expect, found=head)
    if head is None:
        return _Sides(None, (), is_merged=False, is_ahead=True)
    found = relation(conn, head, wish.theirs.id)
    bases = commit_store.commits_by_ids(conn, found.bases)
    by_id = {base.id: base for base in bases}
    return _Sides(
        lookup.commit_by_id(conn, head),
        tuple(by_id[id] for id in found.bases),
        is_merged=found.is_within,
        is_ahead=found.is_behind,
    )


def _compare(storage: Storage, sides: _Sides, theirs: Commit) -> Iterator[Decided]:
    ours, other = _tree(storage, sides.ours), _tree(storage, theirs)
    if any(base.state == "purged" for base in sides.bases):
        return compare_without_base(ours, other)
    bases = [_tree(storage, base) for base in sides.bases] or [storage.tree(None)]
    return compare(bases, ours, other)


def _tree(storage: Storage, commit: Commit | None) -> Tree:
    return storage.tree(None if commit is None else commit.roots.output)


def _sentence(row: ConflictRow) -> str:
    match row.kind:
        case "changed":
            return f"{row.path}: changed on both sides"
        case "added":
            return f"{row.path}: added on both sides, with other contents"
        case "deleted-here":
            return f"{row.path}: deleted here, changed there"
        case "deleted-there":
            return f"{row.path}: changed here, deleted there"
        case "file-folder":
            return f"{row.path}: a file on one side, a folder with {row.below} on the other"
    return f"{row.path}: the sides differ, and what both come from does not tell which one changed it"
