"""Where a story happens: its folder, and how it speaks.

The folder of an earlier telling is replaced, one that something else made is
not touched: a marker file tells them apart.
"""

import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headwater.demos.errors import FolderTaken
from headwater.errors import Error
from headwater.telemetry import Progress
from headwater.workspace import Workspace

_MARKER = ".made-by-headwater-demo"


@dataclass(frozen=True)
class Stage:
    """A folder, and what the story's words go to."""

    folder: Path
    progress: Progress
    say: Callable[[str], None]
    show: Callable[[Any], None]

    def workspace(self) -> Workspace:
        """Makes the story's workspace anew.

        Raises:
            FolderTaken: The folder holds something else.
        """
        folder = self.folder.resolve()
        if folder.exists() and any(folder.iterdir()):
            if not (folder / _MARKER).is_file():
                raise FolderTaken(folder)
            with suppress(Error), Workspace.open(str(folder)) as earlier:
                earlier.stop_workers()  # one that is still idle must not find the new workspace in the old place
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _MARKER).write_text("A demo made this folder; the next one replaces it.\n")
        return Workspace.create(str(folder))

    def step(self, number: int, text: str) -> None:
        """Begins a step of the story."""
        self.say(f"\n{number}. {text}")
