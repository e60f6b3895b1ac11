"""Finds out which token a request was signed with, and that it may still be used."""

from collections import OrderedDict
from threading import Lock

from headwater.access import Claims, TokenInvalid, Tokens
from headwater.clock import Clock
from headwater.gateway.errors import S3Refusal
from headwater.gateway.messages import S3Request
from headwater.gateway.signature import Signed, check_signature, check_time, read_signature

_REMEMBERED = 1_000


class Guard:
    """Checks signatures against the secret keys of tokens."""

    def __init__(self, tokens: Tokens, clock: Clock) -> None:
        """Keeps where tokens and times come from."""
        self._tokens, self._clock = tokens, clock
        self._secrets: OrderedDict[str, str] = OrderedDict()
        self._lock = Lock()

    def check(self, request: S3Request) -> tuple[Signed, bytes, Claims]:
        """Returns what was signed, the key it was signed with, and what the token allows.

        Raises:
            S3Refusal: The signature is missing, old, or wrong.
            TokenExpired: The token is over.
            TokenInvalid: There is no such token, or it was revoked.
        """
        signed = read_signature(request)
        check_time(signed, self._clock.now_ms())
        try:
            claims = self._tokens.claims_of(signed.access_key)
        except TokenInvalid as error:
            raise S3Refusal("InvalidAccessKeyId", f"{error.message} {error.hint}") from None
        key = check_signature(request, signed, self._secret(signed.access_key))
        return signed, key, claims

    def _secret(self, token_id: str) -> str:
        with self._lock:
            found = self._secrets.get(token_id)
        if found is None:
            found = self._tokens.secret_key(token_id)
            with self._lock:
                self._secrets[token_id] = found
                while len(self._secrets) > _REMEMBERED:
                    self._secrets.popitem(last=False)
        return found
