"""What an object store is, and what its objects are called."""

import re
import secrets
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol, Self, runtime_checkable

from headwater.storage.errors import InvalidObjectKey, ObjectNotFound

# What passes: objects that the catalog never names. Nobody may rely on them, and a sweep deletes those that stay.
PASSING = "live/"

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


class Wanted(NamedTuple):
    """A part of an object that somebody wants to read."""

    key: ObjectKey
    start: int
    stop: int


@runtime_checkable
class ReadsMany(Protocol):
    """A store that answers many reads in one round of requests."""

    def get_many(self, wanted: Sequence[Wanted]) -> list[bytes | None]:
        """Returns each part, none where its object is missing."""
        ...


@runtime_checkable
class DeletesMany(Protocol):
    """A store that deletes many objects by one request."""

    def delete_many(self, keys: Sequence[ObjectKey]) -> None:
        """Forgets objects; those that are not there are passed over."""
        ...


@runtime_checkable
class ListsAfter(Protocol):
    """A store that can begin a listing in the middle."""

    def list_after(self, prefix: str, after: str) -> Iterator[ObjectKey]:
        """Yields the keys that begin with `prefix` and come after another one."""
        ...


@runtime_checkable
class Layered(Protocol):
    """A store that may answer from copies."""

    @property
    def origin(self) -> ObjectStore:
        """The store that keeps the objects themselves."""
        ...


def get_many(store: ObjectStore, wanted: Sequence[Wanted]) -> list[bytes | None]:
    """Returns parts of objects, in as few rounds as the store can; none where an object is missing."""
    if isinstance(store, ReadsMany):
        return store.get_many(wanted)
    answers: list[bytes | None] = []
    for key, start, stop in wanted:
        try:
            answers.append(store.get(key, slice(start, stop)))
        except ObjectNotFound:
            answers.append(None)
    return answers


def delete_many(store: ObjectStore, keys: Sequence[ObjectKey]) -> None:
    """Forgets objects, by as few requests as the store can."""
    if isinstance(store, DeletesMany):
        store.delete_many(keys)
        return
    for key in keys:
        store.delete(key)


def origin(store: ObjectStore) -> ObjectStore:
    """Returns the store itself behind all copies, for whoever has to see what is really kept."""
    return store.origin if isinstance(store, Layered) else store
