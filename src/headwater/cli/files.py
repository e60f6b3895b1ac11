"""Commands about files: bring them in, look at them, take them out."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from headwater.cli import output
from headwater.cli.opening import open_here


def put(
    target: str,
    sources: Annotated[list[str], Parameter(allow_leading_hyphen=True)],
    /,
    *,
    message: Annotated[str, Parameter(name=["--message", "-m"])] = "",
    append: bool = False,
) -> None:
    """Commit files, folders or stdin to a branch

    Example:
        headwater put reviews@main:/2026 ./reviews -m "November"

    Args:
        target: REPO@BRANCH or REPO@BRANCH:/PATH
        sources: Files and folders; - reads stdin into PATH
        message: What the commit is about
        append: Add to the end of files instead of replacing them
    """
    with open_here() as workspace, output.progress() as progress:
        output.show(workspace.put(target, sources, message=message, append=append, progress=progress))


def get(ref: str, *, to: Annotated[Path, Parameter(name=["--to", "-o"])]) -> None:
    """Copy a file or folder of a commit to this machine

    Example:
        headwater get reviews@main:/2026 -o ./copy

    Args:
        ref: REPO@WHAT:/PATH
        to: The file or folder to write; it must not exist
    """
    with open_here() as workspace, output.progress() as progress:
        output.show(workspace.get(ref, to, progress=progress))


def cat(ref: str) -> None:
    """Write a file of a commit to stdout

    Example:
        headwater cat reviews@main:/1.txt

    Args:
        ref: REPO@WHAT:/PATH
    """
    with open_here() as workspace:
        output.write_bytes(workspace.cat(ref))


def ls(ref: str) -> None:
    """List a folder of a commit

    Example:
        headwater ls reviews@main:/2026

    Args:
        ref: REPO, REPO@WHAT or REPO@WHAT:/PATH
    """
    with open_here() as workspace:
        output.show(workspace.ls(ref))
