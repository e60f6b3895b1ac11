"""Commands about commits that stay open, about single commits, and about what was made of them."""

from collections.abc import Sequence
from typing import Annotated

from cyclopts import App, Parameter

from headwater.cli import output
from headwater.cli.opening import open_here
from headwater.cli.pairs import pairs_of

commit = App(name="commit", help="Start, finish, drop, list, show, squash and purge commits")

Limit = Annotated[int, Parameter(help="At most so many")]
Cursor = Annotated[str | None, Parameter(help="Go on behind the page that gave this as `next`")]
Message = Annotated[str, Parameter(name=["--message", "-m"])]
Meta = Annotated[list[str] | None, Parameter(name="--meta", negative=())]


def metadata_of(words: Sequence[str] | None) -> dict[str, str]:
    """Reads `KEY=VALUE` words.

    Raises:
        InvalidInput: A word has another form, or a key stands twice; all of them are named.
    """
    return pairs_of(words, "metadata", form="--meta KEY=VALUE")


@commit.command(name="start")
def start_commit(refs: list[str], /, *, message: Message = "", meta: Meta = None) -> None:
    """Start a commit that stays open until it is finished, on one branch or on several at once

    Example:
        headwater commit start reviews@main prices@main -m "November"

    Args:
        refs: REPO@BRANCH, one or more; several are one set
        message: What the commit is about
        meta: A text to keep with it, as --meta KEY=VALUE
    """
    with open_here() as workspace:
        output.show(workspace.start_commits(refs, message=message, metadata=metadata_of(meta)))


@commit.command(name="finish")
def finish_commit(id: str) -> None:
    """Finish an open commit, with all of its set

    Example:
        headwater commit finish 1f0c2d3e

    Args:
        id: The id of the commit or of its set, or the beginning of it
    """
    with open_here() as workspace:
        output.show(workspace.finish_commits(id))


@commit.command(name="drop")
def drop_commit(id: str) -> None:
    """Drop an open commit, with all of its set

    Example:
        headwater commit drop 1f0c2d3e

    Args:
        id: The id of the commit or of its set, or the beginning of it
    """
    with open_here() as workspace:
        output.show(workspace.drop_commits(id))


@commit.command(name="list")
def list_commits(
    ref: str,
    *,
    is_open: Annotated[bool, Parameter(name="--open", negative=())] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> None:
    """List the commits of a branch, or those of the repo that are open

    Example:
        headwater commit list reviews --open

    Args:
        ref: The repo, or REPO@WHAT
        is_open: Those that were started and neither finished nor dropped
    """
    with open_here() as workspace:
        output.show(workspace.commits(ref, is_open=is_open, limit=limit, cursor=cursor))


@commit.command(name="show")
def show_commit(ref: str) -> None:
    """Show a commit: its message, metadata, set, and what went into it

    Example:
        headwater commit show reviews@main^

    Args:
        ref: REPO@WHAT, or the whole id of a commit
    """
    with open_here() as workspace:
        output.show(workspace.show_commit(ref))


@commit.command(name="squash")
def squash_commits(ref: str, *, since: str, message: Message = "") -> None:
    """Make one commit of those of a branch that come after another

    Example:
        headwater commit squash reviews@main --since reviews@main^10 -m "October"

    Args:
        ref: REPO@BRANCH
        since: The last commit that stays as it is
        message: What the commit is about; else what the last of them says
    """
    with open_here() as workspace:
        output.show(workspace.squash(ref, since=since, message=message))


@commit.command(name="purge")
def purge_commit(
    ref: str, *, reason: str = "", force: Annotated[bool, Parameter(negative=())] = False
) -> None:
    """Give up the files of a commit; its record, and what was made of it, stay

    Example:
        headwater commit purge reviews@1f0c2d3e --reason "asked for by a customer"

    Args:
        ref: REPO@WHAT, a commit that no branch or tag names
        reason: Why, for whoever asks for the files later
        force: Also where a deployed version or a job depends on them
    """
    with open_here() as workspace:
        output.show(workspace.purge(ref, reason=reason, force=force))


def impact(ref: str, *, limit: Limit = 100, cursor: Cursor = None) -> None:
    """List the commits that were made of a commit, newest first

    Example:
        headwater impact reviews@main

    Args:
        ref: REPO@WHAT, or the whole id of a commit
    """
    with open_here() as workspace:
        output.show(workspace.impact(ref, limit=limit, cursor=cursor))
