"""Commands about training requests."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from headwater.cli import output
from headwater.cli.opening import open_here

request = App(name="request", help="List, show and cancel training requests")


def train(
    *,
    file: Annotated[Path, Parameter(name=["--file", "-f"])],
    wait: bool = False,
) -> None:
    """Send a training request

    Example:
        headwater train -f iris.yaml --wait

    Args:
        file: The request, YAML or JSON
        wait: Wait for the version, and show it
    """
    with open_here() as workspace:
        with output.progress() as progress:
            sent = workspace.train(file)
            told = sent.result(progress) if wait else sent.job
        output.show(told)


@request.command(name="list")
def list_requests(*, limit: int = 50, cursor: str | None = None) -> None:
    """List training requests, newest first

    Example:
        headwater request list

    Args:
        limit: At most so many
        cursor: Go on behind the page that gave this as `next`
    """
    with open_here() as workspace:
        output.show(workspace.requests.list(limit=limit, cursor=cursor))


@request.command(name="show")
def show_request(id: str) -> None:
    """Show a training request

    Example:
        headwater request show 3f9c5a01

    Args:
        id: Its id, or the beginning of it
    """
    with open_here() as workspace:
        output.show(workspace.requests.get(id))


@request.command(name="cancel")
def cancel_request(id: str) -> None:
    """Cancel a training request that has not ended

    Example:
        headwater request cancel 3f9c5a01

    Args:
        id: Its id, or the beginning of it
    """
    with open_here() as workspace:
        output.show(workspace.requests.cancel(id))
