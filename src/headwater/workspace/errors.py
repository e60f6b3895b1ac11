"""What can be wrong with opening a workspace, or with what is brought into it."""

from headwater.errors import AlreadyExists, Conflict, Corrupt, InvalidInput, NotFound, Refused, Unavailable


class WorkspaceExists(AlreadyExists):
    """There is a workspace at the place already."""

    kind = "workspace-exists"

    def __init__(self, place: str) -> None:
        """Names the place."""
        super().__init__(
            f"There is a workspace at {place} already.",
            hint="Use it as it is, or make one in another folder or database.",
        )


class ObjectsNotNamed(InvalidInput):
    """A workspace without a folder was to be made without saying where its objects lie."""

    kind = "objects-not-named"

    def __init__(self, place: str) -> None:
        """Names the workspace."""
        super().__init__(
            f"A workspace at {place} has no folder of its own to keep objects in.",
            hint="Name a store that every machine reaches: --objects s3://bucket/prefix.",
        )


class WorkspaceMoved(Refused):
    """The workspace is somewhere else by now."""

    kind = "workspace-moved"

    def __init__(self, place: str, *, to: str) -> None:
        """Says where it was and where it is."""
        super().__init__(
            f"The workspace at {place} has moved to {to}.",
            hint=f"Open it there: --workspace {to}, or set HEADWATER_WORKSPACE.",
        )
        self.to = to


class MoveUnfinished(Unavailable):
    """A workspace is still being moved here."""

    kind = "move-unfinished"

    def __init__(self, place: str, *, source: str) -> None:
        """Says from where it comes."""
        super().__init__(
            f"The workspace at {place} is not whole: it is still being moved here from {source}.",
            hint=f"Go on with it: headwater --workspace {source} move {place}",
        )


class MoveInTheWay(Conflict):
    """A workspace cannot be moved as things are: other work or another move is in the way."""

    kind = "move-in-the-way"


class MoveIncomplete(Corrupt):
    """What arrived at the new place is not what was at the old one."""

    kind = "move-incomplete"

    def __init__(self, source: str, target: str, *, faults: list[str]) -> None:
        """Lists everything that differs."""
        super().__init__(
            f"What is at {target} is not all that was at {source}: {faults[0]}"
            + (f" and {len(faults) - 1} more." if len(faults) > 1 else ""),
            hint=f"{source} is whole and stays as it is. Run `headwater check` there, or give the move up with --abandon.",
            details=[{"message": fault} for fault in faults],
        )


class SourceNotFound(NotFound):
    """A file or folder to be put is not there."""

    kind = "source-not-found"

    def __init__(self, *sources: str) -> None:
        """Names all that are missing."""
        super().__init__(
            f"There is no file or folder {', '.join(sources)}.",
            hint="Look at the spelling and the folder you are in.",
        )


class SourcesUnusable(InvalidInput):
    """Some of what is to be put cannot be read, or has a name that no path may have."""

    kind = "sources-unusable"

    def __init__(self, mistakes: list[str]) -> None:
        """Lists everything that is wrong."""
        more = f" And {len(mistakes) - 1} more." if len(mistakes) > 1 else ""
        super().__init__(
            f"Nothing was put. {mistakes[0]}{more}",
            hint="Make these files readable or rename them, or put the others by themselves.",
            details=[{"message": one} for one in mistakes],
        )


class SourceChanged(Conflict):
    """A file to be put changed or went while it was read."""

    kind = "source-changed"

    def __init__(self, place: str, *, why: str) -> None:
        """Names the file."""
        super().__init__(
            f"{place} could not be read any more: {why}.",
            hint="Nothing was put. Run the same command again; what is stored already is not read again.",
        )


class TargetUnwritable(Unavailable):
    """A file could not be written on this machine."""

    kind = "target-unwritable"

    def __init__(self, place: str, *, why: str) -> None:
        """Names the file, and says how to go on."""
        super().__init__(
            f"{place} could not be written: {why}.",
            hint="Make room, or the folder writable, then run the same command again: it goes on where it stopped.",
        )


class CopyUnderWay(Conflict):
    """What is left of another copy is in the way, or somebody else is making it right now."""

    kind = "copy-under-way"


class TargetExists(AlreadyExists):
    """A copy would overwrite something."""

    kind = "target-exists"

    def __init__(self, target: str) -> None:
        """Names the place."""
        super().__init__(f"{target} exists.", hint="Name a place that does not, or move it away.")


class WorkersEnded(Unavailable):
    """One worker after the other ended while somebody waited for its work."""

    kind = "workers-ended"

    def __init__(self, count: int, *, log_file: str) -> None:
        """Says how many were started, and where they wrote why they ended."""
        super().__init__(
            f"{count} workers were started and have all ended before the work was done.",
            hint=f"Look at the end of {log_file}. What was asked for waits, and goes on with `headwater worker`.",
        )
