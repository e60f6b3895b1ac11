"""What goes wrong with a process that runs for ever."""

from headwater.errors import Error


class LongRunFailed(Error):
    """The process of a spout or service cannot run, or handed over something that cannot be committed."""

    kind = "long-run-failed"
