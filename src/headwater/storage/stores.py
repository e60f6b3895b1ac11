"""Opens object stores by URL; each class is imported only when one is opened."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from headwater.storage.errors import ObjectNotFound, UnknownStore
from headwater.storage.protocol import ObjectKey, ObjectStore

REMOTE = ("s3", "gs", "az")
DEFAULT_CACHE_BYTES = 2 * 1024**3


class CachePlace(NamedTuple):
    """Where copies of a remote store's objects may lie on this machine, and how much room they may take."""

    folder: Path
    budget_bytes: int = DEFAULT_CACHE_BYTES


def open_store(url: str, *, cache: CachePlace | None = None) -> ObjectStore:
    """Returns the store that a URL names.

    Args:
        url: `file:/absolute/folder`, `s3://bucket/prefix`, `gs://bucket/prefix`,
            `az://container/prefix?account=NAME`, with options as docs/object-stores.md
            lists them, or `memory:` for a new one in this process.
        cache: Where copies of what is read from other machines may be kept; in memory alone when none.

    Raises:
        UnknownStore: The URL names none.
        InvalidStoreUrl: It says too little or too much.
    """
    scheme, _, rest = url.partition(":")
    if scheme == "memory" and not rest:
        return MemoryStore()
    if scheme == "file":
        from headwater.storage.local import LocalStore

        path = Path(unquote(rest.removeprefix("//")) if rest.startswith("//") else rest)
        if path.is_absolute():
            return LocalStore(path)
    if scheme in REMOTE and rest.startswith("//"):
        return _remote(url, cache)
    raise UnknownStore(url)


def is_remote(url: str) -> bool:
    """Tells whether a URL names a store on other machines."""
    return url.partition("://")[0] in REMOTE


def _remote(url: str, cache: CachePlace | None) -> ObjectStore:
    from headwater.storage.backends.cache import CachedStore
    from headwater.storage.backends.cloud import CloudStore
    from headwater.storage.backends.retry import Patience, RetryStore
    from headwater.storage.backends.urls import parse

    parsed = parse(url)
    patience = Patience(limit_s=parsed.number("retry_s", Patience().limit_s))
    store = RetryStore(CloudStore(parsed), patience)
    if cache is None or cache.budget_bytes <= 0:
        return CachedStore(store)
    return CachedStore(store, cache.folder, cache.budget_bytes)


class MemoryStore:
    """Keeps objects as long as the process lives; for tests and throw-away workspaces."""

    url = "memory:"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._objects: dict[str, bytes] = {}

    def put(self, key: ObjectKey, data: bytes | bytearray | memoryview) -> None:
        """Keeps a copy."""
        with self._lock:
            self._objects[ObjectKey(key)] = bytes(data)

    def get(self, key: ObjectKey, span: slice | None = None) -> bytes:
        """Returns the object or a part of it.

        Raises:
            ObjectNotFound: There is none.
        """
        data = self._objects.get(ObjectKey(key))
        if data is None:
            raise ObjectNotFound(key, store=self.url)
        return data if span is None else data[span]

    def exists(self, key: ObjectKey) -> bool:
        """Tells whether there is one."""
        return ObjectKey(key) in self._objects

    def list(self, prefix: str = "") -> Iterator[ObjectKey]:
        """Yields the keys there are now."""
        with self._lock:
            keys = sorted(key for key in self._objects if key.startswith(prefix))
        return map(ObjectKey, keys)

    def delete(self, key: ObjectKey) -> None:
        """Forgets the object."""
        with self._lock:
            self._objects.pop(ObjectKey(key), None)
