"""Commands about repos, their history and their branches."""

from typing import Annotated

from cyclopts import App, Parameter

from headwater.cli import output
from headwater.cli.opening import open_here

repo = App(name="repo", help="Create, list and show repos")
branch = App(name="branch", help="Create and list branches")
tag = App(name="tag", help="Create and list tags")

Limit = Annotated[int, Parameter(help="At most so many")]
Cursor = Annotated[str | None, Parameter(help="Go on behind the page that gave this as `next`")]


@repo.command(name="create")
def create_repo(name: str) -> None:
    """Create a repo

    Example:
        headwater repo create reviews

    Args:
        name: Lower-case letters, digits and -
    """
    with open_here() as workspace:
        output.show(workspace.create_repo(name).info())


@repo.command(name="list")
def list_repos() -> None:
    """List the repos of the workspace

    Example:
        headwater repo list
    """
    with open_here() as workspace:
        output.show(workspace.repos())


@repo.command(name="show")
def show_repo(name: str) -> None:
    """Show a repo

    Example:
        headwater repo show reviews

    Args:
        name: The repo
    """
    with open_here() as workspace:
        output.show(workspace.repo(name).info())


def log(ref: str, *, limit: Limit = 50, cursor: Cursor = None) -> None:
    """List the commits of a branch, newest first

    Example:
        headwater log reviews@main

    Args:
        ref: A repo, or REPO@BRANCH, REPO@TAG, REPO@COMMIT
    """
    with open_here() as workspace:
        output.show(workspace.log(ref, limit=limit, cursor=cursor))


def diff(old: str, new: str) -> None:
    """List what differs between two commits

    Example:
        headwater diff reviews@main^ reviews@main

    Args:
        old: The one commit
        new: The other, of the same repo
    """
    with open_here() as workspace:
        output.show(workspace.diff(old, new))


def why(ref: str) -> None:
    """Show what made a commit, a file, a model version or a prediction

    Example:
        headwater why models/iris@prod

    Args:
        ref: REPO@WHAT, REPO@WHAT:/PATH, a model's MODEL@VERSION, or a prediction's id
    """
    with open_here() as workspace:
        output.show(workspace.why(ref))


@branch.command(name="create")
def create_branch(ref: str, *, at: str | None = None) -> None:
    """Create a branch

    Example:
        headwater branch create reviews@staging --at reviews@main

    Args:
        ref: REPO@BRANCH
        at: The commit it starts at; empty when absent
    """
    with open_here() as workspace:
        output.show(workspace.create_branch(ref, at=at))


@branch.command(name="list")
def list_branches(name: str) -> None:
    """List the branches of a repo

    Example:
        headwater branch list reviews

    Args:
        name: The repo
    """
    with open_here() as workspace:
        output.show(workspace.repo(name).branches())


@tag.command(name="create")
def create_tag(ref: str, *, at: str) -> None:
    """Create a tag

    Example:
        headwater tag create reviews@v1 --at reviews@main

    Args:
        ref: REPO@TAG
        at: The commit that it names
    """
    with open_here() as workspace:
        output.show(workspace.create_tag(ref, at=at))


@tag.command(name="list")
def list_tags(name: str) -> None:
    """List the tags of a repo

    Example:
        headwater tag list models/iris

    Args:
        name: The repo
    """
    with open_here() as workspace:
        output.show(workspace.repo(name).tags())
