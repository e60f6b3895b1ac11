"""What goes wrong when results are copied out."""

from headwater.errors import Error, Unavailable


class EgressFailed(Error):
    """What a job has made could not be copied out, and trying again will not help; the commit itself is finished."""

    kind = "egress-failed"

    def __init__(self, what: str, *, why: str, hint: str) -> None:
        """Names the file, table or place, what went wrong with it, and what to do."""
        super().__init__(f"{what} could not be copied out: {why}.", hint=hint)
        self.what, self.why = what, why


class EgressUnavailable(Unavailable):
    """The place that results are copied out to does not take them right now; it is tried again."""

    kind = "egress-unavailable"

    def __init__(self, what: str, *, why: str, hint: str) -> None:
        """Names the file, table or place, what went wrong with it, and what to do."""
        super().__init__(f"{what} cannot be copied out just now: {why}.", hint=hint)
        self.what, self.why = what, why
