"""What an edit of a map tree consists of: entries that fit into a node, as changes in the order of keys."""

from collections.abc import Iterable, Iterator

from headwater.storage.edit import Change, put, remove
from headwater.storage.errors import InvalidEntry
from headwater.storage.node import Row
from headwater.storage.values import MapEntry

_MAX_KEY_BYTES = 1_024
_MAX_VALUE_BYTES = 4_096


def check_entry(entry: MapEntry) -> None:
    """Refuses an entry that the format has no place for.

    Raises:
        InvalidEntry: Its key or value is too long, or the key is empty.
    """
    if not 1 <= len(entry.key) <= _MAX_KEY_BYTES or len(entry.value) > _MAX_VALUE_BYTES:
        raise InvalidEntry(
            f"A key of {len(entry.key):,} bytes with a value of {len(entry.value):,} does not fit into a tree.",
            hint=f"Keys have 1 to {_MAX_KEY_BYTES:,} bytes, values up to {_MAX_VALUE_BYTES:,}; name larger ones by hash.",
        )


def rows_in_order(changes: Iterable[tuple[bytes, bytes | None]]) -> Iterator[tuple[bytes, Row | None]]:
    """Yields keys with their entries as rows, or with none where they go."""
    for key, value in changes:
        if value is not None:
            check_entry(MapEntry(key, value))
        yield key, None if value is None else (key, value, ())


def change_of(key: bytes, row: Row | None) -> Change:
    """Returns the change that puts an entry, or removes the one under the key."""
    return remove(key) if row is None else put(row)
