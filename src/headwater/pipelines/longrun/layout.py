"""The inputs of a service as folders, brought from one commit to the next by their difference.

There are two layouts, used in turns, so that a process that still runs sees
the files that it was started with while the next one's are laid out.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from headwater.pipelines.egress import Change, Files, Folder, differing
from headwater.pipelines.spec import FilesInput
from headwater.repos import Commit, Repos
from headwater.repos.reading.glob import Glob, read_glob
from headwater.storage import Storage, Tree


class Layout:
    """One folder with a folder for each input; it knows which commits lie there."""

    def __init__(self, folder: Path, storage: Storage, repos: Repos) -> None:
        """Begins empty, whatever was there."""
        shutil.rmtree(folder, ignore_errors=True)
        self.folder, self._storage, self._repos = folder, storage, repos
        self._there: dict[str, list[Tree]] = {}  # the last one is there whole, or of several each in part

    def bring(self, inputs: Mapping[str, tuple[FilesInput, Commit]], look: Callable[[], object]) -> None:
        """Lays out the files that inputs have at their commits.

        Raises:
            Unavailable: The disk or the store does not let it.
        """
        for name, (item, commit) in inputs.items():
            tree = self._repos.view(commit).tree
            bases = self._there.setdefault(name, [self._storage.tree(None)])
            changes = differing([*bases], tree)
            bases.append(tree)  # until all of it is there
            place = self.folder / name
            place.mkdir(parents=True, exist_ok=True)
            folder = Folder(place, shown=f"input {name}", owner="layout", durable=False)
            folder.apply(_seen(read_glob(item.glob), changes), Files(self._storage, tree, look))
            self._there[name] = [tree]


def _seen(glob: Glob, changes: Iterator[Change]) -> Iterator[Change]:
    """Yields the changes of what a glob matches: the files themselves, and what lies below folders."""
    for change in changes:
        places = _folders_above(change.path) if glob.folders_only else _with_folders(change.path)
        if any(glob.match(place) is not None for place in places):
            yield change


def _with_folders(path: str) -> Iterator[str]:
    yield from _folders_above(path)
    yield path


def _folders_above(path: str) -> Iterator[str]:
    yield ""
    parts = path.split("/")
    for count in range(1, len(parts)):
        yield "/".join(parts[:count])
