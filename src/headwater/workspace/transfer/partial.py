"""The place of a copy that is not whole yet: beside its target, under a name that nobody takes for it.

It holds a marker, which says of which commit it is a copy and is locked while
somebody works on it, and what was copied so far. When all is there, that is
renamed to the target; so a target that exists is whole.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from headwater.workspace.errors import CopyUnderWay, TargetExists, TargetUnwritable

_MARKER, _CONTENT = "marker.json", "content"
_MOST_NAME = 100


class Marker(msgspec.Struct, frozen=True):
    """What is being copied where."""

    repo: str
    commit: str
    path: str
    to: str


class Partial:
    """A copy that is being made."""

    def __init__(self, folder: Path, *, is_resumed: bool) -> None:
        """Takes a folder that is locked for this copy."""
        self.content = folder / _CONTENT
        self.is_resumed = is_resumed and self.content.exists()


@contextmanager
def partial_copy(marker: Marker) -> Iterator[Partial]:
    """Gives the place of a copy; when the block ends well, what is there becomes the target.

    Raises:
        CopyUnderWay: Another copy is there, unfinished or being made.
        TargetExists: There is something at the target, now or at the end.
        TargetUnwritable: The place cannot be written.
    """
    to = Path(marker.to)
    folder = to.with_name(f".{to.name[:_MOST_NAME]}.headwater-part")
    try:
        if os.path.lexists(to):
            raise TargetExists(str(to))
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder) as descriptor:
            is_resumed = _claim(folder, descriptor, marker)
            part = Partial(folder, is_resumed=is_resumed)
            yield part
            _rename(part.content, to)
            shutil.rmtree(folder)
            _sync(to.parent)
    except OSError as error:
        raise TargetUnwritable(str(error.filename or to), why=error.strerror or str(error)) from error


@contextmanager
def _locked(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder / _MARKER, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield descriptor
    except BlockingIOError:
        raise CopyUnderWay(
            f"Somebody is making this copy right now, in {folder}.",
            hint="Wait for it, or name another target.",
        ) from None
    finally:
        os.close(descriptor)


def _claim(folder: Path, descriptor: int, marker: Marker) -> bool:
    """Writes the marker, or makes sure that it is this one; tells whether something was copied already."""
    written = os.pread(descriptor, 1 << 16, 0)
    if not written and not (folder / _CONTENT).exists():
        os.pwrite(descriptor, msgspec.json.encode(marker), 0)
        os.fsync(descriptor)
        return False
    found: Marker | None = None
    with suppress(msgspec.DecodeError):
        found = msgspec.json.decode(written, type=Marker)
    if found == marker:
        return True
    of = "something else" if found is None else f"{found.repo}@{found.commit[:12]}:{found.path}"
    raise CopyUnderWay(
        f"{folder} holds an unfinished copy of {of}, not of {marker.repo}@{marker.commit[:12]}:{marker.path}.",
        hint=(
            f"Remove {folder}, or name another target."
            if found is None
            else f"Finish it with `headwater get {found.repo}@{found.commit}:{found.path} -o {found.to}`, or remove {folder}."
        ),
    )


def _rename(content: Path, to: Path) -> None:
    """Gives the copy its name, never in place of something."""
    if os.path.lexists(to):
        raise TargetExists(str(to))
    if content.is_dir():
        content.rename(to)
        return
    try:
        to.hardlink_to(content)
    except FileExistsError:
        raise TargetExists(str(to)) from None
    except OSError:  # a file system without links
        content.rename(to)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
