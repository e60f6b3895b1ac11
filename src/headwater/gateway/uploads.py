"""Multipart uploads: parts come in any order, from many requests, and become one object.

Each part is stored when it comes and is durable when it is answered, so an
upload survives the gateway. Completing one reads its parts as one stream and
cuts it by content, as if it had come in one piece: the same bytes have the
same hash however they were sent. A completed upload is remembered for a while
and answers the same again, since a client that lost the answer asks again.
"""

import io
from collections.abc import Sequence
from itertools import pairwise
from typing import BinaryIO

import msgspec
from sqlalchemy import Connection

from headwater.clock import Clock
from headwater.db import Catalog
from headwater.gateway import store
from headwater.gateway.buckets import Bucket
from headwater.gateway.errors import S3Refusal, UploadsGone
from headwater.gateway.landing import Check, Landing, Wish
from headwater.gateway.objects import etag_of
from headwater.ids import CommitId, random_id
from headwater.storage import Content, FileEntry, Pointer, Put, Storage
from headwater.storage.content import Source

MOST_PARTS = 10_000
_LEAST_BYTES = 5 * 1024 * 1024  # of each part but the last, as S3 has it
_KEPT_MS = 7 * 24 * 3600 * 1000
_REMEMBERED_MS = 24 * 3600 * 1000
_NAME = "part"


class Completed(msgspec.Struct, frozen=True):
    """What became of an upload; `commit` is none where that is not remembered."""

    etag: str
    commit: CommitId | None = None


class Uploads:
    """The multipart uploads of a workspace; safe to use from many threads and processes."""

    def __init__(self, catalog: Catalog, storage: Storage, landing: Landing, clock: Clock) -> None:
        """Keeps the parts it works with."""
        self._catalog, self._storage, self._landing, self._clock = catalog, storage, landing, clock

    def begin(self, bucket: Bucket, path: str) -> str:
        """Returns the id of a new upload; those that nobody finished in a week are forgotten."""
        assert bucket.branch is not None, "only branches are written"
        now_ms = self._clock.now_ms()
        row = store.UploadRow(random_id(), bucket.repo, bucket.branch, path, now_ms, now_ms + _KEPT_MS)
        with self._catalog.write() as conn:
            store.remove_expired(conn, now_ms)
            store.add_upload(conn, row)
        return row.id

    def put(self, bucket: Bucket, path: str, upload: str, number: int, data: Source) -> store.PartRow:
        """Stores a part; it is durable when this returns.

        Raises:
            S3Refusal: There is no such upload, or the part's body is not what was meant.
        """
        self._open(bucket, path, upload)
        if not 1 <= number <= MOST_PARTS:
            raise S3Refusal("InvalidArgument", f"Parts have the numbers 1 to {MOST_PARTS}.")
        writer = self._storage.writer()
        try:
            content = writer.add(data)
            tree = writer.edit(self._storage.tree(None), [Put(_NAME, content)])
            writer.seal()
            assert tree.root is not None, "a tree with a file has a root"
            now_ms = self._clock.now_ms()
            row = store.PartRow(upload, number, etag_of(content), content.size, now_ms, tree.root.encode())
            with self._catalog.write() as conn:
                if not store.lock_open(conn, upload):
                    raise UploadsGone(upload)
                writer.publish(conn)
                store.put_part(conn, row)
        except BaseException:
            writer.abort()
            raise
        return row

    def parts(self, bucket: Bucket, path: str, upload: str, *, after: int, limit: int) -> list[store.PartRow]:
        """Returns parts that came, by number, behind a number."""
        self._open(bucket, path, upload)
        with self._catalog.read() as conn:
            return store.parts_of(conn, upload, after=after, limit=limit)

    def under_way(
        self, bucket: Bucket, *, prefix: str, after: tuple[str, str], limit: int
    ) -> list[store.UploadRow]:
        """Returns uploads to a bucket that are not over, by key and id, behind the given ones."""
        if bucket.branch is None:
            return []
        with self._catalog.read() as conn:
            return store.open_uploads(
                conn, bucket.repo, bucket.branch, prefix=prefix, after=after, limit=limit
            )

    def complete(
        self,
        bucket: Bucket,
        path: str,
        upload: str,
        wanted: Sequence[tuple[int, str]],
        *,
        check: Check,
        author: str,
    ) -> Completed:
        """Makes one object of parts; see `Landing.land`.

        Args:
            bucket: Where it goes.
            path: Its path.
            upload: The upload's id.
            wanted: Numbers and ETags of the parts, ascending.
            check: Raises where the branch's files do not allow it.
            author: Who completes it.

        Raises:
            S3Refusal: Parts are missing, too small, out of order, or not those that came.
        """
        row = self._known(bucket, path, upload)
        if row.etag is not None:
            return Completed(row.etag)
        assert bucket.branch is not None, "only branches are written"
        with self._catalog.read() as conn:
            came = {part.number: part for part in store.parts_of(conn, upload)}
        entries = [self._entry(part) for part in _chosen(wanted, came)]
        whole = self._whole(bucket, path, entries, upload, check)
        try:
            commit = self._landing.land(bucket.repo, bucket.branch, author, whole[0])
        except UploadsGone:  # a second request for the same may have been faster
            row = self._known(bucket, path, upload)
            if row.etag is None:
                raise
            return Completed(row.etag)
        return Completed(etag_of(whole[1]), commit)

    def abort(self, bucket: Bucket, path: str, upload: str) -> None:
        """Gives an upload up.

        Raises:
            S3Refusal: There is none.
        """
        self._open(bucket, path, upload)
        with self._catalog.write() as conn:
            if not store.remove_upload(conn, upload):
                raise UploadsGone(upload)

    def _whole(
        self, bucket: Bucket, path: str, entries: list[FileEntry], upload: str, check: Check
    ) -> tuple[Wish, Content]:
        """Returns the wish that lands the parts as one, and its content; a single part is taken as it is."""
        writer, earlier = None, self._earlier(bucket, path)
        content = entries[0].content
        if len(entries) > 1:
            writer = self._storage.writer()
            try:
                content = writer.add(_Joined(self._storage, entries), like=earlier)
            except BaseException:
                writer.abort()
                raise
        now_ms = self._clock.now_ms()

        def end(conn: Connection) -> None:
            if not store.complete(conn, upload, etag=etag_of(content), expires_ms=now_ms + _REMEMBERED_MS):
                raise UploadsGone(upload)

        wish = Wish(
            message=f"PUT {path}",
            keys=(path,),
            edits=lambda _: [Put(path, content)],
            check=check,
            writer=writer,
            shares=() if earlier is None or bucket.commit is None else (bucket.commit.id,),
            within=end,
        )
        return wish, content

    def _earlier(self, bucket: Bucket, path: str) -> FileEntry | None:
        if bucket.commit is None or bucket.commit.roots.output is None:
            return None
        return self._storage.tree(bucket.commit.roots.output).get(path)

    def _entry(self, part: store.PartRow) -> FileEntry:
        entry = self._storage.tree(Pointer.decode(part.root)).get(_NAME)
        assert entry is not None, "a part's tree has one file"
        return entry

    def _open(self, bucket: Bucket, path: str, upload: str) -> store.UploadRow:
        row = self._known(bucket, path, upload)
        if row.etag is not None:
            raise UploadsGone(upload)
        return row

    def _known(self, bucket: Bucket, path: str, upload: str) -> store.UploadRow:
        with self._catalog.read() as conn:
            row = store.upload_by_id(conn, upload)
        if row is None or (row.repo, row.branch, row.path) != (bucket.repo, bucket.branch, path):
            raise S3Refusal("NoSuchUpload", f"There is no upload {upload!r} to this key; it may have ended.")
        return row


class _Joined(io.RawIOBase):
    """Files one behind the other, as one stream."""

    def __init__(self, storage: Storage, entries: list[FileEntry]) -> None:
        self._files = (storage.open(entry) for entry in entries)
        self._file: BinaryIO | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        while True:
            if self._file is None:
                self._file = next(self._files, None)
                if self._file is None:
                    return 0
            piece = self._file.read(len(buffer))
            if piece:
                buffer[: len(piece)] = piece
                return len(piece)
            self._file.close()
            self._file = None


def _chosen(wanted: Sequence[tuple[int, str]], came: dict[int, store.PartRow]) -> list[store.PartRow]:
    if not wanted:
        raise S3Refusal("MalformedXML", "An upload is completed with at least one part.")
    numbers = [number for number, _ in wanted]
    if any(one >= other for one, other in pairwise(numbers)):
        raise S3Refusal("InvalidPartOrder", "The parts must be named in ascending order, each once.")
    for number, etag in wanted:
        if number not in came or came[number].etag.strip('"') != etag.strip('"'):
            raise S3Refusal("InvalidPart", f"Part {number} did not come, or has another ETag.")
    chosen = [came[number] for number in numbers]
    if any(part.size < _LEAST_BYTES for part in chosen[:-1]):
        raise S3Refusal("EntityTooSmall", f"Each part but the last must have at least {_LEAST_BYTES} bytes.")
    return chosen
