"""The one place that touches joserfc: compact JWTs with HS256, detached signatures with Ed25519.

Both doors name their one algorithm and accept a header of exactly the form
that they write, before the library sees it. So neither `none`, nor another
algorithm, nor a key inside the token is ever considered.

joserfc and cryptography are imported when a key is first used: they are part
of extras, and cost 50 ms.
"""

import binascii
import re
from base64 import urlsafe_b64decode
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec

from headwater.access.errors import SignatureInvalid, TokenExpired, TokenInvalid
from headwater.errors import MissingExtra

if TYPE_CHECKING:
    from joserfc.jwk import OctKey, OKPKey

H = TypeVar("H", bound=msgspec.Struct)

_HS256 = "HS256"
_ED25519 = "Ed25519"  # the name that RFC 9864 gives it; "EdDSA" does not say which curve
_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_DETACHED = re.compile(r"([A-Za-z0-9_-]+)\.\.([A-Za-z0-9_-]+)")


class _TokenHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    typ: Literal["JWT"]
    alg: Literal["HS256"]


class SignatureHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a detached signature says of itself; `kid` names the key."""

    alg: Literal["Ed25519"]
    kid: str


def require(what: str, *, extra: str) -> None:
    """Returns when joserfc is installed.

    Raises:
        MissingExtra: It is not.
    """
    try:
        import joserfc  # noqa: F401 - only whether it is there
    except ImportError:
        raise MissingExtra(what, extra=extra) from None


def token_key(secret: bytes) -> "OctKey":
    """Returns the key that signs tokens.

    Raises:
        ValueError: The bytes are another kind of key.
    """
    from joserfc.jwk import OctKey

    return OctKey.import_key(secret)


def encode_token(claims: dict[str, Any], key: "OctKey") -> str:
    """Returns the claims as a signed JWT."""
    from joserfc import jwt

    header = {"typ": "JWT", "alg": _HS256}
    return jwt.encode(header, claims, key, algorithms=[_HS256])


def decode_token(text: str, key: "OctKey", *, issuer: str, now_s: int, leeway_s: int) -> dict[str, Any]:
    """Returns the claims of a JWT whose signature, issuer and times are right.

    Raises:
        TokenExpired: It is over, leeway included.
        TokenInvalid: Anything else is wrong with it.
    """
    from joserfc import jwt
    from joserfc.errors import ExpiredTokenError, JoseError

    parts = _COMPACT.fullmatch(text)
    if parts is None or _header(parts[1], _TokenHeader) is None:
        raise TokenInvalid("is not one that Headwater made")
    try:
        claims = jwt.decode(text, key, algorithms=[_HS256]).claims
        jwt.JWTClaimsRegistry(
            now=now_s,
            leeway=leeway_s,
            iss={"essential": True, "value": issuer},
            jti={"essential": True},
            iat={"essential": True},
            exp={"essential": True},
            scope={"essential": True},
        ).validate(claims)
    except ExpiredTokenError:
        raise TokenExpired from None
    except (JoseError, ValueError):
        raise TokenInvalid("was not made with this workspace's key") from None
    return claims


def new_signing_key() -> bytes:
    """Returns a new Ed25519 private key as PEM (PKCS #8)."""
    from joserfc.jwk import OKPKey

    return OKPKey.generate_key("Ed25519").as_pem(private=True)


def signing_key(pem: bytes) -> "OKPKey":
    """Returns the Ed25519 key, private or public, that a PEM text holds.

    Raises:
        ValueError: It holds none, or another kind.
    """
    from joserfc.errors import JoseError
    from joserfc.jwk import OKPKey

    try:
        key = OKPKey.import_key(pem)
        if key.curve_name != "Ed25519":
            raise ValueError("it is on another curve than Ed25519")
    except (JoseError, TypeError, AttributeError):
        raise ValueError("it is no Ed25519 key") from None
    return key


def public_pem(key: "OKPKey") -> bytes:
    """Returns the public half as PEM."""
    return key.as_pem(private=False)


def key_id(key: "OKPKey") -> str:
    """Returns the name of a key: the thumbprint of its public half.

    Source: RFC 7638, with SHA-256.
    """
    return key.thumbprint()


def sign_detached(data: bytes, key: "OKPKey") -> str:
    """Returns a compact JWS over the bytes without the bytes (RFC 7515, appendix F)."""
    from joserfc import jws

    header = {"alg": _ED25519, "kid": key_id(key)}
    whole = jws.serialize_compact(header, data, key, algorithms=[_ED25519])
    return jws.detach_content(whole)


def signature_header(signature: str) -> SignatureHeader:
    """Returns what a detached signature says of itself; nothing is verified yet.

    Raises:
        SignatureInvalid: It is no detached signature.
    """
    parts = _DETACHED.fullmatch(signature)
    header = None if parts is None else _header(parts[1], SignatureHeader)
    if header is None:
        raise SignatureInvalid("is not one that Headwater made")
    return header


def is_signed(data: bytes, signature: str, key: "OKPKey") -> bool:
    """Says whether the key made this detached signature over these bytes."""
    from joserfc import jws
    from joserfc.errors import JoseError

    try:
        jws.deserialize_compact(signature, key, algorithms=[_ED25519], payload=data)
    except (JoseError, ValueError):
        return False
    return True


def _header(part: str, shape: type[H]) -> H | None:
    try:
        return msgspec.json.decode(urlsafe_b64decode(part + "=" * (-len(part) % 4)), type=shape)
    except (msgspec.MsgspecError, binascii.Error, UnicodeDecodeError):
        return None
