"""Which names repos, branches and tags can have, and what a repo's prefix means.

The rules keep every `branch.repo` a possible bucket name of the gateway and
every ref readable in one way: no sign of the ref grammar (`@ ^ : /`) is in
the name of a branch or tag, and none looks like a whole commit id.
"""

import re

from headwater.api.documents import RepoKind
from headwater.repos.errors import InvalidName, ProtectedRepo

_REPO = re.compile(r"(?:(models|predictions|monitors)/)?[a-z0-9][a-z0-9-]{0,99}")
_BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_COMMIT = re.compile(r"[0-9a-f]{32}")

_KINDS: dict[str, RepoKind] = {"models": "model", "predictions": "predictions", "monitors": "monitor"}
_WRITERS = {
    "models": "`headwater train` makes versions, `headwater promote` moves environments.",
    "predictions": "`headwater serve` writes it, with each prediction that an endpoint answers.",
    "monitors": "Monitoring writes it, from what the endpoints saw.",
}


def check_repo(name: str) -> None:
    """Makes sure that a repo can have this name.

    Raises:
        InvalidName: It cannot.
    """
    if not _REPO.fullmatch(name):
        raise InvalidName(
            "repo",
            name,
            rule="Use lower-case letters, digits and -, at most 100, beginning with a letter or digit.",
        )


def check_branch(name: str, *, repo: str) -> None:
    """Makes sure that a branch of the repo can have this name.

    Raises:
        InvalidName: It cannot.
    """
    if not _BRANCH.fullmatch(name):
        raise InvalidName(
            "branch", name, rule="Use letters, digits, - and _, at most 100; a branch has no dot."
        )
    _refuse_reserved("branch", name, repo, ("latest",))


def check_tag(name: str, *, repo: str, by_system: bool) -> None:
    """Makes sure that a tag of the repo can have this name; all-digit tags of models are Headwater's own.

    Raises:
        InvalidName: It cannot.
    """
    if not _TAG.fullmatch(name):
        raise InvalidName("tag", name, rule="Use letters, digits, -, _ and dots, at most 100.")
    if not (by_system and name.isdigit()):
        _refuse_reserved("tag", name, repo, ("main", "latest"))


def kind_of(name: str) -> RepoKind | None:
    """Returns the kind that a repo's prefix gives it, and none for a name without one."""
    return _KINDS.get(name.partition("/")[0]) if "/" in name else None


def deleted(name: str, repo_id: int) -> str:
    """Returns what a repo is called after it was deleted; no other repo can have this name."""
    return f"{name}~{repo_id}"


def undeleted(name: str) -> str:
    """Returns what a repo was called before it was deleted, if it was."""
    return name.partition("~")[0]


def is_protected(name: str) -> bool:
    """Tells whether only Headwater itself writes the repo."""
    return kind_of(name) is not None


def check_writable(name: str, *, system: bool) -> None:
    """Makes sure that the caller may write the repo.

    Raises:
        ProtectedRepo: Only Headwater itself may; the hint says which command does it.
    """
    if not system and is_protected(name):
        raise ProtectedRepo(name, hint=_WRITERS[name.partition("/")[0]])


def _refuse_reserved(what: str, name: str, repo: str, reserved: tuple[str, ...]) -> None:
    if _COMMIT.fullmatch(name):
        raise InvalidName(
            what, name, rule="32 hexadecimal digits are the id of a commit; choose another name."
        )
    if kind_of(repo) == "model" and (name in reserved or name.isdigit()):
        raise InvalidName(
            what, name, rule="`main`, `latest` and numbers mean versions of a model; choose another name."
        )
