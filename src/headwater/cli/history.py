"""Commands about history as a whole."""

from typing import Annotated, Literal

from cyclopts import Parameter

from headwater.cli import output
from headwater.cli.opening import open_here


def merge(
    from_: str,
    into: str,
    *,
    prefer: Literal["ours", "theirs"] | None = None,
    message: Annotated[str, Parameter(name=["--message", "-m"])] = "",
    forwards: Annotated[bool, Parameter(name="--forward")] = True,
    dry_run: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Merge a commit into a branch of its repo

    Example:
        headwater merge reviews@cleaned reviews@main

    Args:
        from_: REPO@WHAT, what to merge
        into: REPO@BRANCH, the branch that gets it
        prefer: The side that wins conflicts: the branch's (ours), or what is merged (theirs)
        message: What the commit is about
        forwards: Only move the branch where it has nothing of its own
        dry_run: List the conflicts that there would be, and do nothing
    """
    with open_here() as workspace:
        if dry_run:
            output.show(workspace.conflicts(from_, into))
        else:
            output.show(workspace.merge(from_, into, prefer=prefer, message=message, forwards=forwards))
