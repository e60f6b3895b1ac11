"""What an object store is, and what its objects are called."""

import re
import secrets
from collections.abc import Iterator
from typing import Protocol, Self

from headwater.storage.errors import InvalidObjectKey

_KEY = re.compile(r"[a-z0-9_][a-z0-9_.-]{0,127}(?:/[a-z0-9_][a-z0-9_.-]{0,127}){0,7}")


class ObjectKey(str):
    """The name of an object: lower-case parts joined by `/`, never `.` or `..`, never absolute."""

    __slots__ = ()

    def __new__(cls, key: str) -> Self:
        """Takes a name.

        Raises:
            InvalidObjectKey: No object can have it.
        """
        if not _KEY.fullmatch(key):
            raise InvalidObjectKey(key)
        return super().__new__(cls, key)

    @classmethod
    def random(cls) -> Self:
        """Returns a key that was never used: 128 random bits."""
        return cls(f"segments/{secrets.token_hex(16)}")

    def attempt(self) -> Self:
        """Returns a key of its own for one attempt at writing what is reserved under this one."""
        return type(self)(f"{self}-{secrets.token_hex(4)}")


class ObjectStore(Protocol):
    """Keeps immutable objects under random keys that are never reused.

    Every store promises:
    - `put` is atomic and durable: a reader sees all bytes or none, and what it
      returned from survives a crash. Putting the same bytes again is harmless.
    - What `put` returned from is seen by every later `get`, `exists` and `list`.
    - `get` with a span returns exactly those bytes, fewer only at the end.
    - `list` yields whole objects only, each key once, in ascending order.
    - `delete` of a key that is not there does nothing.
    - Methods may be called from many threads at once.
    - A missing key raises `ObjectNotFound`, a fault `StorageUnavailable`, and a
      name that is no key `InvalidObjectKey`, before anything is touched.
    """

    @property
    def url(self) -> str:
        """What `open_store` opens this store by."""
        ...

    def put(self, key: ObjectKey, data: bytes | bytearray | memoryview) -> None:
        """Keeps an object."""
        ...

    def get(self, key: ObjectKey, span: slice | None = None) -> bytes:
        """Returns an object, or the bytes `span.start` up to `span.stop` of it."""
        ...

    def exists(self, key: ObjectKey) -> bool:
        """Tells whether there is an object under this key."""
        ...

    def list(self, prefix: str = "") -> Iterator[ObjectKey]:
        """Yields the keys that begin with `prefix`."""
        ...

    def delete(self, key: ObjectKey) -> None:
        """Forgets an object."""
        ...
