"""A process that dies at its n-th call to the catalog or the object store, without dying.

From that call on every further one fails too, so what the program would do to
clean up behind itself does not happen either: what is left is what a killed
process leaves. Only a transaction that was open is undone, as a database does
for a connection that breaks off.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from headwater.storage import ObjectKey, ObjectStore


class Died(BaseException):
    """Ends the program where it stands; no `except Exception` catches it."""


class Life:
    """Counts calls, and ends at one of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: int | None = None
        self.calls = 0

    @contextmanager
    def until(self, last: int | None) -> Iterator[None]:
        """Lets so many more calls through in the block, and none after; all where there is no number."""
        self.calls, self._last = 0, last
        try:
            yield
        finally:
            self._last = None

    def step(self) -> None:
        """Takes one call, or dies."""
        with self._lock:
            if self._last is not None and self.calls >= self._last:
                raise Died
            self.calls += 1


class MortalStore:
    """An object store whose every call takes a step of a life, before it does anything."""

    def __init__(self, store: ObjectStore, life: Life) -> None:
        self._store, self._life = store, life

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        return self._stepping(found) if callable(found) else found

    def put(self, key: ObjectKey, data: bytes | bytearray | memoryview) -> None:
        self._life.step()
        self._store.put(key, data)

    def get(self, key: ObjectKey, span: slice | None = None) -> bytes:
        self._life.step()
        return self._store.get(key, span)

    def exists(self, key: ObjectKey) -> bool:
        self._life.step()
        return self._store.exists(key)

    def list(self, prefix: str = "") -> Iterator[ObjectKey]:
        self._life.step()
        return self._store.list(prefix)

    def delete(self, key: ObjectKey) -> None:
        self._life.step()
        self._store.delete(key)

    @property
    def url(self) -> str:
        return self._store.url

    def _stepping(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def stepping(*args: Any, **named: Any) -> Any:
            self._life.step()
            return call(*args, **named)

        return stepping


@contextmanager
def mortal_catalogs(life: Life) -> Iterator[None]:
    """Makes every statement and every commit of every catalog take a step of a life."""

    def statement(*_: Any) -> None:
        life.step()

    def commit(_: sa.Connection) -> None:
        life.step()

    sa.event.listen(sa.Engine, "before_cursor_execute", statement)
    sa.event.listen(sa.Engine, "commit", commit)
    try:
        yield
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", statement)
        sa.event.remove(sa.Engine, "commit", commit)
