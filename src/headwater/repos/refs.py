"""The grammar of refs: `NAME@WHAT:/PATH`, with `^` and `^n` behind WHAT.

Takes texts apart and knows nothing of what exists. WHAT is a branch, a tag, a
commit id or the beginning of one; which of them is for the one who looks it up.
"""

import re

import msgspec

from headwater.repos.errors import InvalidRef

MIN_PREFIX = 8
_STEPS = re.compile(r"((?:\^[0-9]{0,9})*)$")
_WHAT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Ref(msgspec.Struct, frozen=True):
    """A ref in its parts; `what` still has its `^`, `path` begins with `/` or is absent."""

    repo: str
    what: str
    path: str | None = None

    def __str__(self) -> str:
        """Writes it as one would type it."""
        return f"{self.repo}@{self.what}" + ("" if self.path is None else f":{self.path}")


class What(msgspec.Struct, frozen=True):
    """The part of a ref behind the `@`: a name and how many commits before it are meant."""

    name: str
    steps: int = 0


def parse_ref(text: str, *, default: str = "main") -> Ref:
    """Takes a ref apart; without `@WHAT` it means the branch `default`.

    Raises:
        InvalidRef: The text does not have the form of a ref.
    """
    place, colon, path = text.partition(":")
    if colon and not path.startswith("/"):
        raise InvalidRef(text, problem="a path begins with /")
    repo, at, what = place.partition("@")
    if not repo:
        raise InvalidRef(text, problem="the repo's name is missing")
    if at and not what:
        raise InvalidRef(text, problem="nothing stands behind the @")
    what = what or default
    parse_what(what, whole=text)
    return Ref(repo, what, path if colon else None)


def parse_what(text: str, *, whole: str | None = None) -> What:
    """Takes `main^2` apart into `main` and 2; every `^` alone counts one.

    Args:
        text: What stands behind the `@`.
        whole: The ref as it was typed, for the error.

    Raises:
        InvalidRef: The text does not have this form.
    """
    found = _STEPS.search(text)
    carets = found[1] if found else ""
    name = text[: len(text) - len(carets)]
    if not _WHAT.fullmatch(name):
        raise InvalidRef(whole or text, problem=f"{name!r} is no branch, tag or commit id")
    return What(name, sum(int(count or 1) for count in carets.split("^")[1:]))
