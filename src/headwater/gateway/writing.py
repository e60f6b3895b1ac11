"""What changes a bucket: put, copy, delete, and the operations of multipart uploads."""

from collections.abc import Callable, Sequence
from typing import BinaryIO, Self, cast
from urllib.parse import unquote

from headwater.access import Claims
from headwater.gateway import xml
from headwater.gateway.buckets import Bucket, Buckets
from headwater.gateway.errors import S3Refusal
from headwater.gateway.intake import SMALL_BYTES, Intake
from headwater.gateway.landing import Landing, Wish
from headwater.gateway.messages import XML, S3Request, S3Response
from headwater.gateway.objects import (
    check_key,
    check_read,
    check_write,
    commit_ms,
    entry_of,
    etag_of,
    span_of,
    tree_of,
)
from headwater.gateway.payload import Payload
from headwater.gateway.times import iso
from headwater.gateway.uploads import Uploads
from headwater.ids import CommitId
from headwater.storage import Content, Delete, Edit, FileEntry, Put, Storage, Tree, Writer

_MOST_DELETED = 1000


class Writing:
    """The operations that change branches."""

    def __init__(
        self, storage: Storage, buckets: Buckets, landing: Landing, uploads: Uploads, intake: Intake
    ) -> None:
        """Keeps the parts it works with."""
        self._storage, self._buckets, self._landing, self._uploads = storage, buckets, landing, uploads
        self._intake = intake

    def put(self, bucket: Bucket, key: str, request: S3Request, payload: Payload, author: str) -> S3Response:
        """PutObject."""
        if key.endswith("/"):
            return _folder_mark(key, payload)
        path = check_key(key)
        check = _condition(path, request)
        check(tree_of(self._storage, bucket.commit))
        found: list[Content] = []
        if payload.size <= SMALL_BYTES:
            data = payload.read()

            def edits(writer: Writer) -> Sequence[Edit]:
                found[:] = [writer.add(data)]
                return [Put(path, found[0])]

            wish = Wish(f"PUT {path}", (path,), edits, check)
        else:
            writer = self._storage.writer()
            earlier = tree_of(self._storage, bucket.commit).get(path)
            try:
                with self._intake.received(payload) as file:
                    found.append(self._intake.write(lambda: writer.add(file, like=earlier)))
            except BaseException:
                writer.abort()
                raise
            shares = () if earlier is None or bucket.commit is None else (bucket.commit.id,)
            wish = Wish(f"PUT {path}", (path,), lambda _: [Put(path, found[0])], check, writer, shares)
        commit = self._land(bucket, author, wish)
        return _put_answer(found[0], payload, commit)

    def copy(self, bucket: Bucket, key: str, request: S3Request, claims: Claims) -> S3Response:
        """CopyObject: the object gets the content of another one; no byte of it is read."""
        path = check_key(key)
        source, entry = self._source(request, claims)
        check = _condition(path, request)
        shares = () if source.commit is None else (source.commit.id,)
        wish = Wish(f"COPY {path}", (path,), lambda _: [Put(path, entry.content)], check, shares=shares)
        commit = self._land(bucket, claims.id, wish)
        body = [("LastModified", iso(commit_ms(source.commit))), ("ETag", etag_of(entry))]
        return _document("CopyObjectResult", body, _commit(commit))

    def delete(self, bucket: Bucket, key: str, request: S3Request, author: str) -> S3Response:
        """DeleteObject; what is not there is deleted already."""
        if key.endswith("/"):
            return S3Response(204)
        path = check_key(key)
        wish = Wish(f"DELETE {path}", (path,), lambda _: [Delete(path)], _condition(path, request))
        return S3Response(204, _commit(self._land(bucket, author, wish)))

    def delete_many(self, bucket: Bucket, body: bytes, author: str) -> S3Response:
        """DeleteObjects: all in one commit."""
        asked = xml.parse(body, "Delete")
        keys = [xml.text_of(one, "Key") or "" for one in asked.iter("Object")]
        if not 1 <= len(keys) <= _MOST_DELETED:
            raise S3Refusal("MalformedXML", f"One request deletes 1 to {_MOST_DELETED} objects.")
        paths: list[str] = []
        answers: list[xml.Element] = []
        is_quiet = xml.text_of(asked, "Quiet") == "true"
        for key in keys:
            try:
                if not key.endswith("/"):
                    paths.append(check_key(key))
            except S3Refusal as refusal:
                told = [("Key", key), ("Code", refusal.code), ("Message", refusal.message)]
                answers.append(("Error", told))
                continue
            if not is_quiet:
                answers.append(("Deleted", [("Key", key)]))
        commit = None
        if paths:
            wish = Wish(
                f"DELETE {len(paths)} objects", tuple(paths), lambda _: [Delete(path) for path in paths]
            )
            commit = self._land(bucket, author, wish)
        return _document("DeleteResult", answers, _commit(commit))

    # --- multipart uploads ---

    def begin(self, bucket: Bucket, name: str, key: str) -> S3Response:
        """CreateMultipartUpload."""
        upload = self._uploads.begin(bucket, check_key(key))
        body = [("Bucket", name), ("Key", key), ("UploadId", upload)]
        return _document("InitiateMultipartUploadResult", body)

    def put_part(self, bucket: Bucket, key: str, request: S3Request, payload: Payload) -> S3Response:
        """UploadPart."""
        upload, number = _part(request)
        path = check_key(key)
        if payload.size <= SMALL_BYTES:
            row = self._uploads.put(bucket, path, upload, number, payload.read())
        else:
            with self._intake.received(payload) as file:
                row = self._intake.write(lambda: self._uploads.put(bucket, path, upload, number, file))
        return S3Response(200, {"etag": row.etag, **payload.checksums})

    def copy_part(self, bucket: Bucket, key: str, request: S3Request, claims: Claims) -> S3Response:
        """UploadPartCopy."""
        upload, number = _part(request)
        _, entry = self._source(request, claims)
        span = request.headers.get("x-amz-copy-source-range")
        start, stop = 0, entry.size
        if span is not None:
            first, dash, last = span.removeprefix("bytes=").partition("-")
            if not (dash and first.isdecimal() and last.isdecimal() and int(last) < entry.size):
                raise S3Refusal(
                    "InvalidArgument", "x-amz-copy-source-range must be bytes=FIRST-LAST, within it."
                )
            start, stop, _ = span_of(first, last, entry.size)
        path = check_key(key)
        with _Slice(self._storage.open(entry), start, stop) as part:
            row = self._intake.write(
                lambda: self._uploads.put(bucket, path, upload, number, cast("BinaryIO", part))
            )
        return _document("CopyPartResult", [("LastModified", iso(row.modified_ms)), ("ETag", row.etag)])

    def complete(
        self, bucket: Bucket, name: str, key: str, request: S3Request, body: bytes, author: str
    ) -> S3Response:
        """CompleteMultipartUpload."""
        path = check_key(key)
        asked = xml.parse(body, "CompleteMultipartUpload")
        wanted: list[tuple[int, str]] = []
        for part in asked.iter("Part"):
            number, etag = xml.text_of(part, "PartNumber") or "", xml.text_of(part, "ETag") or ""
            if not number.strip().isdecimal():
                raise S3Refusal("MalformedXML", "A part has no number.")
            wanted.append((int(number), etag.strip()))
        upload = request.param("uploadId") or ""
        check = _condition(path, request)
        done = self._intake.write(
            lambda: self._uploads.complete(bucket, path, upload, wanted, check=check, author=author)
        )
        told = [("Location", f"/{name}/{key}"), ("Bucket", name), ("Key", key), ("ETag", done.etag)]
        return _document("CompleteMultipartUploadResult", told, _commit(done.commit))

    def abort(self, bucket: Bucket, key: str, request: S3Request) -> S3Response:
        """AbortMultipartUpload."""
        self._uploads.abort(bucket, check_key(key), request.param("uploadId") or "")
        return S3Response(204)

    def _land(self, bucket: Bucket, author: str, wish: Wish) -> CommitId | None:
        assert bucket.branch is not None, "only branches are written"
        return self._landing.land(bucket.repo, bucket.branch, author, wish)

    def _source(self, request: S3Request, claims: Claims) -> tuple[Bucket, FileEntry]:
        text = request.headers["x-amz-copy-source"].removeprefix("/")
        place, _, query = text.partition("?")
        if query:
            raise S3Refusal("NotImplemented", "Objects have no versions; name the bucket of a commit.")
        name, _, key = unquote(place).partition("/")
        bucket = self._buckets.for_reading(name, claims)
        entry = entry_of(self._storage, bucket, key)
        check_read(
            entry,
            commit_ms(bucket.commit),
            request.headers,
            "x-amz-copy-source-",
            code="PreconditionFailed",
        )
        return bucket, entry


class _Slice:
    """A part of an open file, to be read once."""

    def __init__(self, file: BinaryIO, start: int, stop: int) -> None:
        self._file = file
        self._file.seek(start)
        self._left = stop - start

    def read(self, size: int = -1) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        piece = self._file.read(wanted)
        self._left -= len(piece)
        return piece

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _condition(path: str, request: S3Request) -> Callable[[Tree], None]:
    def check(tree: Tree) -> None:
        if "if-match" in request.headers or "if-none-match" in request.headers:
            check_write(request.headers, tree.get(path))

    return check


def _folder_mark(key: str, payload: Payload) -> S3Response:
    """Accepts the empty object that some clients make for a folder, and keeps nothing: folders need no mark."""
    check_key(key.rstrip("/"))
    if payload.size:
        raise S3Refusal("InvalidArgument", f"The key {key!r} ends with a slash, so it cannot hold bytes.")
    payload.read()
    return S3Response(200, {"etag": '"-1"', **payload.checksums})


def _put_answer(content: Content, payload: Payload, commit: CommitId | None) -> S3Response:
    return S3Response(200, {"etag": etag_of(content), **payload.checksums, **_commit(commit)})


def _part(request: S3Request) -> tuple[str, int]:
    number = request.param("partNumber") or ""
    if not (number.isascii() and number.isdecimal()):
        raise S3Refusal("InvalidArgument", "partNumber is no number.")
    return request.param("uploadId") or "", int(number)


def _commit(commit: CommitId | None) -> dict[str, str]:
    return {} if commit is None else {"x-headwater-commit": commit}


def _document(name: str, body: Sequence[xml.Element], headers: dict[str, str] | None = None) -> S3Response:
    return S3Response(200, {"content-type": XML, **(headers or {})}, xml.document(name, body))
