"""The differences of two trees as a stream that can leap over what need not be seen one by one."""

from collections.abc import Iterator
from typing import Any

from headwater.storage import MapTree, Tree

Entry = tuple[Any, ...]
_PATIENCE = 64  # so many entries are cheaper to pass by than a new way down from the roots


class Differences:
    """Yields (entry before, entry after) for each key of a range that differs, in order of keys."""

    def __init__(self, old: Tree | MapTree, new: Tree | MapTree, low: bytes, high: bytes | None) -> None:
        self._old, self._new, self._high = old, new, high
        self._low, self._passed = low, 0
        self._rows = old.leaf_diff(new, low, high)

    def __iter__(self) -> Iterator[tuple[bytes, Entry | None, Entry | None]]:
        """Yields the key with both entries."""
        while True:
            for before, after in self._rows:
                known = after if before is None else before
                assert known is not None, "a difference has at least one side"
                key: bytes = known[0]
                if key >= self._low:
                    yield key, before, after
                    continue
                self._passed += 1
                if self._passed > _PATIENCE:
                    break
            else:
                return
            self._rows, self._passed = self._old.leaf_diff(self._new, self._low, self._high), 0

    def leap(self, beyond: bytes | None) -> None:
        """Gives nothing more before this key; nothing at all where there is none."""
        if beyond is None:
            self._rows, self._low = iter(()), b"\xff" * 1_025
        else:
            self._low, self._passed = max(self._low, beyond), 0


def beyond(prefix: bytes) -> bytes | None:
    """Returns the least key above all that begin so; none if there is none."""
    kept = prefix.rstrip(b"\xff")
    return kept[:-1] + bytes([kept[-1] + 1]) if kept else None
