"""Finds in a tree what a glob may match, without looking at anything else.

The parts of the pattern lead: a part without signs is one lookup, one with
signs is a listing of one folder from its first letters on, and from a part
with `**` on all that begins with its letters is streamed. What comes out may
still be refused by the whole pattern, which knows the captures.
"""

from collections.abc import Iterator

from headwater.repos.reading.glob import Glob
from headwater.storage import FileEntry, Tree

Found = tuple[str, FileEntry | None]

# No path component has so many bytes, so nothing below a folder comes after this.
_BEYOND = "\U0010ffff" * 64


def expand(glob: Glob, tree: Tree) -> Iterator[Found]:
    """Yields candidates in the order of keys: a file with its entry, a folder without."""
    if not glob.parts:
        return iter([("", None)])
    found = _level(glob, tree, "", 0)
    return (one for one in found if one[1] is None) if glob.folders_only else found


def _level(glob: Glob, tree: Tree, above: str, level: int) -> Iterator[Found]:
    part, is_last = glob.parts[level], level + 1 == len(glob.parts)
    begin = above + part.begin
    if part.deep:
        yield from _everything(tree, above, begin)
    elif part.literal:
        if is_last:
            yield from _exactly(tree, begin)
        else:
            yield from _level(glob, tree, f"{begin}/", level + 1)
    else:
        assert part.pattern is not None, "a part with signs has a pattern"
        for path, entry in _names(tree, above, begin):
            if part.pattern.fits(path[len(above) :]):
                if is_last:
                    yield path, entry
                elif entry is None:
                    yield from _level(glob, tree, f"{path}/", level + 1)


def _exactly(tree: Tree, path: str) -> Iterator[Found]:
    entry = tree.get(path)
    if entry is not None:
        yield path, entry
    elif tree.has_folder(path):
        yield path, None


def _names(tree: Tree, above: str, begin: str) -> Iterator[Found]:
    """Yields what stands in one folder, beginning with the given letters; a folder costs one step."""
    after: str | None = None
    while True:
        folder = None
        for entry in tree.entries(begin, after):
            rest = entry.path[len(above) :]
            if "/" in rest:
                folder = above + rest.partition("/")[0]
                break
            yield entry.path, entry
        if folder is None:
            return
        yield folder, None
        after = f"{folder}/{_BEYOND}"


def _everything(tree: Tree, above: str, begin: str) -> Iterator[Found]:
    """Yields all files that begin with the given letters, each folder of them before its first file."""
    open_folders: list[str] = []
    for entry in tree.entries(begin):
        folders = _folders(entry.path, above)
        for at, folder in enumerate(folders):
            if at >= len(open_folders) or open_folders[at] != folder:
                yield folder, None
        open_folders = folders
        yield entry.path, entry


def _folders(path: str, above: str) -> list[str]:
    names = path[len(above) :].split("/")[:-1]
    folders, at = [], above
    for name in names:
        folders.append(at + name)
        at = f"{at}{name}/"
    return folders
