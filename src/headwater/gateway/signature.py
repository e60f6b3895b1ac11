"""AWS signature version 4: what was signed, with which key, and whether it fits.

Takes values and returns values; who the keys belong to is for others. The
names in a request are encoded anew before they are hashed, so that it does
not matter how a client wrote them on the wire.

Source: AWS, "Signature Version 4 signing process" and "Authenticating
Requests (AWS Signature Version 4)" of the S3 API reference.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import quote

import msgspec

from headwater.gateway.errors import S3Refusal
from headwater.gateway.messages import S3Request

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
_SKEW_S = 15 * 60
_LONGEST_PRESIGNED_S = 7 * 24 * 3600
_TIME = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_SAFE = "-_.~"


class Signed(msgspec.Struct, frozen=True):
    """What a request says about its signature; `expires_s` is that of a presigned URL."""

    access_key: str
    time: str
    day: str
    region: str
    service: str
    names: tuple[str, ...]
    signature: str
    payload: str
    expires_s: int | None = None

    @property
    def scope(self) -> str:
        """What the signing key is good for."""
        return f"{self.day}/{self.region}/{self.service}/aws4_request"


def read_signature(request: S3Request) -> Signed:
    """Returns what a request says about its signature, from its header or its query.

    Raises:
        S3Refusal: There is none, or it is not one of version 4.
    """
    header = request.headers.get("authorization")
    if header is not None:
        return _from_header(request, header)
    if request.has("X-Amz-Algorithm") or request.has("X-Amz-Signature"):
        return _from_query(request)
    if request.has("AWSAccessKeyId"):
        raise S3Refusal(
            "InvalidRequest",
            "This URL is signed with version 2. Sign with version 4: name a region that knows no other, such as "
            "eu-central-1, or run `aws configure set default.s3.signature_version s3v4`.",
        )
    raise S3Refusal("AccessDenied", "Requests must be signed with the keys of a token (signature version 4).")


def check_time(signed: Signed, now_ms: int) -> None:
    """Returns when a request is neither too old nor from the future.

    Raises:
        S3Refusal: It is.
    """
    if not _TIME.fullmatch(signed.time) or signed.time[:8] != signed.day:
        raise S3Refusal("AuthorizationHeaderMalformed", "The request's time is not its signature's.")
    try:
        sent_s = datetime.strptime(signed.time, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise S3Refusal("AuthorizationHeaderMalformed", "The request's time is none.") from None
    late_s = now_ms / 1000 - sent_s
    if signed.expires_s is None:
        if abs(late_s) > _SKEW_S:
            raise S3Refusal(
                "RequestTimeTooSkewed",
                f"The request's time is {abs(late_s):.0f} s from the server's; {_SKEW_S} s are allowed.",
            )
    elif late_s > signed.expires_s or late_s < -_SKEW_S:
        raise S3Refusal("AccessDenied", "Request has expired")


def check_signature(request: S3Request, signed: Signed, secret: str) -> bytes:
    """Returns the key that the request is signed with, for the chunks of its body.

    Raises:
        S3Refusal: The signature is not the one that the secret gives.
    """
    key = signing_key(secret, signed.day, signed.region, signed.service)
    wanted = sign(key, string_to_sign(ALGORITHM, signed, sha256(canonical(request, signed).encode())))
    if not hmac.compare_digest(wanted.encode(), signed.signature.encode("utf-8", "replace")):
        raise S3Refusal(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. "
            "Check the secret key that `headwater token create` showed, and the host you ask.",
        )
    return key


def canonical(request: S3Request, signed: Signed) -> str:
    """Returns the canonical request."""
    query = sorted(
        (quote(name, safe=_SAFE), quote(value, safe=_SAFE))
        for name, value in request.query
        if name != "X-Amz-Signature" or signed.expires_s is None
    )
    return "\n".join(
        [
            request.method,
            quote(request.path, safe=_SAFE + "/"),
            "&".join(f"{name}={value}" for name, value in query),
            *(f"{name}:{' '.join(request.headers.get(name, '').split())}" for name in signed.names),
            "",
            ";".join(signed.names),
            signed.payload,
        ]
    )


def string_to_sign(algorithm: str, signed: Signed, *hashes: str) -> str:
    """Returns what the signing key signs."""
    return "\n".join([algorithm, signed.time, signed.scope, *hashes])


def sign(key: bytes, text: str) -> str:
    """Returns a signature as hexadecimal digits."""
    return hmac.digest(key, text.encode(), "sha256").hex()


def sha256(data: bytes) -> str:
    """Returns the hash as hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


@lru_cache(maxsize=1024)
def signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    """Returns the key of a day, region and service."""
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _from_header(request: S3Request, header: str) -> Signed:
    algorithm, _, rest = header.partition(" ")
    if algorithm != ALGORITHM:
        raise S3Refusal("InvalidRequest", f"Requests must be signed with signature version 4 ({ALGORITHM}).")
    fields = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    if not {"Credential", "SignedHeaders", "Signature"} <= fields.keys():
        raise S3Refusal(
            "AuthorizationHeaderMalformed",
            "The Authorization header lacks Credential, SignedHeaders or Signature.",
        )
    payload = request.headers.get("x-amz-content-sha256")
    if payload is None:
        raise S3Refusal("InvalidRequest", "The header x-amz-content-sha256 is missing.")
    time = request.headers.get("x-amz-date", "")
    code = "AuthorizationHeaderMalformed"
    signed = _signed(code, fields["Credential"], time, fields["SignedHeaders"], fields["Signature"], payload)
    _check_names(request, signed)
    return signed


def _from_query(request: S3Request) -> Signed:
    code = "AuthorizationQueryParametersError"
    given = dict(request.query)
    names = ("Algorithm", "Credential", "Date", "SignedHeaders", "Signature", "Expires")
    missing = [f"X-Amz-{name}" for name in names if f"X-Amz-{name}" not in given]
    if missing:
        raise S3Refusal(code, f"The URL lacks {', '.join(missing)}.")
    if given["X-Amz-Algorithm"] != ALGORITHM:
        raise S3Refusal(code, f"X-Amz-Algorithm must be {ALGORITHM}.")
    expires = given["X-Amz-Expires"]
    if not expires.isdecimal() or not 1 <= int(expires) <= _LONGEST_PRESIGNED_S:
        raise S3Refusal(code, f"X-Amz-Expires must be 1 to {_LONGEST_PRESIGNED_S} seconds.")
    payload = request.headers.get("x-amz-content-sha256") or given.get("X-Amz-Content-Sha256") or UNSIGNED
    signed = _signed(
        code,
        given["X-Amz-Credential"],
        given["X-Amz-Date"],
        given["X-Amz-SignedHeaders"],
        given["X-Amz-Signature"],
        payload,
        int(expires),
    )
    _check_names(request, signed)
    return signed


def _signed(
    code: str,
    credential: str,
    time: str,
    names: str,
    signature: str,
    payload: str,
    expires_s: int | None = None,
) -> Signed:
    parts = credential.split("/")
    if len(parts) != 5 or parts[4] != "aws4_request" or parts[3] != "s3" or not all(parts):
        raise S3Refusal(code, "The credential must be KEY/YYYYMMDD/REGION/s3/aws4_request.")
    access_key, day, region, service, _ = parts
    return Signed(
        access_key, time, day, region, service, tuple(names.split(";")), signature, payload, expires_s
    )


def _check_names(request: S3Request, signed: Signed) -> None:
    """Refuses headers that matter and are not signed: whoever carries the request could have added them."""
    given: Sequence[str] = [name for name in request.headers if name.startswith("x-amz-")]
    unsigned = sorted({"host", *given} - set(signed.names))
    # A presigned URL leaves the body unsigned, so its hash may come later.
    if signed.expires_s is not None and "x-amz-content-sha256" in unsigned:
        unsigned.remove("x-amz-content-sha256")
    if unsigned:
        raise S3Refusal(
            "AccessDenied", f"There were headers present which were not signed: {', '.join(unsigned)}"
        )
