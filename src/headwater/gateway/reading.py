"""What only looks at buckets: list buckets, keys, parts and uploads."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from urllib.parse import quote

from headwater.access import Claims
from headwater.errors import Error
from headwater.gateway import xml
from headwater.gateway.buckets import Bucket, Buckets
from headwater.gateway.errors import S3Refusal
from headwater.gateway.listing import MOST_KEYS, Page, list_page
from headwater.gateway.messages import XML, S3Request, S3Response
from headwater.gateway.objects import check_key, commit_ms, etag_of, tree_of
from headwater.gateway.times import iso
from headwater.gateway.uploads import Uploads
from headwater.repos import Commit, Repos
from headwater.storage import Storage

_OWNER: xml.Element = ("Owner", [("ID", "headwater"), ("DisplayName", "headwater")])
_CLASS: xml.Element = ("StorageClass", "STANDARD")


class Reading:
    """The operations that answer with lists."""

    def __init__(self, repos: Repos, storage: Storage, buckets: Buckets, uploads: Uploads) -> None:
        """Keeps the parts it works with."""
        self._repos, self._storage, self._buckets, self._uploads = repos, storage, buckets, uploads

    def buckets(self, claims: Claims) -> S3Response:
        """ListBuckets: the branches that the token may read."""
        shown: list[xml.Element] = [
            ("Bucket", [("Name", name), ("CreationDate", created)])
            for name, created in self._buckets.listed(claims)
        ]
        return _document("ListAllMyBucketsResult", [_OWNER, ("Buckets", shown)])

    def location(self) -> S3Response:
        """GetBucketLocation."""
        return _document("LocationConstraint", [])

    def versioning(self) -> S3Response:
        """GetBucketVersioning: there is none in S3's sense."""
        return _document("VersioningConfiguration", [])

    def keys(self, bucket: Bucket, name: str, request: S3Request) -> S3Response:
        """ListObjectsV2; its later pages show the commit that the first one did."""
        token = request.param("continuation-token")
        commit, after = bucket.commit, request.param("start-after") or ""
        if token is not None:
            commit, after = self._continued(bucket, token)
        page, told, limit = self._page(commit, request, after)
        encode = _encoder(request)
        body: list[xml.Element] = [("Name", name), *told, ("KeyCount", len(page.files) + len(page.prefixes))]
        if token is not None:
            body.append(("ContinuationToken", token))
        elif after:
            body.append(("StartAfter", encode(after)))
        if page.last is not None:
            body.append(("NextContinuationToken", _token(commit, page.last)))
        with_owner = request.param("fetch-owner") == "true"
        body += _entries(page, commit, encode, with_owner=with_owner)
        del limit
        return _document("ListBucketResult", body)

    def keys_v1(self, bucket: Bucket, name: str, request: S3Request) -> S3Response:
        """ListObjects."""
        marker = request.param("marker") or ""
        page, told, _ = self._page(bucket.commit, request, marker)
        encode = _encoder(request)
        body: list[xml.Element] = [("Name", name), *told, ("Marker", encode(marker))]
        if page.last is not None:
            body.append(("NextMarker", encode(page.last)))
        body += _entries(page, bucket.commit, encode, with_owner=True)
        return _document("ListBucketResult", body)

    def parts(self, bucket: Bucket, name: str, key: str, request: S3Request) -> S3Response:
        """ListParts."""
        limit, after = _number(request, "max-parts", MOST_KEYS), _number(request, "part-number-marker", None)
        upload = request.param("uploadId") or ""
        rows = self._uploads.parts(bucket, check_key(key), upload, after=after, limit=limit + 1)
        body: list[xml.Element] = [
            ("Bucket", name),
            ("Key", key),
            ("UploadId", upload),
            ("PartNumberMarker", after),
            ("MaxParts", limit),
            ("IsTruncated", len(rows) > limit),
            _CLASS,
        ]
        if len(rows) > limit > 0:
            body.append(("NextPartNumberMarker", rows[limit - 1].number))
        body += [
            (
                "Part",
                [
                    ("PartNumber", row.number),
                    ("LastModified", iso(row.modified_ms)),
                    ("ETag", row.etag),
                    ("Size", row.size),
                ],
            )
            for row in rows[:limit]
        ]
        return _document("ListPartsResult", body)

    def uploads(self, bucket: Bucket, name: str, request: S3Request) -> S3Response:
        """ListMultipartUploads."""
        encode, limit = _encoder(request), _number(request, "max-uploads", MOST_KEYS)
        prefix = request.param("prefix") or ""
        key_marker, id_marker = request.param("key-marker") or "", request.param("upload-id-marker") or ""
        after = (key_marker, id_marker or ("g" if key_marker else ""))  # ids are hexadecimal
        rows = self._uploads.under_way(bucket, prefix=prefix, after=after, limit=limit + 1)
        body: list[xml.Element] = [
            ("Bucket", name),
            ("KeyMarker", encode(key_marker)),
            ("UploadIdMarker", id_marker),
            ("Prefix", encode(prefix)),
            ("MaxUploads", limit),
            ("IsTruncated", len(rows) > limit),
        ]
        if len(rows) > limit > 0:
            last = rows[limit - 1]
            body += [("NextKeyMarker", encode(last.path)), ("NextUploadIdMarker", last.id)]
        body += [
            (
                "Upload",
                [
                    ("Key", encode(row.path)),
                    ("UploadId", row.id),
                    _OWNER,
                    _CLASS,
                    ("Initiated", iso(row.created_ms)),
                ],
            )
            for row in rows[:limit]
        ]
        return _document("ListMultipartUploadsResult", body)

    def _page(
        self, commit: Commit | None, request: S3Request, after: str
    ) -> tuple[Page, list[xml.Element], int]:
        limit = min(_number(request, "max-keys", MOST_KEYS), MOST_KEYS)
        prefix, delimiter = request.param("prefix") or "", request.param("delimiter") or ""
        tree = tree_of(self._storage, commit)
        page = list_page(tree, prefix=prefix, delimiter=delimiter, after=after, limit=limit)
        encode = _encoder(request)
        told: list[xml.Element] = [("Prefix", encode(prefix)), ("MaxKeys", limit)]
        if delimiter:
            told.append(("Delimiter", encode(delimiter)))
        if request.param("encoding-type"):
            told.append(("EncodingType", "url"))
        return page, [*told, ("IsTruncated", page.last is not None)], limit

    def _continued(self, bucket: Bucket, token: str) -> tuple[Commit | None, str]:
        """Returns the commit that the page before showed, or what the bucket is at where that is gone."""
        try:
            said = urlsafe_b64decode(token.encode()).decode()
        except ValueError:
            raise S3Refusal(
                "InvalidArgument", "The continuation token is not one that a page gave."
            ) from None
        shown, colon, after = said.partition(":")
        if not colon:
            raise S3Refusal("InvalidArgument", "The continuation token is not one that a page gave.")
        try:
            commit = self._repos.commit_by_id(shown)
        except Error:
            return bucket.commit, after
        is_ours = commit.repo == bucket.repo and commit.state == "finished"
        return (commit if is_ours else bucket.commit), after


def _entries(
    page: Page, commit: Commit | None, encode: Callable[[str], str], *, with_owner: bool
) -> list[xml.Element]:
    modified = iso(commit_ms(commit))
    owner = [_OWNER] if with_owner else []
    shown: list[xml.Element] = [
        (
            "Contents",
            [
                ("Key", encode(file.path)),
                ("LastModified", modified),
                ("ETag", etag_of(file)),
                ("Size", file.size),
                *owner,
                _CLASS,
            ],
        )
        for file in page.files
    ]
    return shown + [("CommonPrefixes", [("Prefix", encode(prefix))]) for prefix in page.prefixes]


def _encoder(request: S3Request) -> Callable[[str], str]:
    wanted = request.param("encoding-type")
    if not wanted:
        return str
    if wanted != "url":
        raise S3Refusal("InvalidArgument", "encoding-type can only be url.")
    return lambda text: quote(text, safe="/-_.~")


def _number(request: S3Request, name: str, most: int | None) -> int:
    text = request.param(name)
    if not text:
        return most or 0
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise S3Refusal("InvalidArgument", f"{name} must be a number.")
    return int(text) if most is None else min(int(text), most)


def _token(commit: Commit | None, last: str) -> str:
    return urlsafe_b64encode(f"{'' if commit is None else commit.id}:{last}".encode()).decode()


def _document(name: str, body: Sequence[xml.Element]) -> S3Response:
    return S3Response(200, {"content-type": XML}, xml.document(name, body))
