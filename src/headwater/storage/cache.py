"""A cache that forgets what was used longest ago, bounded in bytes; safe for threads."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Cache(Generic[K, V]):
    """Keeps values up to a budget of bytes; a value larger than the budget is not kept."""

    def __init__(self, budget_bytes: int) -> None:
        self._budget = budget_bytes
        self._used = 0
        self._lock = threading.Lock()
        self._items: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def get(self, key: K) -> V | None:
        """Returns the value, which becomes the one used last."""
        with self._lock:
            item = self._items.get(key)
            if item is None:
                return None
            self._items.move_to_end(key)
            return item[0]

    def put(self, key: K, value: V, weight_bytes: int) -> None:
        """Keeps a value, and forgets old ones until all fit."""
        if weight_bytes > self._budget:
            return
        with self._lock:
            old = self._items.pop(key, None)
            self._used += weight_bytes - (old[1] if old else 0)
            self._items[key] = (value, weight_bytes)
            while self._used > self._budget:
                self._used -= self._items.popitem(last=False)[1][1]

    def drop(self, key: K) -> None:
        """Forgets one value, if it is there."""
        with self._lock:
            item = self._items.pop(key, None)
            self._used -= item[1] if item else 0

    def discard(self, condition: Callable[[K], bool]) -> None:
        """Forgets all values whose key meets the condition."""
        with self._lock:
            for key in [key for key in self._items if condition(key)]:
                self._used -= self._items.pop(key)[1]
