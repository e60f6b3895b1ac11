"""What can keep a story from being told."""

from collections.abc import Sequence
from pathlib import Path

from headwater.errors import InvalidInput, NotFound, Refused, Unavailable


class UnknownStory(InvalidInput):
    """No story has this name."""

    kind = "unknown-story"

    def __init__(self, name: str, known: Sequence[str]) -> None:
        """Names the story and those there are."""
        super().__init__(f"There is no demo {name!r}.", hint=f"Demos: {', '.join(known)}.")


class FolderTaken(Refused):
    """The folder for the demo's workspace holds something that no demo made."""

    kind = "folder-taken"

    def __init__(self, folder: Path) -> None:
        """Names the folder."""
        super().__init__(
            f"{folder} exists and was not made by a demo.",
            hint="Name another with --folder, or move it away.",
        )


class StoryStalled(Unavailable):
    """Something the story waits for did not happen."""

    kind = "story-stalled"

    def __init__(self, what: str, seconds: float) -> None:
        """Says what was waited for, and how long."""
        super().__init__(
            f"{what} did not happen within {seconds:.0f} s.", hint="The worker's log is in .headwater/logs."
        )


class ExampleMissing(NotFound):
    """The files of an example did not come with the package."""

    kind = "example-missing"

    def __init__(self, folder: Path) -> None:
        """Names the folder where they should be."""
        super().__init__(
            f"The files of the example are not in {folder}.",
            hint="Install Headwater again, from a wheel or with its whole repository.",
        )
