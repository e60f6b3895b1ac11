"""Makes, lists, revokes and verifies tokens.

A token is a JWT: its id, scopes, times and workspace, signed with the
workspace's secret. Its row in the catalog, without the text, is what makes
it revocable.

`verify` stands in the way of every request, so a verified token is
remembered, under a hash of its text, until it expires. Revocations are read
again every few seconds: after that time at the latest a revoked token stops
working in every process.
"""

import hashlib
import hmac
import threading
from base64 import urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Collection
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from headwater.access import jose, store
from headwater.access.errors import (
    InvalidTokenSettings,
    KeyUnusable,
    ScopeMissing,
    TokenExpired,
    TokenInvalid,
    TokenMissing,
    TokenNotFound,
)
from headwater.access.keys import KeySource
from headwater.access.scopes import allows, normal_scopes, opens_repos
from headwater.api.documents import Listing, TokenInfo
from headwater.clock import Clock, SystemClock, rfc3339
from headwater.db import Catalog
from headwater.errors import InvalidInput
from headwater.ids import TokenId, random_id

if TYPE_CHECKING:
    from joserfc.jwk import OctKey

_WHAT, _EXTRA = "A token", "serve"
_DAY_S = 24 * 60 * 60
_DEFAULT_TTL_S = 30 * _DAY_S
_LONGEST_TTL_S = 3660 * _DAY_S
_LONGEST_NAME = 255
_LONGEST_TEXT = 4096
# Clocks of two machines may differ by this much.
_LEEWAY_S = 10
_REMEMBERED = 10_000
_PAGE = 100


class Claims(msgspec.Struct, frozen=True):
    """What a verified token allows, and until when it is accepted (the leeway for clocks included)."""

    id: TokenId
    scopes: tuple[str, ...]
    expires_ms: int

    def allows(self, scope: str) -> bool:
        """Says whether the token covers the scope, such as `predict:iris`."""
        return allows(self.scopes, scope)

    def require(self, scope: str) -> None:
        """Returns when the token covers the scope.

        Raises:
            ScopeMissing: It does not.
        """
        if not self.allows(scope):
            raise ScopeMissing(scope)


class Tokens:
    """The tokens of one workspace; safe to use from many threads."""

    def __init__(
        self,
        catalog: Catalog,
        keys: KeySource,
        *,
        workspace: str,
        clock: Clock | None = None,
        recheck_s: float = 2.0,
    ) -> None:
        """Reads no key yet.

        Args:
            catalog: Where tokens are kept.
            keys: Where the secret lies.
            workspace: The workspace's id: a token is good only there.
            clock: What expiry goes by.
            recheck_s: How old knowledge of revocations may be.
        """
        self._catalog = catalog
        self._keys = keys
        self._workspace = workspace
        self._clock = clock or SystemClock()
        self._recheck_s = recheck_s
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, Claims] = OrderedDict()
        self._read_s = float("-inf")

    def create(self, name: str, scopes: Collection[str], ttl_s: float = _DEFAULT_TTL_S) -> TokenInfo:
        """Makes a token; its text is in the answer and nowhere else.

        Args:
            name: Who or what it is for, as people will read it.
            scopes: What it allows, such as `predict:iris`; at least one.
            ttl_s: How long it is good for, from a second to ten years.

        Raises:
            InvalidScope: A scope is not one.
            InvalidTokenSettings: Name, lifetime or number of scopes are out of bounds.
            MissingExtra: joserfc is not installed.
            KeyExposed, KeyUnusable, KeyUnavailable: There is something about the secret's file.
        """
        wanted = normal_scopes(scopes)
        _judge(name, wanted, ttl_s)
        now_s = self._clock.now_ms() // 1000
        expires_s = now_s + max(1, round(ttl_s))
        row = store.TokenRow(
            id=random_id(),
            name=name,
            scopes=" ".join(wanted),
            created_ms=now_s * 1000,
            expires_ms=expires_s * 1000,
            revoked_ms=None,
        )
        claims = {"iss": self._workspace, "jti": row.id, "iat": now_s, "exp": expires_s, "scope": row.scopes}
        text = jose.encode_token(claims, self._key)
        if len(text) > _LONGEST_TEXT:
            raise InvalidTokenSettings(
                f"A token with {len(wanted)} scopes would be {len(text)} characters long; {_LONGEST_TEXT} are allowed.",
                hint="Use predict:* instead of many names, or make several tokens.",
            )
        with self._catalog.write() as conn:
            store.add_token(conn, row)
        secret_key = self.secret_key(row.id) if opens_repos(wanted) else None
        return _info(row, text, secret_key)

    def list(self, *, limit: int = _PAGE, after: str | None = None) -> Listing[TokenInfo]:
        """Returns the tokens that are neither revoked nor expired, oldest first, without their texts.

        Args:
            limit: The most that one page holds.
            after: The `next` of the page before.
        """
        start = None if after is None else _read_cursor(after)
        with self._catalog.read() as conn:
            rows = store.usable_tokens(conn, self._clock.now_ms(), after=start, limit=limit + 1)
        last = rows[limit - 1] if len(rows) > limit else None
        return Listing(
            items=[_info(row) for row in rows[:limit]],
            next=None if last is None else f"{last.created_ms}-{last.id}",
        )

    def revoke(self, token_id: str) -> TokenInfo:
        """Makes a token worthless, here at once and in other processes within seconds.

        Raises:
            TokenNotFound: No token has this id.
        """
        with self._catalog.write() as conn:
            row = store.token_by_id(conn, token_id)
            if row is None:
                raise TokenNotFound(token_id)
            store.set_revoked(conn, token_id, self._clock.now_ms())
        self.refresh()
        return _info(row)

    def verify(self, text: str | None) -> Claims:
        """Returns what a token allows.

        Raises:
            TokenMissing: There is none.
            TokenExpired: It is over.
            TokenInvalid: It is no token, not of this workspace, altered, or revoked.
        """
        if not text:
            raise TokenMissing
        if len(text) > _LONGEST_TEXT:
            raise TokenInvalid(f"is longer than {_LONGEST_TEXT} characters")
        self._refresh_when_due()
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        with self._lock:
            claims = self._known.get(digest)
        if claims is None:
            claims = self._verify_anew(text)
            self._remember(digest, claims)
        elif self._clock.now_ms() >= claims.expires_ms:
            with self._lock:
                self._known.pop(digest, None)
            raise TokenExpired
        return claims

    def secret_key(self, token_id: str) -> str:
        """Returns what requests are signed with in a token's name where its text is never sent.

        It is derived from the workspace's secret, so nothing more is kept, and
        who knows one token's key learns nothing of another's.
        """
        said = b"\0".join((b"headwater secret key 1", self._workspace.encode(), token_id.encode()))
        return urlsafe_b64encode(hmac.digest(self._keys.token_secret(), said, "sha256")[:30]).decode()

    def claims_of(self, token_id: str) -> Claims:
        """Returns what the token with this id allows; for who has verified a signature by its secret key.

        Raises:
            TokenExpired: It is over.
            TokenInvalid: There is none, or it was revoked.
        """
        self._refresh_when_due()
        mark = b"id:" + token_id.encode("utf-8", "surrogatepass")
        with self._lock:
            claims = self._known.get(mark)
        if claims is None:
            with self._catalog.read() as conn:
                row = store.token_by_id(conn, token_id)
            if row is None:
                raise TokenInvalid("is not known here")
            if row.revoked_ms is not None:
                raise TokenInvalid("was revoked")
            claims = Claims(TokenId(row.id), tuple(row.scopes.split()), row.expires_ms + _LEEWAY_S * 1000)
            self._remember(mark, claims)
        if self._clock.now_ms() >= claims.expires_ms:
            raise TokenExpired
        return claims

    def refresh(self) -> None:
        """Reads revocations again, now; otherwise `verify` does it every few seconds."""
        moment_s = self._clock.monotonic_s()
        with self._catalog.read() as conn:
            revoked = store.revoked_ids(conn, self._clock.now_ms() - _LEEWAY_S * 1000)
        with self._lock:
            for digest in [digest for digest, claims in self._known.items() if claims.id in revoked]:
                del self._known[digest]
            self._read_s = max(self._read_s, moment_s)

    def _refresh_when_due(self) -> None:
        with self._lock:
            is_due = self._clock.monotonic_s() - self._read_s >= self._recheck_s
        if is_due:
            self.refresh()

    def _verify_anew(self, text: str) -> Claims:
        claims = jose.decode_token(
            text,
            self._key,
            issuer=self._workspace,
            now_s=self._clock.now_ms() // 1000,
            leeway_s=_LEEWAY_S,
        )
        with self._catalog.read() as conn:
            row = store.token_by_id(conn, str(claims["jti"]))
        if row is None:
            raise TokenInvalid("is not known here")
        if row.revoked_ms is not None:
            raise TokenInvalid("was revoked")
        return Claims(
            id=TokenId(row.id),
            scopes=tuple(str(claims["scope"]).split()),
            expires_ms=(int(claims["exp"]) + _LEEWAY_S) * 1000,
        )

    def _remember(self, digest: bytes, claims: Claims) -> None:
        with self._lock:
            self._known[digest] = claims
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)

    @cached_property
    def _key(self) -> "OctKey":
        jose.require(_WHAT, extra=_EXTRA)
        secret = self._keys.token_secret()
        try:
            return jose.token_key(secret)
        except ValueError as error:
            raise KeyUnusable(self._keys.token_secret_place, str(error)) from None


def _judge(name: str, scopes: Collection[str], ttl_s: float) -> None:
    if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
        raise InvalidTokenSettings(
            f"{name!r} cannot be a token's name.",
            hint="Say who it is for, in at most 255 printable characters.",
        )
    if not scopes:
        raise InvalidTokenSettings(
            "A token without a scope allows nothing.", hint="Give at least one, such as predict:*."
        )
    if not 1 <= ttl_s <= _LONGEST_TTL_S:
        raise InvalidTokenSettings(
            f"A token cannot be good for {ttl_s:g} seconds.", hint="Give from one second to ten years."
        )


def _info(row: store.TokenRow, text: str | None = None, secret_key: str | None = None) -> TokenInfo:
    return TokenInfo(
        id=row.id,
        token=text,
        scopes=row.scopes.split(),
        expires=rfc3339(row.expires_ms),
        name=row.name,
        access_key=row.id if opens_repos(row.scopes.split()) else None,
        secret_key=secret_key,
    )


def _read_cursor(text: str) -> tuple[int, str]:
    created_ms, dash, token_id = text.partition("-")
    if not dash or not created_ms.isdecimal():
        raise InvalidInput(
            f"{text!r} is no cursor of a list of tokens.", hint="Give `next` of the page before."
        )
    return int(created_ms), token_id
