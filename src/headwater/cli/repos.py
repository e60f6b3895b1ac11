"""Commands about repos, their history and their branches."""

from typing import Annotated

from cyclopts import App, Parameter

from headwater.cli import output
from headwater.cli.opening import open_here

repo = App(name="repo", help="Create, list, show, retain and delete repos")
branch = App(name="branch", help="Create, list, move and delete branches")
tag = App(name="tag", help="Create, list and delete tags")

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


@repo.command(name="retain")
def retain_repo(
    name: str,
    *,
    last: int | None = None,
    days: int | None = None,
    off: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Set, or show, how long a repo keeps commits that no branch or tag names

    Example:
        headwater repo retain reviews --last 30 --days 90

    Args:
        name: The repo
        last: Keep the newest so many of each branch
        days: Keep those younger than so many days
        off: Keep all
    """
    with open_here() as workspace:
        if off or last is not None or days is not None:
            output.show(workspace.retain(name, last=None if off else last, days=None if off else days))
        else:
            output.show(workspace.retention(name))


@repo.command(name="delete")
def delete_repo(
    name: str, *, force: Annotated[bool, Parameter(negative=())] = False, reason: str = "deleted"
) -> None:
    """Delete a repo that no pipeline reads or writes

    Example:
        headwater repo delete drafts

    Args:
        name: The repo
        force: Also where commits of other repos were made of its commits
        reason: Why, for whoever asks for a file later
    """
    with open_here() as workspace:
        output.show(workspace.delete_repo(name, force=force, reason=reason))


def log(ref: str, *, path: str | None = None, limit: Limit = 50, cursor: Cursor = None) -> None:
    """List the commits of a branch, newest first

    Example:
        headwater log reviews@main --path /2026

    Args:
        ref: A repo, or REPO@BRANCH, REPO@TAG, REPO@COMMIT
        path: Only commits that changed this file, or something in this folder
    """
    with open_here() as workspace:
        output.show(workspace.log(ref, path=path, limit=limit, cursor=cursor))


def diff(
    old: str,
    new: str,
    *,
    text: Annotated[bool, Parameter(negative=())] = False,
    path: str = "/",
) -> None:
    """List what differs between two commits, of one repo or of two

    Example:
        headwater diff reviews@main^ reviews@main --text

    Args:
        old: The one commit
        new: The other
        text: Show the lines that differ in each file
        path: Only this file, or what is in this folder
    """
    with open_here() as workspace:
        output.show(workspace.diff(old, new, path=path, as_text=text))


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
def create_branch(
    ref: str,
    *,
    at: str | None = None,
    trigger: str | None = None,
    commits: int | None = None,
    size: str | None = None,
    cron: str | None = None,
    all: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Create a branch, or one that follows another by itself when enough has come together there

    Example:
        headwater branch create reviews@nightly --trigger inbox --commits 100 --cron "0 3 * * *"

    Args:
        ref: REPO@BRANCH
        at: The commit it starts at; empty when absent
        trigger: The branch of the same repo that it follows
        commits: After so many commits there
        size: After so much came together there, such as 100MB
        cron: At these times, such as "0 3 * * *", @daily or "@every 10m"
        all: When all of these hold; else any of them does
    """
    given = {"branch": trigger, "commits": commits, "size": size, "cron": cron, "all": all or None}
    when = {name: value for name, value in given.items() if value is not None}
    with open_here() as workspace:
        output.show(workspace.create_branch(ref, at=at, trigger=when or None))


@branch.command(name="list")
def list_branches(name: str) -> None:
    """List the branches of a repo

    Example:
        headwater branch list reviews

    Args:
        name: The repo
    """
    with open_here() as workspace:
        output.show(workspace.branches(name))


@branch.command(name="move")
def move_branch(ref: str, to: str, *, expect: str | None = None) -> None:
    """Move a branch to another commit of its repo; pipelines that follow it start

    Example:
        headwater branch move reviews@main reviews@staging

    Args:
        ref: REPO@BRANCH
        to: The commit that it shall name
        expect: The commit that it must be at now; else nothing is done
    """
    with open_here() as workspace:
        output.show(workspace.move_branch(ref, to, expect=expect))


@branch.command(name="delete")
def delete_branch(ref: str) -> None:
    """Delete a branch; its commits stay

    Example:
        headwater branch delete reviews@staging

    Args:
        ref: REPO@BRANCH
    """
    with open_here() as workspace:
        output.show(workspace.delete_branch(ref))


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


@tag.command(name="delete")
def delete_tag(ref: str) -> None:
    """Delete a tag; its commit stays

    Example:
        headwater tag delete reviews@v1

    Args:
        ref: REPO@TAG
    """
    with open_here() as workspace:
        output.show(workspace.delete_tag(ref))
