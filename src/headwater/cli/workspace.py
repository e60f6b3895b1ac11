"""Commands about the workspace itself: make it, look at it, work for it, tell a story with it."""

from importlib import import_module
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from headwater.cli import output
from headwater.cli.opening import open_here
from headwater.workspace import Workspace


def init(url: str = ".") -> None:
    """Make a workspace in a folder

    Example:
        headwater init ./work

    Args:
        url: The folder; it gets a subfolder .headwater
    """
    with Workspace.create(output.options().workspace or url) as workspace:
        output.show(workspace.info())


def status() -> None:
    """Show where the workspace is and what it holds

    Example:
        headwater status
    """
    with open_here() as workspace:
        output.show(workspace.info())


def worker(
    *,
    idle_exit: Annotated[float | None, Parameter(name="--idle-exit")] = None,
    processes: int = 0,
    executor: str = "local",
) -> None:
    """Take tasks from the queue and run them

    Example:
        headwater worker --idle-exit 60

    Args:
        idle_exit: End after so many seconds without a task; never when absent
        processes: How many datums run at once; 0 is one per core
        executor: Where datums run: local
    """
    with open_here() as workspace:
        workspace.work(idle_exit_s=idle_exit, processes=processes, executor=executor)


def demo(
    story: str = "iris",
    *,
    keep: bool = False,
    folder: Path | None = None,
) -> None:
    """Tell a story from a data file to a served prediction

    Example:
        headwater demo iris --keep

    Args:
        story: Which one: iris
        keep: Leave the endpoint up until Ctrl-C
        folder: Where to make the workspace; ./headwater-demo when absent
    """
    tell = import_module("headwater.demos").tell
    with output.progress() as progress, output.one_document() as show:
        tell(story, progress, keep=keep, folder=folder, say=output.note, show=show)
