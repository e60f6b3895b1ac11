"""Single objects: read a span, put, copy, delete, and the headers that say what they are.

An object's ETag is the hash of its content, so it is the same in every bucket
and commit that has it, and `-1` behind it keeps clients from taking it for an
MD5. What a tree does not hold is not kept: an object's type follows from its
name, its time is that of the commit shown, and `x-amz-meta-*` is not stored.
"""

import mimetypes
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from headwater.gateway.buckets import Bucket
from headwater.gateway.errors import S3Refusal
from headwater.gateway.messages import FileSpan, S3Request, S3Response
from headwater.repos import Commit
from headwater.storage import Content, FileEntry, InvalidPath, Storage, Tree, normalize

_RANGE = re.compile(r"bytes=([0-9]*)-([0-9]*)")
_LONGEST_KEY = 1024
_OVERRIDES = (
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
)


def check_key(key: str) -> str:
    """Returns the path that a key names.

    Raises:
        S3Refusal: No file can have this path.
    """
    if len(key.encode("utf-8", "surrogateescape")) > _LONGEST_KEY:
        raise S3Refusal("KeyTooLongError", f"A key has at most {_LONGEST_KEY} bytes.")
    if key.startswith("/"):
        raise S3Refusal("InvalidArgument", f"The key {key!r} begins with a slash; write it without.")
    try:
        return normalize(key)
    except InvalidPath as error:
        raise S3Refusal("InvalidArgument", error.message) from None


def etag_of(content: FileEntry | Content) -> str:
    """Returns an object's ETag, with its quotes."""
    return f'"{content.hash.hex()}-1"'


def http_time(ms: int) -> str:
    """Returns a time as HTTP headers have it."""
    return format_datetime(datetime.fromtimestamp(ms // 1000, UTC), usegmt=True)


def commit_ms(commit: Commit | None) -> int:
    """Returns when the files of a commit were there."""
    return 0 if commit is None else commit.finished_ms or commit.created_ms


def entry_of(storage: Storage, bucket: Bucket, key: str) -> FileEntry:
    """Returns the file under a key.

    Raises:
        S3Refusal: There is none.
    """
    found = None
    if not key.endswith("/"):
        found = tree_of(storage, bucket.commit).get(check_key(key))
    if found is None:
        raise S3Refusal("NoSuchKey", f"There is no {key!r} in {bucket.name}.")
    return found


def tree_of(storage: Storage, commit: Commit | None) -> Tree:
    """Returns the files of a commit.

    Raises:
        S3Refusal: It has none to show.
    """
    if commit is not None and commit.state != "finished":
        raise S3Refusal("NoSuchBucket", f"Commit {commit.id} is {commit.state}, so it has no files to read.")
    return storage.tree(None if commit is None else commit.roots.output)


def get_object(storage: Storage, bucket: Bucket, key: str, request: S3Request) -> S3Response:
    """Answers GET and HEAD of an object."""
    entry = entry_of(storage, bucket, key)
    time_ms = commit_ms(bucket.commit)
    headers = {
        "etag": etag_of(entry),
        "last-modified": http_time(time_ms),
        "accept-ranges": "bytes",
        "content-type": type_of(entry.path),
    }
    if bucket.commit is not None:
        headers["x-headwater-commit"] = bucket.commit.id
    check_read(entry, time_ms, request.headers)
    for name in _OVERRIDES:
        value = request.param(f"response-{name}")
        if value:
            headers[name] = _one_line(value)
    start, stop, status = _span(request, entry.size)
    if status == 206:
        headers["content-range"] = f"bytes {start}-{stop - 1}/{entry.size}"
    if request.method == "HEAD":
        return S3Response(status, headers, length=stop - start)
    if start == stop:
        return S3Response(status, headers)
    file = storage.open(entry)
    file.seek(start)
    return S3Response(status, headers, FileSpan(file, stop - start), length=stop - start)


def check_read(
    entry: FileEntry, time_ms: int, headers: Mapping[str, str], prefix: str = "", *, code: str = "NotModified"
) -> None:
    """Looks at `If-…` headers of a request that reads; `prefix` is that of a copy's source.

    Raises:
        S3Refusal: One of them is not fulfilled.
    """
    etag, time_s = etag_of(entry), time_ms // 1000
    wanted, unwanted = headers.get(f"{prefix}if-match"), headers.get(f"{prefix}if-none-match")
    since, until = headers.get(f"{prefix}if-modified-since"), headers.get(f"{prefix}if-unmodified-since")
    if wanted is not None:
        if not matches(wanted, etag):
            raise S3Refusal("PreconditionFailed", "The object does not have the ETag that If-Match names.")
    elif until is not None and time_s > _seconds(until, time_s):
        raise S3Refusal("PreconditionFailed", "The object was modified since then.")
    if unwanted is not None:
        if matches(unwanted, etag):
            raise S3Refusal(code, "The object has the ETag that If-None-Match names.")
    elif since is not None and time_s <= _seconds(since, 0):
        raise S3Refusal(code, "The object was not modified since then.")


def check_write(headers: Mapping[str, str], found: FileEntry | None) -> None:
    """Looks at `If-…` headers of a request that writes.

    Raises:
        S3Refusal: One of them is not fulfilled.
    """
    wanted, unwanted = headers.get("if-match"), headers.get("if-none-match")
    if unwanted is not None:
        if unwanted.strip() != "*":
            raise S3Refusal("NotImplemented", "If-None-Match of a write can only be *.")
        if found is not None:
            raise S3Refusal("PreconditionFailed", "There is an object under this key already.")
    if wanted is not None:
        if found is None:
            raise S3Refusal("NoSuchKey", "There is no object that If-Match could mean.")
        if not matches(wanted, etag_of(found)):
            raise S3Refusal("PreconditionFailed", "The object does not have the ETag that If-Match names.")


def is_conditional(headers: Mapping[str, str]) -> bool:
    """Tells whether a write asks for the state of its key."""
    return "if-match" in headers or "if-none-match" in headers


def matches(header: str, etag: str) -> bool:
    """Tells whether a list of ETags names one; quotes and weakness do not matter."""
    given = [one.strip().removeprefix("W/").strip('"') for one in header.split(",")]
    return "*" in given or etag.strip('"') in given


def type_of(path: str) -> str:
    """Returns the media type that a name stands for."""
    found, encoding = mimetypes.guess_type(path, strict=False)
    if encoding is not None:
        return "application/gzip" if encoding == "gzip" else "application/octet-stream"
    return found or "binary/octet-stream"


def _span(request: S3Request, size: int) -> tuple[int, int, int]:
    """Returns the first byte, the one behind the last, and the status."""
    part = request.param("partNumber")
    if part is not None:
        if part != "1":
            raise S3Refusal("InvalidPartNumber", "An object has one part here.")
        return 0, size, 206 if size else 200
    found = _RANGE.fullmatch(request.headers.get("range", "").replace(" ", ""))
    if found is None or not (found[1] or found[2]):
        return 0, size, 200
    return span_of(found[1], found[2], size)


def span_of(first: str, last: str, size: int) -> tuple[int, int, int]:
    """Returns the span that `first-last` of a Range header means; see `_span`.

    Raises:
        S3Refusal: The object has no byte in it.
    """
    if not first:
        start, stop = max(size - int(last), 0), size
    else:
        start, stop = int(first), min(int(last) + 1 if last else size, size)
        if last and int(last) < int(first):
            return 0, size, 200
    if start >= stop:
        raise S3Refusal("InvalidRange", f"The object has {size} bytes, and none of them is in the range.")
    return start, stop, 206


def _seconds(text: str, otherwise: int) -> float:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return otherwise
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _one_line(value: str) -> str:
    if not value.isprintable():
        raise S3Refusal("InvalidArgument", "A response header must be one line of printable characters.")
    return value
