"""Signs bytes with the workspace's key and checks such signatures.

A signature is detached: it names the key that made it and stands beside the
bytes, which are not in it. `Verifier` needs public keys only, so that what
one workspace signed can be checked in another.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from headwater.access import jose
from headwater.access.errors import InvalidPublicKey, KeyUnusable, SignatureInvalid
from headwater.access.keys import KeySource

if TYPE_CHECKING:
    from joserfc.jwk import OKPKey

_WHAT, _EXTRA = "A signature", "ml"


class Verifier:
    """Checks signatures against public keys that are trusted."""

    def __init__(self, public_keys: Sequence[bytes]) -> None:
        """Takes the keys as PEM texts, as `Signer.public_key` gives them.

        Raises:
            InvalidPublicKey: One of them is no Ed25519 key.
            MissingExtra: joserfc is not installed.
        """
        jose.require(_WHAT, extra=_EXTRA)
        try:
            self._keys = {jose.key_id(key): key for key in map(jose.signing_key, public_keys)}
        except ValueError as error:
            raise InvalidPublicKey(str(error)) from None

    def verify(self, data: bytes, signature: str) -> None:
        """Returns when a trusted key signed exactly these bytes.

        Raises:
            SignatureInvalid: None did.
        """
        kid = jose.signature_header(signature).kid
        key = self._keys.get(kid)
        if key is None:
            raise SignatureInvalid(f"is by the key {kid}, which is not trusted here", trusted=self._keys)
        if not jose.is_signed(data, signature, key):
            raise SignatureInvalid("does not belong to these bytes", trusted=self._keys)


class Signer:
    """Signs with the workspace's own key, and trusts no other."""

    def __init__(self, keys: KeySource) -> None:
        """Reads no key yet."""
        self._keys = keys

    def sign(self, data: bytes) -> str:
        """Returns a signature over the bytes.

        Raises:
            MissingExtra: joserfc is not installed.
            KeyExposed: Other users can read the key.
            KeyUnusable: The file holds no Ed25519 private key.
            KeyUnavailable: The file cannot be read or made.
        """
        return jose.sign_detached(data, self._key)

    def verify(self, data: bytes, signature: str) -> None:
        """Returns when the workspace's key signed exactly these bytes; errors are those of `sign` and below.

        Raises:
            SignatureInvalid: It did not.
        """
        self._verifier.verify(data, signature)

    @property
    def key_id(self) -> str:
        """The name of the key in every signature it makes."""
        return jose.key_id(self._key)

    def public_key(self) -> bytes:
        """Returns the public half of the key as PEM, for a `Verifier` elsewhere."""
        return jose.public_pem(self._key)

    @cached_property
    def _key(self) -> "OKPKey":
        jose.require(_WHAT, extra=_EXTRA)
        try:
            key = jose.signing_key(self._keys.signing_key(jose.new_signing_key))
        except ValueError as error:
            raise KeyUnusable(self._keys.signing_key_place, str(error)) from None
        if not key.is_private:
            raise KeyUnusable(self._keys.signing_key_place, "it is only the public half")
        return key

    @cached_property
    def _verifier(self) -> Verifier:
        return Verifier([self.public_key()])
