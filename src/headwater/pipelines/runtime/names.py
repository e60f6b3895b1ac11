"""Names that a datum's code gives its outputs; apart from what stores them, which a user's process need not load."""

from headwater.pipelines.runtime.errors import InvalidOutput
from headwater.storage.errors import InvalidPath
from headwater.storage.paths import normalize


def checked_name(name: str) -> str:
    """Returns the path that a name stands for.

    Raises:
        InvalidOutput: No file of a repo can have it.
    """
    if name.startswith("/"):
        raise InvalidOutput(
            f"The output name {name!r} is absolute.", hint=f"Write {name.lstrip('/')!r}, without the slash."
        )
    try:
        return normalize(name)
    except InvalidPath as error:
        raise InvalidOutput(
            f"The output name {name!r} cannot be used: {error.message}", hint=error.hint
        ) from None
