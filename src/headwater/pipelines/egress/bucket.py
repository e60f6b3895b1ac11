"""A bucket of S3, Google Cloud Storage or Azure as a destination of egress.

Small files go up side by side. A long one goes in parts, one file at a time,
so that what is held in memory stays bounded whatever the sizes. Who may write
is found where the service's own tools look, in the worker's environment.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from headwater.pipelines.egress.address import Address
from headwater.pipelines.egress.errors import EgressFailed
from headwater.pipelines.egress.values import Change, Files, Loaded, Sent
from headwater.storage import FileEntry, InvalidStoreUrl
from headwater.storage.backends.buckets import connect
from headwater.storage.backends.cloud import RAISED
from headwater.storage.backends.faults import read_fault, to_error
from headwater.storage.backends.retry import Patience, patiently
from headwater.storage.backends.urls import parse

_AT_ONCE = 8
_PATIENCE_S = 20.0  # then whoever called tries again, later
_PART_BYTES, _MOST_PARTS, _PARTS_AT_ONCE = 16 * 1024 * 1024, 9_000, 3


class Bucket:
    """Objects below a prefix of a bucket; a `Destination`."""

    def __init__(self, address: Address) -> None:
        """Uses a bucket that is there; nothing is asked before the first change.

        Raises:
            EgressFailed: The URL says too little or too much.
        """
        self._shown = address.shown
        try:
            url = parse(address.url, any_name=True)
            self._bucket = connect(url._replace(prefix=""))
        except InvalidStoreUrl as error:
            raise EgressFailed(
                f"The output for {self._shown}", why=error.message.rstrip("."), hint=error.hint
            ) from None
        self._patience = Patience(limit_s=url.number("retry_s", _PATIENCE_S))
        self._prefix = f"{url.prefix.strip('/')}/" if url.prefix.strip("/") else ""

    def apply(self, changes: Iterator[Change], files: Files) -> Sent:
        """Brings the objects to where the changes lead."""
        put, removed, size = 0, 0, 0
        with ThreadPoolExecutor(_AT_ONCE, "headwater-egress") as pool:
            for batch in files.batches(changes):
                gone = [one.path for one in batch if one.file is None]
                self._remove(gone)
                short = [one for one in batch if one.data is not None]
                list(pool.map(self._put_short, short))
                for one in batch:
                    if one.file is not None:
                        put, size = put + 1, size + one.file.size
                        if one.data is None:
                            self._put_long(one.path, one.file, files)
                removed += len(gone)
        return Sent(put=put, removed=removed, size=size)

    def _remove(self, paths: list[str]) -> None:
        if not paths:
            return
        keys = [self._key(path) for path in paths]

        def delete() -> None:
            self._bucket.store.delete(keys)

        self._do(delete, paths[0], "removed", accept="no-object")

    def _put_short(self, one: Loaded) -> None:
        data = b"" if one.data is None else bytes(one.data)
        put = partial(self._bucket.store.put, self._key(one.path), data, use_multipart=False)
        self._do(put, one.path, "written")

    def _put_long(self, path: str, file: FileEntry, files: Files) -> None:
        part = max(_PART_BYTES, -(-file.size // _MOST_PARTS))
        faults: list[BaseException] = []

        def pieces() -> Iterator[bytes]:
            try:
                yield from map(bytes, files.stream(file))
            except BaseException as error:
                faults.append(error)  # what the library makes of it would hide whose fault it was
                raise

        def put() -> None:
            try:
                self._bucket.store.put(
                    self._key(path),
                    pieces(),
                    use_multipart=True,
                    chunk_size=part,
                    max_concurrency=_PARTS_AT_ONCE,
                )
            except BaseException:
                if faults:
                    raise faults[0] from None
                raise

        self._do(put, path, "written")

    def _do(self, call: Callable[[], object], path: str, done: str, *, accept: str = "") -> None:
        """Calls, patiently; what the bucket will not take later either is egress's own error."""

        def attempt() -> None:
            try:
                call()
                return
            except RAISED as error:
                fault = read_fault(error)
            if fault.reason == accept:
                return
            if fault.reason == "no-object":
                fault = fault._replace(reason="no-bucket")
            told = to_error(fault, self._bucket.place, f"The file {path!r} could not be {done}")
            if told.is_transient:
                raise told
            raise EgressFailed(
                f"The file {path!r}", why=f"{told.message.partition(': ')[2].rstrip('.')}", hint=told.hint
            )

        patiently(attempt, self._patience)

    def _key(self, path: str) -> str:
        return self._prefix + path
