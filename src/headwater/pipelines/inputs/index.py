"""The index that joins and groups keep between jobs: one map tree, in which all of one value lies together.

A key is the node's number, a section, the value with its length, and where in
it an entry belongs; docs/format/commits.md has the layout. So what one value
holds is one range, its digest costs O(log n), and a changed file touches the
value that it has and no other.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec
from blake3 import blake3

from headwater.pipelines.errors import InputTooLong
from headwater.pipelines.inputs.differences import Differences, beyond
from headwater.pipelines.inputs.node import NEW, OLD, State
from headwater.storage import MapTree, Writer

ROWS: Final = 1  # what a value holds
COUNTS: Final = 2  # how many rows give one member of a group, where they may be several
GROUPS: Final = 3  # which groups there are

VERSION: Final = 1
_WHOLE_BYTES = 700
_MOST_ENTRY_BYTES = 4_096
_encoder = msgspec.msgpack.Encoder()
encode = _encoder.encode
decode = msgspec.msgpack.decode


class Index:
    """The index of a job, in the state of the base and in that which the next job plans from."""

    def __init__(self, old: MapTree, new: MapTree, writer: Writer) -> None:
        self.trees, self._writer = [old, new], writer

    def change(self, changes: Iterable[tuple[bytes, bytes | None]]) -> None:
        """Puts entries, or deletes those without a value; keys ascend."""
        self.trees[NEW] = self._writer.edit_map_in_order(self.trees[NEW], changes)

    def get(self, key: bytes, state: State) -> bytes | None:
        """Returns what lies under a key."""
        return self.trees[state].get(key)

    def below(self, prefix: bytes, state: State) -> Iterator[tuple[bytes, bytes]]:
        """Yields the entries whose keys begin so, in order."""
        return ((row[0], row[1]) for row in self.trees[state].leaf_rows(prefix, beyond(prefix)))

    def differences(self, prefix: bytes) -> Differences:
        """Returns what differs between the states among keys that begin so."""
        return Differences(self.trees[OLD], self.trees[NEW], prefix, beyond(prefix))

    def digest(self, low: bytes, high: bytes, state: State) -> bytes:
        """Returns what tells the entries of a range apart from any others, in O(log n)."""
        return self.trees[state].range_hash(low, high)


def section(node: int, number: int) -> bytes:
    """Returns what the keys of one section of a node begin with."""
    return bytes((node >> 8, node & 255, number))


def valued(value: bytes) -> bytes:
    """Returns a value as it stands in keys, behind its length."""
    return len(value).to_bytes(2, "big") + value


def value_end(key: bytes) -> int:
    """Returns where the value in a key ends."""
    return 5 + int.from_bytes(key[3:5], "big")


def slotted(slot: int) -> bytes:
    """Returns the place of an input within a value, as it stands in keys."""
    return slot.to_bytes(2, "big")


def tail_of(path: str) -> tuple[bytes, bool]:
    """Returns a path as it ends a key, and whether it is whole: a long one is its beginning and its hash."""
    data = path.encode()
    if len(data) <= _WHOLE_BYTES:
        return data, True
    return data[:_WHOLE_BYTES] + b"\0" + blake3(data).digest(), False


def pack(fields: list[Any], label: str) -> bytes:
    """Returns an entry's value.

    Raises:
        InputTooLong: It does not fit into an entry.
    """
    data = encode([VERSION, *fields])
    if len(data) > _MOST_ENTRY_BYTES:
        raise InputTooLong(label, size=len(data), most=_MOST_ENTRY_BYTES)
    return data


def unpack(data: bytes) -> list[Any]:
    """Returns the fields of an entry's value."""
    fields: list[Any] = decode(data)
    return fields[1:]
