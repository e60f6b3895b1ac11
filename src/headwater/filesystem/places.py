"""The paths of `headwater://`: `REPO@WHAT/path`, taken apart and put together.

WHAT is a branch, a tag or a commit, with `^` as everywhere; without it the
branch main is meant. A repo's own slash (`models/iris@prod`) is no folder:
what stands before the `@` is the repo.
"""

import msgspec

PROTOCOL = "headwater"
_PREFIXES = frozenset({"models", "predictions", "monitors"})


class Place(msgspec.Struct, frozen=True):
    """A path in its parts; the empty repo is the list of all branches, the empty path a repo's top folder."""

    repo: str
    what: str
    path: str

    @property
    def ref(self) -> str:
        """The repo and what of it is meant."""
        return f"{self.repo}@{self.what}"

    @property
    def inside(self) -> str:
        """The path within the repo, as repos have it."""
        return f"/{self.path}"

    def __str__(self) -> str:
        """Writes it without protocol and without slashes at its ends."""
        return f"{self.ref}/{self.path}".rstrip("/") if self.repo else ""


def strip(url: str) -> str:
    """Returns a path without protocol and slashes around it."""
    return url.removeprefix(f"{PROTOCOL}://").removeprefix(f"{PROTOCOL}::").strip("/")


def parse(url: str) -> Place:
    """Takes a path apart; what does not exist is for others to find out."""
    text = strip(url)
    repo, at, rest = text.partition("@")
    if at and repo.count("/") <= int(repo.partition("/")[0] in _PREFIXES):
        what, _, path = rest.partition("/")
        return Place(repo, what, path)
    parts = text.split("/")
    count = 2 if parts[0] in _PREFIXES else 1
    repo = "/".join(parts[:count])
    return Place(repo, "main" if repo else "", "/".join(parts[count:]))
