"""What can be wrong with opening a workspace, or with what is brought into it."""

from headwater.errors import AlreadyExists, NotFound, Unavailable


class WorkspaceExists(AlreadyExists):
    """There is a workspace in the folder already."""

    kind = "workspace-exists"

    def __init__(self, folder: str) -> None:
        """Names the folder."""
        super().__init__(
            f"There is a workspace in {folder} already.",
            hint="Use it as it is, or make one in another folder.",
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
