"""A store that tries again what may succeed in a moment.

The wait before attempt n is random between nothing and the n-th power of two
of the first ("full jitter": Brooker, "Exponential Backoff and Jitter", AWS
Architecture Blog, 2015), because many workers that were turned away at once
would else come back at once. A time limit ends it, whatever the attempts.

All calls of a store may be repeated: objects never change, and putting or
deleting one twice is harmless.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

import msgspec

from headwater.storage.errors import StorageUnavailable
from headwater.storage.protocol import (
    ListsAfter,
    ObjectKey,
    ObjectStore,
    Wanted,
    delete_many,
    get_many,
    origin,
)

T = TypeVar("T")


class Patience(msgspec.Struct, frozen=True):
    """How often, how long apart, and how long in all something is tried."""

    attempts: int = 10
    first_s: float = 0.1
    longest_s: float = 5.0
    limit_s: float = 60.0


_DEFAULT = Patience()


def _any_up_to(longest_s: float) -> float:
    return random.uniform(0, longest_s)  # noqa: S311 - spreads requests, guards nothing


class RetryStore:
    """Hands every call on to another store, again where that failed for the moment."""

    def __init__(
        self,
        store: ObjectStore,
        patience: Patience = _DEFAULT,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[float], float] = _any_up_to,
    ) -> None:
        """Wraps a store; clock, sleep and jitter are for tests."""
        self._store, self._patience = store, patience
        self._clock, self._sleep, self._jitter = clock, sleep, jitter
        self.url = store.url

    @property
    def origin(self) -> ObjectStore:
        """This store over what keeps the objects themselves."""
        behind = origin(self._store)
        if behind is self._store:
            return self
        return RetryStore(behind, self._patience, clock=self._clock, sleep=self._sleep, jitter=self._jitter)

    def put(self, key: ObjectKey, data: bytes | bytearray | memoryview) -> None:
        """Keeps an object."""
        self._patiently(lambda: self._store.put(key, data))

    def get(self, key: ObjectKey, span: slice | None = None) -> bytes:
        """Returns an object, or a part of it."""
        return self._patiently(lambda: self._store.get(key, span))

    def get_many(self, wanted: Sequence[Wanted]) -> list[bytes | None]:
        """Returns parts of objects in as few rounds as the store can."""
        return self._patiently(lambda: get_many(self._store, wanted))

    def exists(self, key: ObjectKey) -> bool:
        """Tells whether there is one."""
        return self._patiently(lambda: self._store.exists(key))

    def list(self, prefix: str = "") -> Iterator[ObjectKey]:
        """Yields the keys; after a fault it goes on behind the last one that it gave."""
        keys, key = self._patiently(partial(self._again, prefix, ""))
        while key is not None:
            yield key
            last = key
            try:
                key = next(keys, None)
            except StorageUnavailable as error:
                if not error.is_transient:
                    raise
                keys, key = self._patiently(partial(self._again, prefix, last))

    def delete(self, key: ObjectKey) -> None:
        """Forgets an object."""
        self._patiently(lambda: self._store.delete(key))

    def delete_many(self, keys: Sequence[ObjectKey]) -> None:
        """Forgets objects, by as few requests as the store can."""
        self._patiently(lambda: delete_many(self._store, keys))

    def _again(self, prefix: str, last: str) -> tuple[Iterator[ObjectKey], ObjectKey | None]:
        keys = self._begin(prefix, last)
        return keys, next(keys, None)

    def _begin(self, prefix: str, last: str) -> Iterator[ObjectKey]:
        if isinstance(self._store, ListsAfter):
            return self._store.list_after(prefix, last)
        return (key for key in self._store.list(prefix) if key > last)

    def _patiently(self, call: Callable[[], T]) -> T:
        return patiently(call, self._patience, clock=self._clock, sleep=self._sleep, jitter=self._jitter)


def patiently(
    call: Callable[[], T],
    patience: Patience = _DEFAULT,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    jitter: Callable[[float], float] = _any_up_to,
) -> T:
    """Returns what a call returns, called again where it failed for the moment.

    Raises:
        StorageUnavailable: It failed for good, or too often or too long.
    """
    began = clock()
    for attempt in range(1, patience.attempts + 1):
        try:
            return call()
        except StorageUnavailable as error:
            if not error.is_transient:
                raise
            longest = min(patience.longest_s, patience.first_s * 2.0 ** (attempt - 1))
            wait, spent = jitter(longest), clock() - began
            if attempt == patience.attempts or spent + wait > patience.limit_s:
                raise _given_up(error, attempt, spent) from None
        sleep(wait)
    raise AssertionError("the last attempt returns or raises")


def _given_up(error: StorageUnavailable, attempts: int, spent_s: float) -> StorageUnavailable:
    if attempts == 1:
        return error
    told = f"{error.message} Tried {attempts} times in {spent_s:.1f} s."
    return StorageUnavailable(told, hint=error.hint, details=error.details, transient=True)
