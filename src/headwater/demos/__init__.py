"""The stories that `headwater demo` tells: short, real, and on the public interface alone.

Each is also the first program that a newcomer reads.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from headwater.demos.errors import UnknownStory
from headwater.demos.stage import Stage
from headwater.telemetry import Progress

_STORIES = ("iris", "sentiment")


def tell(
    story: str,
    progress: Progress,
    *,
    keep: bool,
    folder: Path | None,
    say: Callable[[str], None],
    show: Callable[[Any], None],
) -> None:
    """Tells a story.

    Args:
        story: Its name.
        progress: Hears how far long steps have come.
        keep: Leave the endpoint up until interrupted.
        folder: Where the workspace is made; `./headwater-demo` when none.
        say: Takes each sentence of the story.
        show: Takes each document of it.

    Raises:
        UnknownStory: There is no story of this name.
    """
    if story not in _STORIES:
        raise UnknownStory(story, _STORIES)
    stage = Stage(folder or Path("headwater-demo"), progress, say, show)
    if story == "sentiment":
        from headwater.demos.sentiment import tell_sentiment

        tell_sentiment(stage)
        return
    from headwater.demos.iris import tell_iris

    tell_iris(stage, keep=keep)
