"""The process of a function that is a service: `python -m headwater.pipelines.longrun.service_host TOLD`.

The function gets its inputs and `port`, and answers on 127.0.0.1 at that port
until it is ended; it may take `stop`, an event that is set when it is to end.
"""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from headwater.pipelines.longrun.hosting import call, only_ours, run
from headwater.pipelines.longrun.protocol import ANSWERS, NUDGES, Told
from headwater.pipelines.runtime.calling.objects import Input
from headwater.pipelines.runtime.messages import FileOrder, PieceOrder

_AT_ONCE = 1_000


class LaidOut:
    """The inputs of a service, which are folders here; a `Source`."""

    def __init__(self, root: Path, names: Sequence[str]) -> None:
        """Looks at what there is."""
        self._roots = [root / name for name in names]
        self._files = [sorted(_below(one), key=str.encode) for one in self._roots]
        self.inputs = {
            name: Input(name, [_whole(number, name, len(files))], self)
            for number, (name, files) in enumerate(zip(names, self._files, strict=True))
        }

    def file(self, piece: int, index: int) -> str:
        """Returns where a file lies."""
        return str(self._roots[piece] / self._files[piece][index])

    def folder(self, piece: int) -> str:
        """Returns where an input lies."""
        return str(self._roots[piece])

    def listing(self, piece: int, start: int) -> Sequence[FileOrder]:
        """Returns the files of an input from one on."""
        paths = self._files[piece][start : start + _AT_ONCE]
        return [FileOrder(path, (self._roots[piece] / path).stat().st_size) for path in paths]

    def once(self, digest: bytes, load: Callable[[Input], Any], input: Input) -> Any:  # noqa: ARG002 - as for datums
        """Returns what `load` makes of an input; a service sees each but once."""
        return load(input)


def main(told: Told) -> None:
    """Runs the function until it returns."""
    only_ours(ANSWERS, NUDGES)
    inputs = LaidOut(Path(told.folder), told.inputs).inputs
    call(told, {**inputs, "port": told.port})


def _whole(number: int, name: str, count: int) -> PieceOrder:
    """Returns an input as one piece: the root of its repo, with all that was matched."""
    return PieceOrder(
        number, name, path="", is_folder=True, digest=b"", count=count, keep=True, empty=False, files=None
    )


def _below(root: Path) -> list[str]:
    return [
        os.path.relpath(os.path.join(folder, name), root)  # noqa: PTH118 - paths of a walk
        for folder, _, names in os.walk(root)
        for name in names
    ]


if __name__ == "__main__":
    sys.exit(run(main, sys.argv[1:]))
