"""An object store in a bucket of S3, Google Cloud Storage or Azure.

S3 is tested against a real server. Google and Azure are experimental: the
same code over the same library, tested against what emulates them.

An object is put by one conditional request ("only if nothing is there"), so
it is never replaced; a put that is repeated because its answer was lost finds
its own bytes, compares them, and is content. What is longer than segments
ever are goes up in parts.

Amazon, Google and Azure list in the order of keys. Services that speak S3 and
walk folders do not, so what they list is collected and sorted.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from obstore.exceptions import BaseError

from headwater.storage.backends.buckets import connect
from headwater.storage.backends.faults import Fault, read_fault, to_error
from headwater.storage.backends.spans import coalesce
from headwater.storage.backends.urls import StoreUrl
from headwater.storage.errors import InvalidObjectKey, ObjectNotFound, ObjectTaken
from headwater.storage.protocol import ObjectKey, Wanted

T = TypeVar("T")

RAISED = (BaseError, OSError, ValueError, NotImplementedError)  # what obstore raises

ONE_REQUEST_BYTES = 32 * 1024 * 1024
_PART_BYTES = 16 * 1024 * 1024
_MOST_PARTS = 9_000  # S3 takes 10,000
_PARTS_AT_ONCE = 4
_AT_ONCE = 16
_PAGE = 1_000
_GAP_BYTES = 256 * 1024  # bytes that nobody wanted, cheaper to fetch than another request


class CloudStore:
    """Keeps objects below a prefix of a bucket."""

    def __init__(self, url: StoreUrl) -> None:
        """Uses a bucket that is there; nothing is asked before the first call.

        Raises:
            InvalidStoreUrl: Something that is needed is neither in the URL nor in the environment.
        """
        self._store, self._place, self._is_ordered = connect(url)
        self._is_conditional = url.flag("conditional_put", default=True)
        self.url = str(url)

    def put(self, key: ObjectKey, data: bytes | bytearray | memoryview) -> None:
        """Keeps an object.

        Raises:
            ObjectTaken: Other bytes lie under this key.
            StorageUnavailable: The service refuses, or does not answer.
        """
        place, length = _checked(key), len(data)
        try:
            if length > ONE_REQUEST_BYTES:
                part = max(_PART_BYTES, -(-length // _MOST_PARTS))
                self._store.put(
                    place, data, use_multipart=True, chunk_size=part, max_concurrency=_PARTS_AT_ONCE
                )
            else:
                mode = "create" if self._is_conditional else "overwrite"
                self._store.put(place, data, mode=mode, use_multipart=False)  # type: ignore[arg-type]
            return
        except RAISED as error:
            fault = read_fault(error)
        if fault.reason != "exists":
            raise self._told(fault, f"The object {key} could not be written")
        if self.get(key) != data:
            raise ObjectTaken(key, store=self.url)

    def get(self, key: ObjectKey, span: slice | None = None) -> bytes:
        """Returns an object, or the bytes `span.start` up to `span.stop` of it.

        Raises:
            ObjectNotFound: There is none.
            StorageUnavailable: The service refuses, or does not answer.
        """
        place = _checked(key)
        start = 0 if span is None else span.start or 0
        stop = None if span is None else span.stop
        try:
            if stop is not None and stop <= start:
                self._store.head(place)
                return b""
            if stop is None:
                data = bytes(self._store.get(place).buffer())
                return data[start:] if start else data
            return bytes(self._store.get_range(place, start=start, end=stop))
        except RAISED as error:
            fault = read_fault(error)
        if fault.reason == "past-the-end":
            return b""
        if fault.reason == "no-object":
            raise ObjectNotFound(key, store=self.url)
        raise self._told(fault, f"The object {key} could not be read")

    def get_many(self, wanted: Sequence[Wanted]) -> list[bytes | None]:
        """Returns parts of objects in one round of requests; parts that lie close together in one request."""
        requests = coalesce(wanted, _GAP_BYTES)

        def fetch(number: int) -> bytes | None:
            try:
                return self.get(requests[number].key, slice(requests[number].start, requests[number].stop))
            except ObjectNotFound:
                return None

        if len(requests) < 2:
            fetched = [fetch(number) for number in range(len(requests))]
        else:
            with ThreadPoolExecutor(min(len(requests), _AT_ONCE), "headwater-get") as pool:
                fetched = list(pool.map(fetch, range(len(requests))))
        answers: list[bytes | None] = [None] * len(wanted)
        for request, data in zip(requests, fetched, strict=True):
            for number, start, stop in request.parts:
                if data is not None:
                    answers[number] = data[start - request.start : stop - request.start]
        return answers

    def exists(self, key: ObjectKey) -> bool:
        """Tells whether there is an object under this key."""
        place = _checked(key)
        try:
            self._store.head(place)
            return True
        except RAISED as error:
            fault = read_fault(error)
        if fault.reason == "no-object":
            return False
        raise self._told(fault, f"The object {key} could not be looked for")

    def list(self, prefix: str = "") -> Iterator[ObjectKey]:
        """Yields the keys that begin with `prefix`, a thousand by each request."""
        return self.list_after(prefix, "")

    def list_after(self, prefix: str, after: str) -> Iterator[ObjectKey]:
        """Yields the keys that begin with `prefix` and come after another one."""
        if self._is_ordered:
            return (ObjectKey(name) for name in self._names(prefix, after))
        return map(ObjectKey, sorted(self._names(prefix, "", beyond=after)))

    def _names(self, prefix: str, after: str, beyond: str = "") -> Iterator[str]:
        folder = prefix.rpartition("/")[0] or None
        pages = iter(self._store.list(folder, offset=after or None, chunk_size=_PAGE))
        while True:
            page = self._told_all(lambda: next(pages, None), "The objects could not be listed")
            if page is None:
                return
            for meta in page:
                name = meta["path"]
                if name.startswith(prefix) and name > max(after, beyond) and _is_key(name):
                    yield name

    def delete(self, key: ObjectKey) -> None:
        """Forgets an object."""
        self.delete_many([key])

    def delete_many(self, keys: Sequence[ObjectKey]) -> None:
        """Forgets objects, a thousand by each request where the service knows how."""
        places = [_checked(key) for key in keys]
        for at in range(0, len(places), _PAGE):
            some = places[at : at + _PAGE]
            what = f"The object {some[0]}" if len(some) == 1 else f"{len(some)} objects"
            try:
                self._store.delete(some[0] if len(some) == 1 else some)
                continue
            except RAISED as error:
                fault = read_fault(error)
            if fault.reason != "no-object":
                raise self._told(fault, f"{what} could not be deleted")

    def _told_all(self, call: Callable[[], T], doing: str) -> T:
        try:
            return call()
        except RAISED as error:
            fault = read_fault(error)
        missing = fault._replace(reason="no-bucket") if fault.reason == "no-object" else fault
        raise self._told(missing, doing)

    def _told(self, fault: Fault, doing: str) -> Exception:
        return to_error(fault, self._place, doing)


def _checked(key: str) -> str:
    return str(ObjectKey(key))


def _is_key(name: str) -> bool:
    """Tells whether an object can be ours; others may lie beside them."""
    try:
        ObjectKey(name)
    except InvalidObjectKey:
        return False
    return True
