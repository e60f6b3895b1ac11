"""Opens object stores by URL; each class is imported only when one is opened."""

import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from headwater.storage.errors import ObjectNotFound, UnknownStore
from headwater.storage.protocol import ObjectKey, ObjectStore


def open_store(url: str) -> ObjectStore:
    """Returns the store that a URL names: `file:/absolute/folder`, or `memory:` for a new one in this process.

    Raises:
        UnknownStore: The URL names none.
    """
    scheme, _, rest = url.partition(":")
    if scheme == "memory" and not rest:
        return MemoryStore()
    if scheme == "file":
        from headwater.storage.local import LocalStore

        path = Path(unquote(rest.removeprefix("//")) if rest.startswith("//") else rest)
        if path.is_absolute():
            return LocalStore(path)
    raise UnknownStore(url)


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
