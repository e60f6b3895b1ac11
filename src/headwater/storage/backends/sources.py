"""Lists and streams objects that others wrote to a bucket.

Unlike our own, these may have any name and may change while they are read: all
parts of one object are read on the condition that its ETag is still the one it
began with.
"""

import io
import queue
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, cast

from headwater.errors import Error
from headwater.storage.backends.buckets import Bucket, connect
from headwater.storage.backends.cloud import RAISED
from headwater.storage.backends.faults import read_fault, to_error
from headwater.storage.backends.retry import patiently
from headwater.storage.backends.urls import StoreUrl, parse
from headwater.storage.errors import RemoteNotFound, RemoteUnreadable

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from obstore import ObjectMeta

PART_BYTES = 8 * 1024 * 1024
_AHEAD = 4
_LISTINGS = 8
_MOST_FOLDERS = 256  # more are listed in one go, a thousand files by a request, not folder by folder
_PAGE = 1_000

Found = tuple[str, int, str]


def files(url: str) -> Iterator[Found]:
    """Yields name, size and address of the object at an address, or of all below it."""
    bucket, key, parsed = _bucket(url)
    if key and not key.endswith("/"):
        meta = _head(bucket, key)
        if meta is not None:
            yield key.rpartition("/")[2], meta["size"], url
            return
        key += "/"
    count = 0
    for meta in _without_markers(_below(bucket, key)):
        name = meta["path"]
        if name.startswith(key):
            count += 1
            yield name[len(key) :], meta["size"], str(parsed._replace(prefix=name))
    if not count:
        raise _nothing(url)


def _without_markers(metas: Iterator["ObjectMeta"]) -> Iterator["ObjectMeta"]:
    """Leaves out the empty objects by which some tools mark folders."""
    last: ObjectMeta | None = None
    for meta in metas:
        if last is not None and not (last["size"] == 0 and meta["path"].startswith(f"{last['path']}/")):
            yield last
        last = meta
    if last is not None:
        yield last


def open(url: str) -> BinaryIO:
    """Opens an object as a stream."""
    bucket, key, _ = _bucket(url)
    meta = _head(bucket, key) if key else None
    if meta is None:
        raise _nothing(url)
    return cast("BinaryIO", io.BufferedReader(_ObjectStream(bucket, key, meta), 256 * 1024))


def _bucket(url: str) -> tuple[Bucket, str, StoreUrl]:
    parsed = parse(url, any_name=True)
    return connect(parsed._replace(prefix="")), parsed.prefix, parsed


def _nothing(url: str) -> RemoteNotFound:
    return RemoteNotFound(
        f"There is nothing at {url}.",
        hint="Correct the address; list what there is with the service's own tool, such as aws s3 ls.",
    )


def _head(bucket: Bucket, key: str) -> "ObjectMeta | None":
    def ask() -> "ObjectMeta | None":
        try:
            return bucket.store.head(key)
        except RAISED as error:
            fault = read_fault(error)
        if fault.reason == "no-object":
            return None
        raise to_error(fault, bucket.place, f"The object {key} could not be looked for")

    return patiently(ask)


def _below(bucket: Bucket, folder: str) -> Iterator["ObjectMeta"]:
    """Yields what lies below a folder; its own folders are listed side by side where they are few."""

    def level() -> tuple[list["ObjectMeta"], list[str]]:
        try:
            found = bucket.store.list_with_delimiter(folder or None)
            return list(found["objects"]), list(found["common_prefixes"])
        except RAISED as error:
            raise to_error(
                read_fault(error), bucket.place, f"What lies below {folder!r} could not be listed"
            ) from None

    objects, folders = patiently(level)
    if len(folders) > _MOST_FOLDERS:
        yield from _all(bucket, folder)
        return
    yield from objects
    waiting, listings = deque(folders), deque[_Listing]()
    try:
        while listings or waiting:
            while waiting and len(listings) < _LISTINGS:
                listings.append(_Listing(bucket, waiting.popleft()))
            yield from listings.popleft()
    finally:
        for listing in listings:
            listing.stop()


def _all(bucket: Bucket, folder: str) -> Iterator["ObjectMeta"]:
    """Yields everything below a folder, in one go; after a fault it goes on where it was."""
    last = ""
    while True:
        page = patiently(partial(_page, bucket, folder, last))
        yield from (meta for meta in page if meta["path"] != folder.rstrip("/"))
        if len(page) < _PAGE:
            return
        last = page[-1]["path"]


def _page(bucket: Bucket, folder: str, last: str) -> "list[ObjectMeta]":
    try:
        pages = bucket.store.list(folder or None, offset=last or None, chunk_size=_PAGE)
        return list(next(iter(pages), []))
    except RAISED as error:
        fault = read_fault(error)
    raise to_error(fault, bucket.place, f"What lies below {folder!r} could not be listed")


class _Listing:
    """What lies below one folder, listed by a thread that stays a few pages ahead of the reader."""

    def __init__(self, bucket: Bucket, folder: str) -> None:
        self._bucket, self._folder = bucket, folder
        self._queue: queue.Queue[ObjectMeta | BaseException | None] = queue.Queue(2 * _PAGE)
        self._is_over = threading.Event()
        threading.Thread(target=self._run, name="headwater-list", daemon=True).start()

    def __iter__(self) -> Iterator["ObjectMeta"]:
        try:
            while (item := self._queue.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            self.stop()

    def stop(self) -> None:
        """Lets the thread end, read or not."""
        self._is_over.set()

    def _run(self) -> None:
        try:
            for meta in _all(self._bucket, self._folder):
                self._give(meta)
                if self._is_over.is_set():
                    return
            self._give(None)
        except Error as error:
            self._give(error)

    def _give(self, item: "ObjectMeta | BaseException | None") -> None:
        while not self._is_over.is_set():
            try:
                self._queue.put(item, timeout=0.2)
                return
            except queue.Full:
                continue


class _ObjectStream(io.RawIOBase):
    """An object, of which some parts are fetched ahead."""

    def __init__(self, bucket: Bucket, key: str, meta: "ObjectMeta") -> None:
        self._bucket, self._key = bucket, key
        self._size, self._etag = meta["size"], meta["e_tag"]
        self._pool = ThreadPoolExecutor(_AHEAD, "headwater-source")
        self._coming: deque[Future[bytes]] = deque()
        self._asked = 0
        self._part = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        target = memoryview(buffer).cast("B")
        while not self._part:
            while self._asked < self._size and len(self._coming) < _AHEAD:
                self._coming.append(self._pool.submit(self._fetch, self._asked))
                self._asked += PART_BYTES
            if not self._coming:
                return 0
            self._part = memoryview(self._coming.popleft().result())
        count = min(len(target), len(self._part))
        target[:count] = self._part[:count]
        self._part = self._part[count:]
        return count

    def close(self) -> None:
        if not self.closed:
            self._pool.shutdown(wait=False, cancel_futures=True)
        super().close()

    def _fetch(self, start: int) -> bytes:
        stop = min(start + PART_BYTES, self._size)

        def ask() -> bytes:
            try:
                options = {"range": (start, stop)} | ({"if_match": self._etag} if self._etag else {})
                return bytes(self._bucket.store.get(self._key, options=options).buffer())  # type: ignore[arg-type]
            except RAISED as error:
                fault = read_fault(error)
            if fault.reason in {"exists", "no-object", "past-the-end"}:
                raise RemoteUnreadable(
                    f"The object {self._key} in the {self._bucket.place} changed while it was read.",
                    hint="Try again when nobody writes to it.",
                )
            raise to_error(fault, self._bucket.place, f"The object {self._key} could not be read")

        data = patiently(ask)
        if len(data) != stop - start:
            raise RemoteUnreadable(
                f"The object {self._key} in the {self._bucket.place} came incomplete.", hint="Try again."
            )
        return data
