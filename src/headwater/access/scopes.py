"""What tokens may be allowed to do: the grammar of scopes, and which one allows which.

    predict:iris    ask the endpoint `iris`
    predict:*       ask every endpoint
    admin           everything

A scope that this version does not know allows nothing, so a token made by a
newer version loses rights here and never gains any.
"""

import re
from collections.abc import Collection

from headwater.access.errors import InvalidScope

ADMIN = "admin"
_SCOPE = re.compile(r"admin|predict:(?:\*|[a-z0-9](?:[a-z0-9-]{0,252}[a-z0-9])?)")


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
    """Says whether the granted scopes cover the wanted one."""
    verb, colon, _ = wanted.partition(":")
    return ADMIN in granted or wanted in granted or bool(colon and f"{verb}:*" in granted)
