"""What goes wrong when users' code runs."""

from headwater.errors import Error, InvalidInput, Unavailable
from headwater.pipelines.errors import InvalidSpec, OfEveryDatum


class FunctionFailed(Error):
    """A pipeline's function raised."""

    kind = "function-failed"


class CommandFailed(Error):
    """A pipeline's command ended with a status that does not count as success."""

    kind = "command-failed"


class ProcessDied(Error):
    """The process of a pipeline's code ended in the middle of a datum."""

    kind = "process-died"


class DatumTimeout(Error):
    """A datum took longer than the pipeline allows."""

    kind = "datum-timeout"


class OutOfMemory(Error):
    """A datum took more memory than it may."""

    kind = "out-of-memory"


class InvalidOutput(InvalidInput):
    """A datum's code wrote something that cannot be a file of a repo."""

    kind = "invalid-output"


class InvalidFunction(OfEveryDatum, InvalidSpec):
    """A pipeline's function cannot be found, or cannot be called with the pipeline's inputs."""

    kind = "invalid-function"


class CommandNotFound(OfEveryDatum, InvalidSpec):
    """A pipeline's command is no program that can be started."""

    kind = "command-not-found"


class NoMountNamespace(OfEveryDatum, InvalidSpec):
    """A command needs `/pfs`, and this machine lets it have no file system of its own."""

    kind = "no-mount-namespace"


class NoContainerTool(OfEveryDatum, Unavailable):
    """A pipeline names an image, and nothing here can run one."""

    kind = "no-container-tool"


class ImageUnavailable(OfEveryDatum, Unavailable):
    """A pipeline's image cannot be pulled, or not be run."""

    kind = "image-unavailable"

    def __init__(self, message: str, *, hint: str, passes: bool) -> None:
        """Says what the container tool said, and whether it may say otherwise in a moment."""
        super().__init__(message, hint=hint)
        self.passes = passes
