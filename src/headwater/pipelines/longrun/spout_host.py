"""The process of a function that is a spout: `python -m headwater.pipelines.longrun.spout_host TOLD`.

A generator yields what is to be committed and goes on when it is; the value
of its `yield` is the id of the commit. A function that is none writes to
`out` and calls `out.commit()`, which returns the id.

    @hw.spout()
    def ticks(last):
        while True:
            id = yield {"now.txt": str(datetime.now())}
"""

import os
import shutil
import sys
import time
from collections.abc import Generator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from headwater.pipelines.longrun.errors import LongRunFailed
from headwater.pipelines.longrun.hosting import call, only_ours, run
from headwater.pipelines.longrun.protocol import ANSWERS, AUTOMATIC, MOST_NAME_BYTES, NUDGES, READY, Told
from headwater.pipelines.runtime.calling.objects import Out
from headwater.pipelines.runtime.errors import InvalidOutput

_ORPHANED = 113


class SpoutOut:
    """Where a spout's output goes until it is committed."""

    def __init__(self, place: Path) -> None:
        """Begins with nothing."""
        self._place, self._numbers = place, count(1)
        self._answers = os.fdopen(ANSWERS, encoding="utf-8", errors="replace")
        self._begin()

    def write(self, name: str, data: Any) -> None:
        """Writes one file; one that was written before under this name is replaced.

        Args:
            name: Its path in the output.
            data: Text, bytes, or a data frame, which becomes what the name's ending says.

        Raises:
            InvalidOutput: No file can have the name, or the data is none of these.
        """
        self._out.write(name, data)

    @property
    def folder(self) -> Path:
        """A real folder; whatever lies in it when `commit` is called is committed. Each commit has another one."""
        return self._out.folder

    def commit(self, name: str = "") -> str:
        """Commits what was written since the last time, and returns the commit's id when that is done.

        Args:
            name: What it is called; the last one's name is given to the spout when it starts again.

        Raises:
            InvalidOutput: It cannot be committed.
        """
        _check_name(name)
        handed = name or f"{AUTOMATIC}{time.time_ns():020d}-{next(self._numbers)}"
        folder = self._out.folder  # what was kept in memory is written by this
        self._begin()
        folder.rename(self._place / READY / handed)
        os.write(NUDGES, b"\n")
        for line in self._answers:
            answered, _, text = line.rstrip("\n").partition("\t")
            if answered == handed:
                if text.startswith("!"):
                    raise InvalidOutput(text[1:], hint="Hand over something else.")
                return text
        os._exit(_ORPHANED)

    def drop(self) -> bool:
        """Gives up what was written and not committed; tells whether there was any."""
        written, has_folder = self._out.taken()
        if has_folder:
            shutil.rmtree(self._out.folder, ignore_errors=True)
        return bool(written) or has_folder

    def _begin(self) -> None:
        self._out = Out(self._place / f"draft-{next(self._numbers)}")


def main(told: Told) -> None:
    """Runs the function until it returns."""
    only_ours(ANSWERS, NUDGES)
    out = SpoutOut(Path(told.folder))
    made = call(told, {"out": out, "last": told.last})
    if isinstance(made, Generator):
        _exhaust(made, out)
    if out.drop():
        raise LongRunFailed(
            "The function returned, and what it wrote to `out` since its last commit is given up.",
            hint="Call `out.commit()` before it returns.",
        )


def _exhaust(generator: Generator[Any, str, Any], out: SpoutOut) -> None:
    try:
        made = next(generator)
        while True:
            made = generator.send(_committed(made, out))
    except StopIteration:
        return


def _committed(made: Any, out: SpoutOut) -> str:
    name, files = made if isinstance(made, tuple) and len(made) == 2 else ("", made)
    if not isinstance(files, Mapping) or not isinstance(name, str):
        raise InvalidOutput(
            f"The spout yielded {type(made).__name__}.",
            hint='Yield a mapping from paths to contents, {"a.txt": "…"}, or a name and such a mapping.',
        )
    for path, data in files.items():
        out.write(path, data)
    return out.commit(name)


def _check_name(name: str) -> None:
    if "/" in name or "\0" in name or name.startswith(".") or len(name.encode()) > MOST_NAME_BYTES:
        raise LongRunFailed(
            f"{name!r} cannot be the name of what is handed over.",
            hint=f"Use at most {MOST_NAME_BYTES} bytes, no `/`, and no dot in front.",
        )


if __name__ == "__main__":
    sys.exit(run(main, sys.argv[1:]))
