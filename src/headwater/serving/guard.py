"""Decides from the `Authorization` header whether a request may ask an endpoint.

Verifying a token may cost a signature and a look at the catalog, which the
event loop must not wait for. So that is done on a thread, once a second for
each token; in between a verified one is only looked up. A revoked token stops
working a second after the verifier knows.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

import msgspec

from headwater.access import Claims, TokenExpired, TokenInvalid
from headwater.clock import Clock
from headwater.serving.answers import Refusal

_REMEMBERED = 10_000
_CHALLENGE = ("www-authenticate", "Bearer")


class TokenVerifier(Protocol):
    """Knows which tokens are good; `access.Tokens` is one."""

    def verify(self, text: str) -> Claims:
        """Returns what the token allows, or raises `TokenInvalid` or `TokenExpired`."""
        ...


class _Verified(msgspec.Struct, frozen=True):
    claims: Claims
    until_s: float


class Guard:
    """Checks tokens for one server; without a verifier everybody may ask."""

    def __init__(self, tokens: TokenVerifier | None, *, clock: Clock, recheck_s: float = 1.0) -> None:
        """Starts with no token remembered."""
        self._tokens = tokens
        self._clock = clock
        self._recheck_s = recheck_s
        self._known: OrderedDict[str, _Verified] = OrderedDict()

    @property
    def is_open(self) -> bool:
        """Whether requests need no token."""
        return self._tokens is None

    async def admit(self, authorization: str | None, endpoint: str) -> None:
        """Returns when the request may ask `endpoint`.

        Raises:
            Refusal: `TOKEN_MISSING`, `TOKEN_INVALID`, `TOKEN_EXPIRED` or `FORBIDDEN`.
        """
        if self._tokens is None:
            return
        claims = await self._claims(_token(authorization), self._tokens.verify)
        scope = f"predict:{endpoint}"
        if not claims.allows(scope):
            raise Refusal("FORBIDDEN", f"This token does not have the scope {scope}.")

    async def _claims(self, token: str, verify: Callable[[str], Claims]) -> Claims:
        known = self._known.get(token)
        if known is not None and self._clock.monotonic_s() < known.until_s:
            if self._clock.now_ms() >= known.claims.expires_ms:
                raise _expired()
            return known.claims
        try:
            claims = await asyncio.get_running_loop().run_in_executor(None, verify, token)
        except TokenExpired:
            self._known.pop(token, None)
            raise _expired() from None
        except TokenInvalid as error:
            self._known.pop(token, None)
            raise Refusal("TOKEN_INVALID", error.message, headers=(_CHALLENGE,)) from None
        self._known[token] = _Verified(claims, self._clock.monotonic_s() + self._recheck_s)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return claims


def _token(authorization: str | None) -> str:
    if not authorization:
        raise Refusal(
            "TOKEN_MISSING", "Send a token in the header `Authorization: Bearer …`.", headers=(_CHALLENGE,)
        )
    scheme, _, token = authorization.strip().partition(" ")
    if scheme.lower() not in {"bearer", "jwt"} or not token.strip():
        raise Refusal(
            "TOKEN_INVALID", "The header `Authorization` is not `Bearer` and a token.", headers=(_CHALLENGE,)
        )
    return token.strip()


def _expired() -> Refusal:
    return Refusal("TOKEN_EXPIRED", "The token has expired; ask for a new one.", headers=(_CHALLENGE,))
