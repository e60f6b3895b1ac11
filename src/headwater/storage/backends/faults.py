"""Reads what a remote store refused, and says it in our words.

The library tells faults as text with the server's answer inside. Only what is
known to be harmless is taken from it — the status, the error code, the region
— because addresses in it can carry signatures. Which text means what was seen
with real servers; the tests send each.
"""

import re
from typing import Literal, NamedTuple

from headwater.storage.errors import (
    StorageUnavailable,
    StoreCredentials,
    StoreForbidden,
    StoreNotFound,
    StoreRegion,
)

Reason = Literal[
    "exists", "no-object", "no-bucket", "no-credentials", "bad-credentials", "expired", "forbidden", "region",
    "clock", "past-the-end", "throttled", "server", "timeout", "dns", "refused", "tls", "cut", "unsupported", "other",
]  # fmt: skip


class Fault(NamedTuple):
    """What went wrong with one request."""

    reason: Reason
    code: str = ""
    status: int = 0
    region: str = ""


class Place(NamedTuple):
    """The store as its faults name it."""

    kind: str
    bucket: str
    endpoint: str
    login: str

    def __str__(self) -> str:
        """For a person."""
        return f"{self.kind} {self.bucket!r} at {self.endpoint}"


_BY_CODE: dict[str, Reason] = {
    "InvalidAccessKeyId": "bad-credentials",
    "SignatureDoesNotMatch": "bad-credentials",
    "AuthenticationFailed": "bad-credentials",
    "InvalidAuthenticationInfo": "bad-credentials",
    "InvalidSecurity": "bad-credentials",
    "InvalidToken": "bad-credentials",
    "MissingSecurityHeader": "no-credentials",
    "NoAuthenticationInformation": "no-credentials",
    "ExpiredToken": "expired",
    "TokenRefreshRequired": "expired",
    "RequestExpired": "expired",
    "RequestTimeTooSkewed": "clock",
    "NoSuchBucket": "no-bucket",
    "InvalidBucketName": "no-bucket",
    "ContainerNotFound": "no-bucket",
    "PermanentRedirect": "region",
    "AuthorizationHeaderMalformed": "region",
    "IllegalLocationConstraintException": "region",
    "AccessDenied": "forbidden",
    "AllAccessDisabled": "forbidden",
    "AccountProblem": "forbidden",
    "AuthorizationFailure": "forbidden",
    "AuthorizationPermissionMismatch": "forbidden",
    "SlowDown": "throttled",
    "ServerBusy": "throttled",
    "TooManyRequests": "throttled",
    "RequestLimitExceeded": "throttled",
    "OperationAborted": "server",
    "RequestTimeout": "timeout",
    "InvalidRange": "past-the-end",
    "NotImplemented": "unsupported",
}
_BY_STATUS: dict[int, Reason] = {
    301: "region",
    401: "bad-credentials",
    403: "forbidden",
    404: "no-object",
    408: "timeout",
    409: "server",
    412: "exists",
    416: "past-the-end",
    425: "server",
    429: "throttled",
    501: "unsupported",
    503: "throttled",
    507: "other",
}
# Where machines of the clouds ask for credentials of their own; reached only when there are no others.
_LOGIN = re.compile(
    r"169\.254\.(?:169\.254|170\.2|170\.23)|metadata\.google\.internal|/latest/(?:api/token|meta-data)"
    r"|fd00:ec2::254|metadata/identity|computeMetadata|oauth2.*token|Missing(?:Account|AccessKey|Secret)",
    re.IGNORECASE,
)


def read_fault(error: BaseException) -> Fault:
    """Returns what an exception of the library means."""
    text, name = str(error), type(error).__name__
    status, code = _found(r"status code: (\d{3})", text), _code(text)
    number, region = int(status or 0), _found(r"<Region>([a-z0-9-]{2,32})</Region>", text)
    head = text.partition("Debug source")[0]
    if name in {"AlreadyExistsError", "PreconditionError"}:
        return Fault("exists", code, number)
    if _LOGIN.search(head) or (not number and _LOGIN.search(text)):
        return Fault("no-credentials", code, number)
    if code in _BY_CODE:
        return Fault(_BY_CODE[code], code, number, region)
    if "without LOCATION" in text:
        return Fault("region", code, 301)
    if name in {"UnauthenticatedError", "PermissionDeniedError"}:
        return Fault("forbidden" if name.startswith("Perm") else "bad-credentials", code, number)
    if number:
        known = _BY_STATUS.get(number)
        return Fault(known or ("server" if number >= 500 else "other"), code, number)
    if isinstance(error, FileNotFoundError):
        return Fault("no-object")
    return Fault(_of_connection(text))


def to_error(fault: Fault, place: Place, doing: str) -> StorageUnavailable:
    """Returns our error for a fault.

    Args:
        fault: What happened.
        place: The store.
        doing: What was tried, such as `The object x could not be read`.
    """
    says = f" ({fault.code})" if fault.code else f" (status {fault.status})" if fault.status else ""
    kinds: dict[str, type[StorageUnavailable]] = {
        "no-bucket": StoreNotFound,
        "no-credentials": StoreCredentials,
        "bad-credentials": StoreCredentials,
        "expired": StoreCredentials,
        "forbidden": StoreForbidden,
        "region": StoreRegion,
    }
    why, hint = _sentences(fault, place)
    kind = kinds.get(fault.reason, StorageUnavailable)
    return kind(f"{doing}: the {place} {why}{says}.", hint=hint, transient=is_transient(fault))


def is_transient(fault: Fault) -> bool:
    """Tells whether the same request may succeed in a moment."""
    return fault.reason in {"throttled", "server", "timeout", "dns", "refused", "cut"}


def _sentences(fault: Fault, place: Place) -> tuple[str, str]:
    region = f"region={fault.region}" if fault.region else "the region it lies in"
    table: dict[str, tuple[str, str]] = {
        "no-bucket": ("does not exist", "Make it, or correct the bucket's name and the endpoint in the URL."),
        "no-credentials": ("was asked without credentials", f"Give some: {place.login}"),
        "bad-credentials": ("does not accept the credentials", f"Give others: {place.login}"),
        "expired": ("says that the credentials have expired", f"Renew them: {place.login}"),
        "forbidden": (
            "does not allow it",
            "Have its owner allow these credentials to read, write, list and delete there.",
        ),
        "region": (
            "lies in another region",
            f"Name {region} in the URL (…?region=…) or in AWS_REGION.",
        ),
        "clock": (
            "says that this machine's clock is wrong",
            "Set the clock of this machine, then try again.",
        ),
        "throttled": (
            "asks for fewer requests",
            "Wait a little and try again, or run fewer workers at once.",
        ),
        "server": ("had a fault of its own", "Try again; if it lasts, look at the health of that service."),
        "timeout": (
            "did not answer in time",
            "Look at the network between, or allow more time in the URL (…?timeout_s=300).",
        ),
        "dns": (
            "cannot be found: no such host",
            "Correct the endpoint in the URL, or mend the name service.",
        ),
        "refused": (
            "cannot be reached",
            "See that the service runs, and that the endpoint's host and port in the URL are right.",
        ),
        "tls": (
            "cannot be trusted: no secure connection can be made",
            "See that the endpoint speaks https with a certificate that this machine trusts.",
        ),
        "cut": ("broke the connection off", "Try again; if it lasts, look at the network between."),
        "unsupported": (
            "does not know this request",
            "Try conditional_put=false or bulk_delete=false in the URL, for services that lack them.",
        ),
    }
    return table.get(
        fault.reason,
        ("refused the request", "Look at the service's own log for the time of this message."),
    )


def _of_connection(text: str) -> Reason:
    if re.search(r"dns error|failed to lookup|resolve", text):
        return "dns"
    if re.search(
        r"certificate|tls|InvalidContentType|CorruptMessage|InvalidMessage|HandshakeFailure",
        text,
        re.IGNORECASE,
    ):
        return "tls"
    if re.search(r"kind: Timeout|TimedOut|timed out", text):
        return "timeout"
    if re.search(r"kind: Connect\b|ConnectionRefused", text):
        return "refused"
    if re.search(
        r"kind: (?:Interrupted|Request|Body|Decode)|IncompleteMessage|ConnectionReset|BrokenPipe", text
    ):
        return "cut"
    return "other"


def _code(text: str) -> str:
    return _found(r"<Code>([A-Za-z0-9.]{1,64})</Code>", text) or _found(
        r"\(code: ([A-Za-z0-9.]{1,64})\)", text
    )


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    return match[1] if match else ""
