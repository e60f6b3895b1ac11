"""Lays files out of a repo into folders for the user's code: each content is fetched once and linked from then on.

Contents lie on a shelf under their hash, read-only. A folder for a datum has
hard links to them, so that a model which a thousand datums see is fetched and
kept once. The shelf has a budget; what was not asked for lately goes first.
"""

import os
import shutil
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from headwater.pipelines.sets import Piece
from headwater.storage import ObjectStore, PortableFile, copy_portable

_READ_ONLY, _READ_ONLY_PROGRAM = 0o444, 0o555
_BUDGET_BYTES = 2 * 1024**3
_MOST_LINKS = 30_000  # file systems allow 65,000 and fewer to one file


class _Kept(NamedTuple):
    path: Path
    size: int
    written_ns: int

    @property
    def is_whole(self) -> bool:
        """Whether it is there as it was written: code may change a file that it owns, and the link is the file."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return False
        return (found.st_size, found.st_mtime_ns) == (self.size, self.written_ns)


class Shelf:
    """Contents of files under their hashes, in one folder."""

    def __init__(self, folder: Path, budget_bytes: int = _BUDGET_BYTES) -> None:
        """Takes an empty folder over."""
        self._folder, self._budget, self._used = folder, budget_bytes, 0
        self._kept: OrderedDict[tuple[bytes, bool], _Kept] = OrderedDict()

    def take(self, file: PortableFile, store: ObjectStore) -> Path:
        """Returns where a content lies, after it was fetched if need be.

        Raises:
            StoredBytesCorrupt: A piece of it is not what was written.
        """
        key = (file.hash, file.executable)
        kept = self._kept.get(key)
        if kept is not None and kept.is_whole:
            self._kept.move_to_end(key)
            return kept.path
        path = self._folder / f"{file.hash.hex()}{'x' if file.executable else ''}"
        draft = path.with_suffix(".new")
        write(file, store, draft)
        draft.replace(path)
        self._used += file.size - (kept.size if kept else 0)
        self._kept[key] = _Kept(path, file.size, path.stat().st_mtime_ns)
        self._trim()
        return path

    def holds(self, file: PortableFile) -> bool:
        """Tells whether a content is here as it was written; what is linked to it is then too."""
        kept = self._kept.get((file.hash, file.executable))
        return kept is not None and kept.is_whole

    def link(self, file: PortableFile, store: ObjectStore, place: Path) -> None:
        """Makes a content appear at a path that does not exist yet.

        Raises:
            StoredBytesCorrupt: A piece of it is not what was written.
        """
        source = self.take(file, store)
        try:
            if source.stat().st_nlink < _MOST_LINKS:
                os.link(source, place)
                return
        except PermissionError:
            pass  # a file system without hard links
        shutil.copy(source, place)

    def _trim(self) -> None:
        while self._used > self._budget and len(self._kept) > 1:
            _, oldest = self._kept.popitem(last=False)
            self._used -= oldest.size
            oldest.path.unlink(missing_ok=True)


def write(file: PortableFile, store: ObjectStore, place: Path) -> None:
    """Writes a content to a path of its own, read-only.

    Raises:
        StoredBytesCorrupt: A piece of it is not what was written.
    """
    place.unlink(missing_ok=True)
    copy_portable(file, store, place)
    place.chmod(_READ_ONLY_PROGRAM if file.executable else _READ_ONLY)


def lay_out(
    pieces: Iterable[Piece],
    store: ObjectStore,
    folder: Path,
    *,
    put: Callable[[Piece, PortableFile, Path], None] | None = None,
) -> None:
    """Lays what a datum sees out in a folder: each file at `<input>/<path>`.

    Args:
        pieces: What it sees.
        store: Where objects are read.
        folder: An empty folder.
        put: Brings one file to its place, in another way than by writing it.

    Raises:
        StoredBytesCorrupt: A file is not what was written.
    """
    for piece in pieces:
        root = folder / piece.input
        root.mkdir(parents=True, exist_ok=True)
        if piece.is_folder and piece.path:
            (root / piece.path).mkdir(parents=True, exist_ok=True)
        for (_, file), place in zip(piece.files, places_of(piece, root), strict=True):
            if os.path.lexists(place):
                continue  # two pieces of a group may hold the same file
            if piece.empty:
                place.touch(_READ_ONLY)
            elif put is not None:
                put(piece, file, place)
            else:
                write(file, store, place)


def places_of(piece: Piece, root: Path) -> Iterator[Path]:
    """Yields where the files of a piece lie below a folder, which has their folders by then."""
    made = {""}
    for path, _ in piece.files:
        above = path.rpartition("/")[0]
        if above not in made:
            (root / above).mkdir(parents=True, exist_ok=True)
            made.add(above)
        yield root / path
