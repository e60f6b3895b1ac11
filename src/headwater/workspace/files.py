"""Brings files of this machine into a commit, and files of a commit onto this machine.

Nothing on this machine decides where something is written: paths of a commit
are checked by the tree, and a copy never leaves the folder it was asked for.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from headwater.errors import InvalidInput
from headwater.repos import CommitBuilder, View
from headwater.telemetry import Progress
from headwater.workspace.errors import SourceNotFound, TargetExists

STDIN = "-"
_PIECE = 1 << 20


def check_sources(sources: Sequence[str], path: str | None) -> None:
    """Makes sure that every source can be read and has a name in the repo; says all that is wrong at once.

    Raises:
        InvalidInput, SourceNotFound: One cannot.
    """
    if not sources:
        raise InvalidInput("Nothing was named to put.", hint="Name files or folders, or - for stdin.")
    missing = [source for source in sources if source != STDIN and not Path(source).exists()]
    if missing:
        raise SourceNotFound(*missing)
    if STDIN in sources and (len(sources) > 1 or path is None or path.endswith("/")):
        raise InvalidInput(
            "Stdin has no name.",
            hint="Write REPO@BRANCH:/PATH for the file it becomes, and - as the only source.",
        )


def put_sources(
    commit: CommitBuilder, sources: Sequence[str], path: str | None, *, append: bool, progress: Progress
) -> None:
    """Puts files, folders or stdin into an open commit.

    A folder's files keep their paths below `path`. A single file becomes
    `path` itself, unless that ends with `/`; without a path it keeps its name.
    """
    progress.start("Reading files")
    count = 0
    for source in sources:
        for place, inside in _named(source, path, single=len(sources) == 1):
            if place is None:
                commit.put(inside, sys.stdin.buffer, append=append)
            else:
                commit.put(inside, place, append=append)
            count += 1
            progress.advance()
    progress.finish(f"{count} file{'' if count == 1 else 's'} read")


def _named(source: str, path: str | None, *, single: bool) -> Iterator[tuple[Path | None, str]]:
    base = (path or "/").rstrip("/")
    if source == STDIN:
        yield None, base
        return
    place = Path(source)
    if place.is_dir():
        for file in _files_below(place):
            yield file, f"{base}/{file.relative_to(place).as_posix()}"
    elif single and path is not None and not path.endswith("/"):
        yield place, base
    else:
        yield place, f"{base}/{place.name}"


def _files_below(folder: Path) -> Iterator[Path]:
    """Yields regular files in order; links are not followed, for they may lead out of the folder."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            file = Path(parent, name)
            if file.is_file() and not file.is_symlink():
                yield file


def copy_out(view: View, path: str, to: Path, progress: Progress) -> Path:
    """Copies a file, or everything below a folder, to a place that does not exist yet.

    Raises:
        TargetExists: The place exists.
        PathNotFound: The commit has nothing at the path.
    """
    if to.exists():
        raise TargetExists(str(to))
    found = view.stat(path)
    progress.start("Writing files", None if found.kind == "folder" else 1)
    if found.kind == "file":
        _write(view, path, to)
        progress.advance()
    else:
        to.mkdir(parents=True)
        top = "" if found.path == "/" else found.path.rstrip("/")
        for file in view.walk(path):
            _write(view, file.path, to / file.path.removeprefix(top).lstrip("/"))
            progress.advance()
    progress.finish()
    return to


def _write(view: View, path: str, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    with view.open(path) as source, to.open("xb") as target:
        while piece := source.read(_PIECE):
            target.write(piece)
