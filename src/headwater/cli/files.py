"""Commands about files: bring them in, look at them, take them out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from headwater.cli import output
from headwater.cli.commits import Message, Meta, metadata_of
from headwater.cli.opening import open_here
from headwater.errors import InvalidInput


def _no_options(_: object, sources: Sequence[str]) -> None:
    """Refuses an option that `put` does not have, which would else count as one more source."""
    for source in sources:
        if source.startswith("-") and source != "-" and not Path(source).exists():
            raise ValueError(f"It is no option of this command, and there is no file {source}.")


def put(
    target: str,
    sources: Annotated[list[str], Parameter(allow_leading_hyphen=True, validator=_no_options)],
    /,
    *,
    message: Message = "",
    meta: Meta = None,
    append: bool = False,
) -> None:
    """Commit files, folders, stdin or URLs to a branch, or add them to an open commit

    What an interrupted run of the same command has stored is not stored again.
    Links inside a folder are not followed, and devices and pipes not read.

    Example:
        headwater put reviews@main:/2026 ./reviews -m "November"

    Args:
        target: REPO@BRANCH or REPO@BRANCH:/PATH; an open commit's id may stand for BRANCH
        sources: Files, folders and http, https, s3, gs or az URLs; - reads stdin into PATH
        message: What the commit is about
        meta: A text to keep with it, as --meta KEY=VALUE
        append: Add to the end of files instead of replacing them
    """
    told = metadata_of(meta)
    with open_here() as workspace:
        with output.progress() as progress:
            made = workspace.put(
                target, sources, message=message, metadata=told, append=append, progress=progress
            )
        output.show(made)


def get(ref: str, *, to: Annotated[Path, Parameter(name=["--to", "-o"], allow_leading_hyphen=True)]) -> None:
    """Copy a file or folder of a commit to this machine; run it again to go on after an interruption

    Example:
        headwater get reviews@main:/2026 -o ./copy

    Args:
        ref: REPO@WHAT:/PATH
        to: The file or folder to write; it must not exist; - writes a file to stdout
    """
    if str(to) == "-":
        cat(ref)
        return
    with open_here() as workspace:
        with output.progress() as progress:
            copied = workspace.get(ref, to, progress=progress)
        output.show(copied)


def cat(ref: str, *, span: Annotated[str, Parameter(name="--range")] = ":") -> None:
    """Write a file of a commit, or a part of it, to stdout

    Example:
        headwater cat reviews@main:/1.txt --range 0:100

    Args:
        ref: REPO@WHAT:/PATH
        span: START:STOP in bytes, either may be left out; a negative one counts from the end
    """
    start, stop = span_of(span)
    with open_here() as workspace:
        output.write_bytes(workspace.cat(ref, start, stop))


def ls(
    ref: str,
    *,
    recursive: Annotated[bool, Parameter(name=["--recursive", "-R"], negative=())] = False,
    glob: str | None = None,
) -> None:
    """List a folder of a commit, all files below it, or what matches a glob

    Example:
        headwater ls reviews@main --glob '/(*)-(*).txt'

    Args:
        ref: REPO, REPO@WHAT or REPO@WHAT:/PATH
        recursive: Every file below the folder
        glob: What matches in the whole commit, with what each (…) captured
    """
    with open_here() as workspace:
        output.show(workspace.ls(ref, is_recursive=recursive, glob=glob))


def rm(targets: list[str], /, *, message: Message = "", meta: Meta = None) -> None:
    """Delete files and folders on a branch or in an open commit

    Example:
        headwater rm reviews@main:/2025 /2024 -m "Old ones"

    Args:
        targets: REPO@BRANCH:/PATH, then more of the same branch or their paths alone
        message: What the commit is about
        meta: A text to keep with it, as --meta KEY=VALUE
    """
    told = metadata_of(meta)
    with open_here() as workspace:
        output.show(workspace.rm(targets, message=message, metadata=told))


def cp(source: str, to: str, /, *, message: Message = "", meta: Meta = None) -> None:
    """Copy a file or folder from any commit to a branch or open commit, without copying its bytes

    Example:
        headwater cp reviews@v1:/2025 archive@main:/reviews/

    Args:
        source: REPO@WHAT:/PATH
        to: REPO@BRANCH:/PATH, or a path alone; where it ends with /, the folder that it goes into
        message: What the commit is about
        meta: A text to keep with it, as --meta KEY=VALUE
    """
    told = metadata_of(meta)
    with open_here() as workspace:
        output.show(workspace.cp(source, to, message=message, metadata=told))


def mv(source: str, to: str, /, *, message: Message = "", meta: Meta = None) -> None:
    """Move a file or folder on a branch, in an open commit, or from one branch to another

    Example:
        headwater mv reviews@main:/new.txt /2026/

    Args:
        source: REPO@BRANCH:/PATH
        to: REPO@BRANCH:/PATH, or a path alone; where it ends with /, the folder that it goes into
        message: What the commit is about
        meta: A text to keep with it, as --meta KEY=VALUE
    """
    told = metadata_of(meta)
    with open_here() as workspace:
        output.show(workspace.mv(source, to, message=message, metadata=told))


def span_of(text: str) -> tuple[int | None, int | None]:
    """Reads `START:STOP`, of which both may be left out.

    Raises:
        InvalidInput: The text has another form.
    """
    start, colon, stop = text.partition(":")
    try:
        if not colon:
            raise ValueError(text)
        return int(start) if start else None, int(stop) if stop else None
    except ValueError:
        raise InvalidInput(
            f"{text!r} is no range.",
            hint="Write START:STOP in bytes, such as 0:100, 100: or -10: for the end.",
        ) from None
