"""Looks at files and folders of this machine that are to be put."""

import os
import stat
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from headwater.errors import InvalidInput


def files_below(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yields the files below a folder, in a fixed order, with the paths they have in a repo.

    A link to a file is the file; a link to a folder is not followed. Names
    come in Unicode normal form C, whatever form this machine keeps them in.

    Raises:
        InvalidInput: Something in it is no file, or a folder cannot be read.
    """
    for above, folders, names in os.walk(folder, onerror=_refuse):
        folders.sort()
        for name in sorted(names):
            file = Path(above, name)
            stat_of(file)
            inside = file.relative_to(folder).as_posix()
            yield unicodedata.normalize("NFC", inside), file


def stat_of(file: Path) -> os.stat_result:
    """Returns what this machine knows of a file.

    Raises:
        InvalidInput: There is none, or it is no file with a content.
    """
    try:
        found = file.stat()
    except OSError as error:
        raise InvalidInput(
            f"{file} cannot be read: {error.strerror}.", hint="Name a file or folder that this user may read."
        ) from None
    if not stat.S_ISREG(found.st_mode):
        raise InvalidInput(f"{file} is no file with a content.", hint="Put the files beside it one by one.")
    return found


def _refuse(error: OSError) -> None:
    raise InvalidInput(
        f"{error.filename} cannot be read: {error.strerror}.", hint="Name a folder that this user may read."
    ) from None
