"""Commands that take care of what is stored: free it, check it, repair it."""

from typing import Annotated

from cyclopts import Parameter

from headwater.cli import output
from headwater.cli.opening import open_here


def gc() -> None:
    """Free what no commit needs any more

    Safe while others read and write. Applies retention first, packs small segments, and says what it freed.

    Example:
        headwater gc
    """
    with open_here() as workspace, output.progress() as progress:
        swept = workspace.gc(progress=progress)
    output.show(swept)


def check(
    *,
    repair: bool = False,
    replica: Annotated[str | None, Parameter(name="--from")] = None,
    fast: bool = False,
) -> int:
    """Check that everything stored is there and whole

    Says what is damaged and which commits that touches. Exit status 1 when something is damaged.

    Example:
        headwater check --repair --from s3://backup/headwater

    Args:
        repair: Restore what another place has whole, and quarantine the rest
        replica: Another object store with the same objects, a URL or folder, to restore from
        fast: Only look whether everything is there, without reading it
    """
    with open_here() as workspace, output.progress() as progress:
        found = list(workspace.check(repair=repair, replica=replica, deep=not fast, progress=progress))
    output.show(found)
    if not found:
        output.note("Everything is there." if fast else "Everything is there and whole.")
    return int(any(one.damage for one in found))
