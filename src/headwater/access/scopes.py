"""What tokens may be allowed to do: the grammar of scopes, and which one allows which.

    predict:iris    ask the endpoint `iris`
    predict:*       ask every endpoint
    repo:reviews:read     read the repo `reviews` through the gateway
    repo:reviews:write    read and write it
    repo:*:read           read every repo; so `repo:*:write`
    admin           everything

A scope that this version does not know allows nothing, so a token made by a
newer version loses rights here and never gains any.
"""

import re
from collections.abc import Collection
from typing import Literal

from headwater.access.errors import InvalidScope

ADMIN = "admin"
_REPO = r"(?:(?:models|predictions|monitors)/)?[a-z0-9][a-z0-9-]{0,99}"
_SCOPE = re.compile(
    rf"admin|predict:(?:\*|[a-z0-9](?:[a-z0-9-]{{0,252}}[a-z0-9])?)|repo:(?:\*|{_REPO}):(?:read|write)"
)


def normal_scopes(scopes: Collection[str]) -> tuple[str, ...]:
    """Returns the scopes once each, in the order given.

    Raises:
        InvalidScope: One of them is not a scope.
    """
    for scope in scopes:
        if not _SCOPE.fullmatch(scope):
            raise InvalidScope(scope)
    return tuple(dict.fromkeys(scopes))


def allows(granted: Collection[str], wanted: str) -> bool:
    """Says whether the granted scopes cover the wanted one; who may write a repo may read it."""
    return ADMIN in granted or any(scope in granted for scope in _covering(wanted))


def repo_scope(repo: str, right: Literal["read", "write"]) -> str:
    """Returns the scope that reading or writing a repo takes."""
    return f"repo:{repo}:{right}"


def opens_repos(granted: Collection[str]) -> bool:
    """Says whether any repo is opened by the granted scopes."""
    return ADMIN in granted or any(scope.startswith("repo:") for scope in granted)


def _covering(wanted: str) -> list[str]:
    verb, colon, rest = wanted.partition(":")
    if verb != "repo":
        return [wanted, f"{verb}:*"] if colon else [wanted]
    name, _, right = rest.rpartition(":")
    rights = ("write",) if right == "write" else ("read", "write")
    return [f"repo:{one}:{allowed}" for one in (name, "*") for allowed in rights]
