"""What a datum's code wrote, looked at with suspicion, and stored.

A repo holds regular files with names that every system can have. A link to an
input, or to another output, is stored as the file it leads to; anything else
is refused, by its name.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from headwater.pipelines.runtime.errors import InvalidOutput
from headwater.pipelines.runtime.names import checked_name
from headwater.storage import NewFile, OutputFile, OutputStream

_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_HINT = "An output holds regular files and folders only."


class Roots(NamedTuple):
    """Where links of a datum may lead, and what they call these places in a file system of its own."""

    folders: tuple[Path, ...] = ()
    names: tuple[tuple[str, Path], ...] = ()


def in_folder(folder: Path, roots: Roots) -> list[NewFile]:
    """Returns the files below an output folder, in no order.

    Args:
        folder: What the code has written.
        roots: Where its links may lead beside that folder.

    Raises:
        InvalidOutput: Something is no regular file, cannot be read, or has a name that no path may have.
    """
    if not stat.S_ISDIR(os.lstat(folder).st_mode):
        raise InvalidOutput("The output folder was replaced by something else.", hint=_HINT)
    inside = Roots((folder.resolve(), *(one.resolve() for one in roots.folders)), roots.names)
    return list(_below(os.fsencode(folder), b"", inside))


def store(files: Sequence[NewFile], stream: OutputStream) -> tuple[OutputFile, ...]:
    """Stores what one datum wrote and returns it in the order of paths.

    Raises:
        InvalidOutput: A path is there twice, or a file and a folder at the same time, or cannot be read.
        ReservationSpent: More segments are needed than were reserved.
    """
    if len(files) > 1:
        _check_paths(files)
        files = sorted(files, key=lambda one: one.path.encode())
    try:
        return stream.add(files)
    except FileNotFoundError as error:
        raise InvalidOutput(
            f"The output {error.filename!r} went away while it was read.", hint=_HINT
        ) from None
    except PermissionError as error:
        raise InvalidOutput(
            f"The output {error.filename!r} may not be read.", hint="Leave outputs readable for their owner."
        ) from None


def _check_paths(files: Sequence[NewFile]) -> None:
    paths = {one.path for one in files}
    if len(paths) < len(files):
        names = [one.path for one in files]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidOutput(
            f"The output {twice!r} was written twice.", hint="Give each file a name of its own."
        )
    for path in paths:
        above = path.rpartition("/")[0]
        while above:
            if above in paths:
                raise InvalidOutput(
                    f"The output {above!r} is a file, and {path!r} lies below it.",
                    hint="Give the file or the folder another name.",
                )
            above = above.rpartition("/")[0]


def _below(folder: bytes, above: bytes, roots: Roots) -> Iterator[NewFile]:
    """Yields files; a name is checked before its folder is entered, so the depth is bounded."""
    waiting = [(folder, above)]
    while waiting:
        folder, above = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                found = list(entries)
        except PermissionError:
            raise InvalidOutput(
                f"The output folder {above.decode(errors='replace')!r} may not be read.",
                hint="Leave outputs readable for their owner.",
            ) from None
        for entry in found:
            name = above + entry.name
            if entry.is_dir(follow_symlinks=False):
                _path_of(name)
                waiting.append((entry.path, name + b"/"))
            else:
                yield _one(entry, name, roots)


def _one(entry: "os.DirEntry[bytes]", name: bytes, roots: Roots) -> NewFile:
    path = _path_of(name)
    place = Path(os.fsdecode(entry.path))
    if entry.is_symlink():
        place = _led_to(place, path, roots)
    found = place.lstat()
    if not stat.S_ISREG(found.st_mode):
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), "no regular file")
        raise InvalidOutput(f"The output {path!r} is {kind}.", hint=_HINT)
    return NewFile(path, place, bool(found.st_mode & stat.S_IXUSR))


def _led_to(link: Path, path: str, roots: Roots) -> Path:
    target = str(link.readlink())
    for name, place in roots.names:
        if target == name or target.startswith(f"{name}/"):
            target = str(place) + target[len(name) :]
            break
    try:
        place = (link.parent / target).resolve(strict=True)
    except (OSError, RuntimeError):
        raise InvalidOutput(
            f"The output {path!r} is a link to {target!r}, which leads nowhere.", hint=_HINT
        ) from None
    if not any(place.is_relative_to(root) for root in roots.folders):
        raise InvalidOutput(
            f"The output {path!r} is a link to {target!r}, which is neither an input nor an output.",
            hint="Copy the file instead.",
        )
    if place.is_dir():
        raise InvalidOutput(
            f"The output {path!r} is a link to a folder.", hint="Copy the folder, or link its files."
        )
    return place


def _path_of(name: bytes) -> str:
    try:
        return checked_name(name.decode())
    except UnicodeDecodeError:
        raise InvalidOutput(
            f"The output name {str(name)[1:]} is not valid UTF-8.",
            hint="Give it a name in UTF-8.",
        ) from None
