"""The commits that changed a file or folder.

Going back along the parents, neighbours are compared at one path: by the
content of a file, by the digest of a folder. That costs a path down both
trees, whatever else they hold. How many commits one page looks at is bounded:
where nobody has touched the path for long, a page is short and says where to
go on, instead of an answer that never comes.
"""

from collections.abc import Callable

from headwater.ids import CommitId
from headwater.repos.values import Commit
from headwater.storage import Pointer, Storage, Tree

LOOKED_AT = 10_000
_AT_ONCE = 100

# Tells whether a path changed: a file's content and whether it may be run, a folder's digest, none where nothing is.
Mark = tuple[bytes, bool] | bytes | None

# Returns a commit and those before it, newest first, at most so many.
Line = Callable[[CommitId, int], list[Commit]]


def mark_of(tree: Tree, path: str) -> Mark:
    """Returns what is compared at a normalised path; the empty one is the top folder."""
    if not path:
        return tree.root_hash
    entry = tree.get(path)
    if entry is not None:
        return entry.hash, entry.executable
    return tree.folder_digest(path) if tree.has_folder(path) else None


def changing(
    storage: Storage,
    line: Line,
    start: CommitId | None,
    path: str,
    *,
    limit: int,
    most: int = LOOKED_AT,
) -> tuple[list[Commit], CommitId | None]:
    """Returns a page of the commits that changed a path, newest first.

    A commit whose files are gone is passed over: what it changed is told of
    the next one that still has them.

    Args:
        storage: Where their trees are.
        line: Gives commits along their parents.
        start: The first to look at.
        path: A normalised path.
        limit: How many to find.
        most: How many to look at.

    Returns:
        Those found, and the last one that was decided on if there may be more behind it.
    """
    found: list[Commit] = []
    newer: tuple[Commit, Mark] | None = None
    looked, decided = 0, None
    while start is not None:
        commits = line(start, _AT_ONCE)
        for commit in commits:
            looked += 1
            if commit.state != "finished":
                continue
            mark = _mark(storage, commit.roots.output, path, newer)
            if newer is not None:
                decided = newer[0].id
                if newer[1] != mark:
                    found.append(newer[0])
                if len(found) == limit or looked > most:
                    return found, decided
            newer = commit, mark
        start = commits[-1].parent
    if newer is not None and newer[1] is not None:
        found.append(newer[0])
    return found, None


def _mark(storage: Storage, root: Pointer | None, path: str, newer: tuple[Commit, Mark] | None) -> Mark:
    if newer is not None and newer[0].roots.output == root:
        return newer[1]
    return mark_of(storage.tree(root), path)
