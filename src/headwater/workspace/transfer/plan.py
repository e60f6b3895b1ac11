"""Looks at everything that is to be put, before anything of it is read.

What is wrong with any of it is said at once, and nothing is written. What is
found is kept encoded, a few hundred files at a time and in the order of their
paths in the repo, so that a million files are some tens of megabytes and no
million objects.

Below a named folder links are not followed and special files (devices, pipes,
sockets) not read: both are passed over and counted. A named source may be a
link; where it leads was somebody's wish.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from headwater.errors import InvalidInput
from headwater.storage import InvalidPath, normalize, normalize_folder
from headwater.storage.remote import is_remote_source, list_remote
from headwater.workspace.errors import SourceNotFound, SourcesUnusable

STDIN = "-"
_PIECE = 256
_MOST_MISTAKES = 1_000
_MOST_PART_BYTES = 255
_READS_ALL = os.geteuid() == 0 if hasattr(os, "geteuid") else False


class Found(NamedTuple):
    """A file as it was found: enough to tell later whether it is still the same."""

    name: str
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    executable: bool


class Piece(NamedTuple):
    """Some files of one folder: where the folder is, and what goes before their names in the repo.

    With a `target` it is one file, which has that path in the repo. With `url`
    the names are addresses, and the files have none of a disk's marks.
    """

    source: int
    folder: bytes
    prefix: str
    files: list[Found]
    target: str | None = None
    remote: bool = False

    def path(self, found: Found) -> str:
        """Returns a file's path in the repo."""
        return self.prefix + found.name if self.target is None else self.target


_decoder = msgspec.msgpack.Decoder(Piece)


class Plan:
    """What a put will read, in the order in which it will."""

    def __init__(self) -> None:
        """Starts with nothing."""
        self._pieces: list[bytes] = []
        self.files = self.links = self.specials = 0
        self.size_bytes = 0
        self.is_size_known = True
        self.stdin: str | None = None

    def __iter__(self) -> Iterator[Piece]:
        """Yields what was found, some files at a time."""
        return map(_decoder.decode, self._pieces)

    def add(self, piece: Piece) -> None:
        """Takes some files."""
        self._pieces.append(msgspec.msgpack.encode(piece))
        self.files += len(piece.files)
        for found in piece.files:
            self.size_bytes += max(found.size, 0)
            self.is_size_known = self.is_size_known and found.size >= 0

    @property
    def passed_over(self) -> str:
        """Says what was found and is not put; empty where all is."""
        told = [(self.links, "link"), (self.specials, "special file")]
        return " and ".join(f"{count} {what}{'' if count == 1 else 's'}" for count, what in told if count)


class _Mistakes:
    """All that is wrong, as far as a person could read it."""

    def __init__(self) -> None:
        self.missing: list[str] = []
        self.other: list[str] = []

    def add(self, text: str) -> None:
        if len(self.other) < _MOST_MISTAKES:
            self.other.append(text)

    def refuse(self) -> None:
        if self.missing and not self.other:
            raise SourceNotFound(*self.missing)
        told = [f"There is no file or folder {one}." for one in self.missing] + self.other
        if told:
            raise SourcesUnusable(told)


def plan_put(sources: Sequence[str], path: str | None) -> Plan:
    """Finds all files of some sources, and where in the repo they go.

    A folder's files keep their paths below `path`, and so do all files below an
    address that ends with a slash. A single file becomes `path` itself, unless
    that ends with `/`; without a path it keeps its name. Of two sources that
    have a file for one path the later one counts.

    Args:
        sources: Files, folders and addresses, or `-` for stdin alone.
        path: The path in the repo that was named, if one was.

    Raises:
        InvalidInput: Nothing was named, or stdin has no name.
        InvalidPath: The path in the repo cannot be one.
        SourceNotFound: Some sources are not there.
        SourcesUnusable: Files cannot be read, or have names that no path may have.
    """
    if not sources:
        raise InvalidInput("Nothing was named to put.", hint="Name files, folders or URLs, or - for stdin.")
    base = normalize_folder(path or "/")
    plan = Plan()
    if STDIN in sources:
        if len(sources) > 1 or path is None or path.endswith("/"):
            raise InvalidInput(
                "Stdin has no name.",
                hint="Write REPO@BRANCH:/PATH for the file it becomes, and - as the only source.",
            )
        plan.stdin = base
        return plan
    mistakes = _Mistakes()
    alone = len(sources) == 1 and path is not None and not path.endswith("/")
    for number, source in enumerate(sources):
        if is_remote_source(source):
            _find_remote(plan, mistakes, number, source, base, alone=alone)
        elif Path(source).is_dir():
            _Walk(plan, mistakes, number).below(str(Path(source).absolute()), f"{base}/" if base else "")
        elif Path(source).exists():
            _find_file(plan, mistakes, number, Path(source), base, alone=alone)
        else:
            mistakes.missing.append(source)
    mistakes.refuse()
    return plan


def _find_file(plan: Plan, mistakes: _Mistakes, number: int, file: Path, base: str, *, alone: bool) -> None:
    place = file.absolute()
    target = base if alone else f"{base}/{place.name}" if base else place.name
    status = place.stat()
    if not stat.S_ISREG(status.st_mode):
        mistakes.add(f"{file} is neither a file nor a folder.")
    elif not os.access(place, os.R_OK):
        mistakes.add(f"{file} cannot be read.")
    elif _is_path(target, mistakes):
        plan.add(Piece(number, os.fsencode(place.parent), "", [_found(place.name, status)], target))


def _find_remote(plan: Plan, mistakes: _Mistakes, number: int, url: str, base: str, *, alone: bool) -> None:
    is_one = alone and not url.endswith("/")
    prefix = f"{base}/" if base else ""
    for file in list_remote(url):
        target = base if is_one and "/" not in file.name else prefix + file.name
        if _is_path(target, mistakes):
            size = -1 if file.size is None else file.size
            plan.add(
                Piece(
                    number, b"", "", [Found(file.url, size, 0, 0, 0, executable=False)], target, remote=True
                )
            )


class _Walk:
    """Goes through one folder in the order that its files have in a tree."""

    def __init__(self, plan: Plan, mistakes: _Mistakes, number: int) -> None:
        self._plan, self._mistakes, self._number = plan, mistakes, number
        self._found: list[Found] = []

    def below(self, top: str, prefix: str) -> None:
        """Adds the files of a folder and of all below it."""
        stack = [(top, prefix, iter(self._names(top)))]
        while stack:
            folder, prefix, names = stack[-1]
            upcoming = next(names, None)
            if upcoming is None:
                self._close(folder, prefix)
                stack.pop()
            elif upcoming[-1] == "/":
                self._close(folder, prefix)
                below, name = prefix + upcoming, upcoming[:-1]
                if _is_path(prefix + name, self._mistakes):
                    stack.append((f"{folder}/{name}", below, iter(self._names(f"{folder}/{name}"))))
            else:
                self._file(folder, prefix, upcoming)

    def _names(self, folder: str) -> list[str]:
        """Returns the names in a folder as their paths are sorted: a folder's with a slash behind it."""
        names = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_symlink():
                        self._plan.links += 1
                    elif entry.is_file(follow_symlinks=False):
                        names.append(entry.name)
                    elif entry.is_dir(follow_symlinks=False):
                        names.append(entry.name + "/")
                    else:
                        self._plan.specials += 1
        except OSError as error:
            self._mistakes.add(f"{folder} cannot be read: {error.strerror}.")
        names.sort()
        return names

    def _file(self, folder: str, prefix: str, name: str) -> None:
        is_plain = len(prefix) + len(name) <= _MOST_PART_BYTES and name.isascii() and prefix.isascii()
        if not is_plain and not _is_path(prefix + name, self._mistakes):
            return
        place = f"{folder}/{name}"
        try:
            status = os.lstat(place)
        except OSError as error:
            self._mistakes.add(f"{place} cannot be read: {error.strerror}.")
            return
        if not _READS_ALL and not os.access(place, os.R_OK):
            self._mistakes.add(f"{place} cannot be read: Permission denied.")
        self._found.append(_found(name, status))
        if len(self._found) == _PIECE:
            self._close(folder, prefix)

    def _close(self, folder: str, prefix: str) -> None:
        if self._found:
            self._plan.add(Piece(self._number, os.fsencode(folder), prefix, self._found))
            self._found = []


def _found(name: str, status: os.stat_result) -> Found:
    is_executable = bool(status.st_mode & 0o111)
    return Found(name, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, is_executable)


def _is_path(path: str, mistakes: _Mistakes) -> bool:
    try:
        normalize(path)
    except InvalidPath as error:
        mistakes.add(error.message)
        return False
    return True
