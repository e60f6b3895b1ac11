"""The base of every error that Headwater raises on purpose, and the kinds.

Errors are grouped by what the caller would do about them: change the input,
read again and retry, ask for permission, wait. A floor's own errors derive
from these in its `errors.py`. `kind` is stable and crosses the wire; `hint`
says what to do next. Nothing here knows how an error is shown.
"""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

_SHOWN = 20


class Error(Exception):
    """Base of every error this package raises on purpose."""

    kind: ClassVar[str] = "error"

    def __init__(self, message: str, *, hint: str, details: Sequence[dict[str, Any]] = ()) -> None:
        """Keeps the sentence for a person, the next step, and one dictionary per single mistake."""
        super().__init__(f"{message}\n{hint}")
        self.message = message
        self.hint = hint
        self.details = list(details)


class InvalidInput(Error):
    """What was given cannot be used; change it and try again."""

    kind = "invalid-input"


class NotFound(Error):
    """The named thing does not exist."""

    kind = "not-found"


class AlreadyExists(Error):
    """The name is taken."""

    kind = "already-exists"


class Conflict(Error):
    """Somebody else was first; read again, then retry."""

    kind = "conflict"


class Refused(Error):
    """A rule of the workspace (a gate, a protected repo) says no."""

    kind = "refused"


class Forbidden(Error):
    """The caller is not known, or may not do this."""

    kind = "forbidden"


class Unavailable(Error):
    """A server, disk or port is not there right now; retry later."""

    kind = "unavailable"


class Corrupt(Error):
    """Stored bytes are not what was written."""

    kind = "corrupt"


class VersionMismatch(Error):
    """The workspace or file was made by a version that this code does not know."""

    kind = "version-mismatch"


class Internal(Error):
    """Something failed that should not have: a mistake of the program, not of its user."""

    kind = "internal"

    def __init__(self, error: BaseException) -> None:
        """Tells what was raised, and how to see where."""
        super().__init__(
            f"Something failed that should not have: {type(error).__name__}: {error}",
            hint="Run the command again with --debug for the traceback, and report it.",
        )


class MissingExtra(Error):
    """A feature needs an optional dependency that is not installed."""

    kind = "missing-extra"

    def __init__(self, what: str, *, extra: str) -> None:
        """Names the feature and the extra that brings it."""
        super().__init__(f"{what} needs the extra {extra!r}.", hint=f"Run: pip install 'headwater[{extra}]'")
        self.extra = extra


def nearest(name: str, known: Iterable[str], *, count: int = 1) -> list[str]:
    """Returns the known names that somebody probably meant, closest first, whatever their case."""
    import difflib

    by_folded = {candidate.casefold(): candidate for candidate in known}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=count, cutoff=0.6)
    return [by_folded[one] for one in close]


def did_you_mean(name: str, known: Iterable[str], *, none: str = "") -> str:
    """Returns a sentence for a hint: the closest names, else some of those there are, else `none`."""
    names = list(known)
    if not names:
        return none
    close = nearest(name, names, count=3)
    if close:
        return f"Did you mean {' or '.join(repr(one) for one in close)}?"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"There are: {', '.join(names[:_SHOWN])}{more}."
