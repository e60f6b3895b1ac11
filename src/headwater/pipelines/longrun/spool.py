"""The folder in which a spout hands things over, and what has become of them.

    out/ready/NAME      handed over: a file, or a folder of files
    taken/TOKEN~NAME    taken up, under a token that nothing else ever has
    trash/TOKEN~NAME    committed, and being removed
    rejected/…          could not be committed; the newest few are kept

Each step is one rename. A thing is gone from `taken` only after its commit,
whose transaction notes the token; so after a death at any instant, what is
still in `taken` is committed if its token is not the one noted last, and is
only cleared away if it is. Things are committed one after the other.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from headwater.ids import random_id
from headwater.pipelines.longrun.protocol import AUTOMATIC, MOST_NAME_BYTES, READY

_MOST_REJECTED = 10


class Thing(NamedTuple):
    """Something that was handed over and is taken up."""

    token: str
    name: str
    place: Path

    @property
    def is_named(self) -> bool:
        """Whether whoever handed it over chose the name."""
        return not self.name.startswith(AUTOMATIC)


class Spool:
    """The spool of one spout on this machine; used by whoever holds its lock."""

    def __init__(self, folder: Path) -> None:
        """Takes a folder over, making what is missing."""
        self.out, self._taken = folder / "out", folder / "taken"
        self._trash, self._rejected = folder / "trash", folder / "rejected"
        _remove(self._trash)
        for place in (self.out / READY, self._taken, self._trash, self._rejected):
            place.mkdir(parents=True, exist_ok=True)
        self.id = _id(folder / "id")

    def clear_drafts(self) -> None:
        """Removes what was begun and never handed over; nothing may be running that writes here."""
        for entry in os.scandir(self.out):
            if entry.name != READY:
                _remove(Path(entry.path))

    def things(self) -> Iterator[Thing]:
        """Yields what is to be committed, oldest first: what was taken up before, then what is ready."""
        for place in sorted(self._taken.iterdir()):
            token, _, name = place.name.partition("~")
            yield Thing(token, name, place)
        for name in self._ready():
            token = random_id()
            place = self._taken / f"{token}~{name}"
            if _moved(self.out / READY / name, place):
                yield Thing(token, name, place)

    def done(self, thing: Thing) -> None:
        """Clears a thing away that is committed, at once for whoever looks: the next one is committed after that."""
        place = self._trash / thing.place.name
        if _moved(thing.place, place):
            _remove(place)

    def reject(self, thing: Thing) -> Path:
        """Puts a thing aside that cannot be committed; returns where it is."""
        place = self._rejected / thing.place.name
        _moved(thing.place, place)
        old = sorted(self._rejected.iterdir(), key=lambda one: one.lstat().st_ctime_ns)
        for one in old[:-_MOST_REJECTED]:
            _remove(one)
        return place

    def _ready(self) -> list[str]:
        """Returns the names of what is ready, in the order in which it was handed over."""
        folder = self.out / READY
        found: list[tuple[int, str]] = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.startswith(".") and not entry.name.startswith(AUTOMATIC):
                        continue
                    if len(os.fsencode(entry.name)) > MOST_NAME_BYTES:
                        continue
                    with contextlib.suppress(FileNotFoundError):
                        found.append((entry.stat(follow_symlinks=False).st_ctime_ns, entry.name))
        except FileNotFoundError:  # the spout removed it
            folder.mkdir(parents=True, exist_ok=True)
        return [name for _, name in sorted(found)]


def _id(file: Path) -> str:
    if not file.exists():
        draft = file.with_suffix(".new")
        draft.write_text(random_id(), encoding="ascii")
        draft.replace(file)
    return file.read_text(encoding="ascii").strip()


def _moved(place: Path, to: Path) -> bool:
    """Moves a file or folder; tells whether it was there, for a spout may take back what it handed over."""
    try:
        if not place.is_symlink() and place.is_dir():
            place.chmod(0o700)  # a folder that may not be written cannot be moved elsewhere
        place.rename(to)
    except FileNotFoundError:
        return False
    return True


def _remove(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place, ignore_errors=True)
    else:
        place.unlink(missing_ok=True)
