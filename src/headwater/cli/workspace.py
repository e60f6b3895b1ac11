"""Commands about the workspace itself: make it, look at it, work for it, tell a story with it."""

from importlib import import_module
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from headwater.cli import output
from headwater.cli.opening import open_here
from headwater.workspace import Workspace, move_workspace


def init(url: str = ".", *, objects: str | None = None) -> None:
    """Make a workspace in a folder or a database

    Example:
        headwater init postgresql://ann@db.example/team --objects s3://team/headwater

    Args:
        url: A folder, which gets a subfolder .headwater, or the URL of a PostgreSQL database
        objects: Where objects lie: a folder, or a bucket such as s3://bucket/prefix; a database needs it
    """
    with Workspace.create(output.options().workspace or url, objects=objects) as workspace:
        output.show(workspace.info())


def status() -> None:
    """Show where the workspace is and what it holds

    Example:
        headwater status
    """
    with open_here() as workspace:
        output.show(workspace.info())


def move(
    to: str | None = None, *, objects: str | None = None, keep: bool = False, abandon: bool = False
) -> None:
    """Move the workspace to another catalog and object store

    Example:
        headwater move postgresql://ann@db.example/team --objects s3://team/headwater

    Args:
        to: Where it goes: a folder, or the URL of a PostgreSQL database
        objects: Where its objects go: a folder, or a bucket such as s3://bucket/prefix
        keep: Leave it usable where it is too; what is made is a copy
        abandon: Give up a move that did not come to its end
    """
    source = output.options().workspace
    with output.progress() as progress:
        moved = move_workspace(source, to, objects=objects, keep=keep, abandon=abandon, progress=progress)
    output.show(moved)


def worker(
    *,
    idle_exit: Annotated[float | None, Parameter(name="--idle-exit")] = None,
    processes: int = 0,
    executor: str = "local",
    address: str | None = None,
) -> None:
    """Take tasks from the queue and run them

    Example:
        headwater worker --idle-exit 60
        headwater worker --executor ray --address auto

    Args:
        idle_exit: End after so many seconds without a task; never when absent
        processes: How many datums run at once; 0 is one per core
        executor: Where datums run: local or ray
        address: The Ray cluster, auto or HOST:PORT; workers.ray_address when absent, else one is started here
    """
    with open_here() as workspace:
        workspace.work(idle_exit_s=idle_exit, processes=processes, executor=executor, address=address)


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
        story: Which one: iris, sentiment
        keep: Leave the endpoint up until Ctrl-C
        folder: Where to make the workspace; ./headwater-demo when absent
    """
    tell = import_module("headwater.demos").tell
    with output.progress() as progress, output.one_document() as show:
        tell(story, progress, keep=keep, folder=folder, say=output.note, show=show)
