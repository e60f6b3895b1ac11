"""The gateway itself: who asks, for what, and which operation answers.

Every request is signed; no bucket and no key is looked up before the signature
is found to be right. What cannot be answered is an XML document with S3's code.
"""

from pathlib import Path
from urllib.parse import quote

import msgspec
from structlog.stdlib import BoundLogger

from headwater.access import Claims, Tokens
from headwater.clock import Clock
from headwater.db import Catalog
from headwater.errors import Error
from headwater.gateway import xml
from headwater.gateway.buckets import Buckets
from headwater.gateway.errors import S3Refusal, as_refusal
from headwater.gateway.guard import Guard
from headwater.gateway.intake import Intake
from headwater.gateway.landing import Landing
from headwater.gateway.messages import XML, S3Request, S3Response
from headwater.gateway.objects import get_object
from headwater.gateway.payload import Payload, read_small
from headwater.gateway.reading import Reading
from headwater.gateway.signature import Signed
from headwater.gateway.uploads import Uploads
from headwater.gateway.writing import Writing
from headwater.ids import random_id
from headwater.repos import Repos
from headwater.storage import Storage
from headwater.telemetry import logger

_LONGEST_XML = 2 * 1024 * 1024
_PLAIN_PARAMS = frozenset(
    {
        "continuation-token",
        "delimiter",
        "encoding-type",
        "fetch-owner",
        "key-marker",
        "list-type",
        "marker",
        "max-keys",
        "max-parts",
        "max-uploads",
        "part-number-marker",
        "partNumber",
        "prefix",
        "start-after",
        "upload-id-marker",
        "uploadId",
        "uploads",
        "x-id",
    }
)
_REFUSED_HEADERS = (
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-copy-source-server-side-encryption-customer-algorithm",
    "x-amz-object-lock-mode",
    "x-amz-object-lock-legal-hold",
    "x-amz-website-redirect-location",
    "x-amz-write-offset-bytes",
)
_ACLS = frozenset({"private", "bucket-owner-full-control", "bucket-owner-read"})


class _Asked(msgspec.Struct, frozen=True):
    """A request whose signature is right."""

    request: S3Request
    signed: Signed
    key: bytes
    claims: Claims
    bucket: str
    object: str

    def payload(self) -> Payload:
        return Payload(self.request, self.signed, self.key)

    def small(self) -> bytes:
        return read_small(self.request, self.signed, self.key, _LONGEST_XML)


class Gateway:
    """Answers S3 requests about the repos of one workspace; safe to use from many threads."""

    def __init__(
        self,
        catalog: Catalog,
        storage: Storage,
        repos: Repos,
        tokens: Tokens,
        *,
        clock: Clock,
        domain: str = "localhost",
        scratch: Path | None = None,
    ) -> None:
        """Wires the operations.

        Args:
            catalog: Where multipart uploads are noted.
            storage: Where contents are.
            repos: Whose branches are buckets.
            tokens: Whose keys requests are signed with.
            clock: What signatures and expiry go by.
            domain: Hosts below this one name a bucket: `main.reviews.localhost`.
            scratch: A folder on a disk for large bodies while they come.
        """
        self._guard = Guard(tokens, clock)
        self._buckets = Buckets(repos, clock.monotonic_s)
        landing = Landing(catalog, storage, repos)
        uploads = Uploads(catalog, storage, landing, clock)
        self._storage = storage
        self._reading = Reading(repos, storage, self._buckets, uploads)
        self._writing = Writing(storage, self._buckets, landing, uploads, Intake(scratch))
        self._below = f".{domain.lower()}"
        self._log: BoundLogger = logger("headwater.gateway")

    def handle(self, request: S3Request) -> S3Response:
        """Answers a request, also one that cannot be answered."""
        number = random_id()[:16].upper()
        try:
            response = self._answer(request)
        except Error as error:
            refusal = as_refusal(error)
            if refusal.status >= 500:
                self._log.error("request failed", id=number, error=str(error))
            response = _refused(request, refusal, number)
        except Exception as error:  # noqa: BLE001 - the log has it, and the client a number
            self._log.exception("request failed", id=number, error=type(error).__name__)
            refusal = S3Refusal(
                "InternalError", f"Something failed that should not have; see the log for {number}."
            )
            response = _refused(request, refusal, number)
        headers = {"x-amz-request-id": number, **response.headers}
        return S3Response(
            response.status, headers, response.body, response.length, must_close=response.must_close
        )

    def _answer(self, request: S3Request) -> S3Response:
        signed, key, claims = self._guard.check(request)
        bucket, name = self._place(request)
        asked = _Asked(request, signed, key, claims, bucket, name)
        if not bucket:
            if request.method not in ("GET", "HEAD"):
                raise _not_allowed(request)
            return self._reading.buckets(claims)
        return self._about_object(asked) if name else self._about_bucket(asked)

    def _place(self, request: S3Request) -> tuple[str, str]:
        """Returns the bucket and key that are asked for, whichever way they are written."""
        host = request.headers.get("host", "").rpartition("@")[2]
        if not host.startswith("["):
            host = host.partition(":")[0]
        host = host.lower() if host.lower().endswith(self._below) else ""
        bucket = host.removesuffix(self._below).removesuffix(".s3")
        if bucket and "." in bucket:
            return bucket, request.path.removeprefix("/")
        bucket, _, key = request.path.removeprefix("/").partition("/")
        return bucket, key

    def _about_bucket(self, asked: _Asked) -> S3Response:
        request, name, claims = asked.request, asked.bucket, asked.claims
        match request.method:
            case "GET":
                return self._look_into(asked)
            case "HEAD":
                bucket = self._buckets.for_reading(name, claims)
                found = {} if bucket.commit is None else {"x-headwater-commit": bucket.commit.id}
                return S3Response(200, found, length=0)
            case "PUT":
                _refuse_unknown(request)
                self._buckets.create(name, claims)
                return S3Response(200, {"location": f"/{name}"})
            case "POST" if request.has("delete"):
                _refuse_unknown(request, "delete")
                bucket = self._buckets.for_writing(name, claims)
                return self._writing.delete_many(bucket, asked.small(), claims.id)
            case "DELETE":
                raise S3Refusal(
                    "MethodNotAllowed", "A bucket is a branch: delete it with `headwater branch delete`."
                )
        raise _not_allowed(request)

    def _look_into(self, asked: _Asked) -> S3Response:
        request, name = asked.request, asked.bucket
        bucket = self._buckets.for_reading(name, asked.claims)
        if request.has("location"):
            return self._reading.location()
        if request.has("versioning"):
            return self._reading.versioning()
        _refuse_unknown(request)
        if request.has("uploads"):
            return self._reading.uploads(bucket, name, request)
        if request.param("list-type") == "2":
            return self._reading.keys(bucket, name, request)
        return self._reading.keys_v1(bucket, name, request)

    def _about_object(self, asked: _Asked) -> S3Response:
        request = asked.request
        match request.method:
            case "GET" | "HEAD":
                return self._read(asked)
            case "PUT":
                return self._write(asked)
            case "POST":
                return self._post(asked)
            case "DELETE":
                _refuse_unknown(request)
                bucket = self._buckets.for_writing(asked.bucket, asked.claims)
                if request.has("uploadId"):
                    return self._writing.abort(bucket, asked.object, request)
                return self._writing.delete(bucket, asked.object, request, asked.claims.id)
        raise _not_allowed(request)

    def _read(self, asked: _Asked) -> S3Response:
        request = asked.request
        bucket = self._buckets.for_reading(asked.bucket, asked.claims)
        if request.has("tagging"):
            return S3Response(200, {"content-type": XML}, xml.document("Tagging", [("TagSet", [])]))
        _refuse_unknown(request)
        if request.has("uploadId"):
            return self._reading.parts(bucket, asked.bucket, asked.object, request)
        return get_object(self._storage, bucket, asked.object, request)

    def _write(self, asked: _Asked) -> S3Response:
        request, key, claims = asked.request, asked.object, asked.claims
        _refuse_unknown(request)
        _refuse_headers(request)
        bucket = self._buckets.for_writing(asked.bucket, claims)
        is_copy = "x-amz-copy-source" in request.headers
        if request.has("uploadId"):
            if is_copy:
                return self._writing.copy_part(bucket, key, request, claims)
            return self._writing.put_part(bucket, key, request, asked.payload())
        if is_copy:
            return self._writing.copy(bucket, key, request, claims)
        return self._writing.put(bucket, key, request, asked.payload(), claims.id)

    def _post(self, asked: _Asked) -> S3Response:
        request, key, claims = asked.request, asked.object, asked.claims
        _refuse_unknown(request)
        _refuse_headers(request)
        bucket = self._buckets.for_writing(asked.bucket, claims)
        if request.has("uploads"):
            return self._writing.begin(bucket, asked.bucket, key)
        if request.has("uploadId"):
            return self._writing.complete(bucket, asked.bucket, key, request, asked.small(), claims.id)
        raise S3Refusal("NotImplemented", "Uploads by HTML form are not supported; sign a PUT.")


def _refuse_unknown(request: S3Request, *also: str) -> None:
    """Refuses sub-resources that are not served, where doing something else would be worse than nothing."""
    for name, _ in request.query:
        is_known = name in _PLAIN_PARAMS or name in also
        if not is_known and not name.startswith(("X-Amz-", "response-")):
            raise S3Refusal("NotImplemented", f"The parameter {name!r} is not supported.")


def _refuse_headers(request: S3Request) -> None:
    for name in _REFUSED_HEADERS:
        if name in request.headers:
            raise S3Refusal("NotImplemented", f"The header {name} is not supported.")
    acl = request.headers.get("x-amz-acl", "private")
    if acl not in _ACLS:
        raise S3Refusal("NotImplemented", f"Access is a matter of tokens; the ACL {acl!r} is not supported.")


def _not_allowed(request: S3Request) -> S3Refusal:
    return S3Refusal("MethodNotAllowed", f"{request.method} is not possible here.")


def _refused(request: S3Request, refusal: S3Refusal, number: str) -> S3Response:
    if refusal.status == 304:
        return S3Response(304)
    told: list[xml.Element] = [
        ("Code", refusal.code),
        ("Message", refusal.message),
        ("Resource", quote(request.path, errors="replace")),
        ("RequestId", number),
    ]
    body = xml.document("Error", told, namespace=False)
    return S3Response(
        refusal.status,
        {"content-type": XML},
        b"" if request.method == "HEAD" else body,
        must_close=request.method in ("PUT", "POST"),
    )
