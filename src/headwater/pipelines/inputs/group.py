"""One row for all that has the same value, whatever it is many of.

The index holds the members of each value in one range, those of references
behind the others. So one more file in a group of a million costs the way to
its place, and the digest of what the code sees the two edges of a range.

Each file goes by its own `group_by`; what has none goes with the others of
its row. A file that several rows bring is one member; how many bring it is
counted, so that it goes with the last of them.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import groupby
from operator import itemgetter
from typing import Any

from blake3 import blake3

from headwater.pipelines.inputs.differences import beyond
from headwater.pipelines.inputs.index import (
    COUNTS,
    GROUPS,
    ROWS,
    Index,
    pack,
    section,
    slotted,
    tail_of,
    unpack,
    value_end,
    valued,
)
from headwater.pipelines.inputs.items import Items
from headwater.pipelines.inputs.node import NEW, OLD, Identity, Item, Node, Row, RowChange, State, group_value
from headwater.pipelines.inputs.spool import Spool
from headwater.pipelines.kind import DatumInput, Members

_DIGEST = "headwater 2026 group digest v1"
_GROUP, _REFERENCE = (
    0x4000,
    0x8000,
)  # added to slots: members that are groups, and references behind all others
_PUT, _DELETE = b"\1", b"\0"
_Weight = tuple[
    int, int, int
]  # entries, and of those that are no references the files and folders, and their bytes


class Group(Node):
    """The groups of one node; `mark` is the digest of how it is written, and tells it apart."""

    def __init__(
        self, number: int, mark: bytes, children: Sequence[Node], items: Items, index: Index
    ) -> None:
        self.number, self.mark = number, mark
        self._children, self._items, self._index = children, items, index
        self.marks, self.leaves = frozenset({mark}), frozenset[int]()
        inside: frozenset[int] = frozenset().union(*(child.leaves for child in children))
        self._names = b"".join(
            _field(slotted(number)) + _field(items.leaves[number].spec.name.encode())
            for number in sorted(inside)
        )
        self._has_references = any(items.leaves[number].spec.reference for number in inside)

    def ready(self, *, whole: bool) -> None:
        """Brings the index from the state of the base to that of the job, or makes the whole of it."""
        with closing(Spool()) as members, closing(Spool()) as changes:
            for child in self._children:
                self._gather(child, members, whole=whole)
            for key, value in self._edits(members.sorted()):
                changes.add(key, _DELETE if value is None else _PUT + value)
            self._index.change(
                (key, value[1:] if value[:1] == _PUT else None) for key, value in changes.sorted()
            )

    def rows(self, state: State) -> Iterator[Row]:
        """Yields the groups in the order of their values."""
        for key, data in self._index.below(section(self.number, GROUPS), state):
            yield (self._members(key[5:].decode(), data, state),)

    def changes(self) -> Iterator[RowChange]:
        """Yields the groups with members that differ."""
        start = section(self.number, ROWS)
        differences = self._index.differences(start)
        for key, _, _ in differences:
            end = value_end(key)
            differences.leap(beyond(key[:end]))
            value = key[5:end].decode()
            old, new = self.members(value, OLD), self.members(value, NEW)
            if old is None or new is None or old.digest != new.digest:
                yield RowChange(None if old is None else (old,), None if new is None else (new,))

    def at(self, identity: Identity, state: State) -> Row | None:
        """Returns the group with a value."""
        if len(identity) != 1 or identity[0][0] != self.mark:
            return None
        members = self.members(identity[0][1], state)
        return None if members is None else (members,)

    def members(self, value: str, state: State) -> Members | None:
        """Returns the group with a value; none where it has no members."""
        data = self._index.get(section(self.number, GROUPS) + valued(value.encode()), state)
        return None if data is None else self._members(value, data, state)

    def join_value(self, row: Row) -> bytes:
        """Returns what the members have in common."""
        (members,) = row
        assert isinstance(members, Members), "a group gives groups"
        return members.name[1]

    def _gather(self, child: Node, members: Spool, *, whole: bool) -> None:
        counted = b"\1" if child.repeats else b"\0"
        changes = ((None, row) for row in child.rows(NEW)) if whole else child.changes()
        for old, new in changes:
            for sign, row in ((b"-", old), (b"+", new)):
                for key, value in self._contributions(row or ()):
                    members.add(key, sign + counted + value)

    def _contributions(self, row: Row) -> Iterator[tuple[bytes, bytes]]:
        """Yields what a row brings: for each value and item, where it belongs and what it holds."""
        values = [self._value(item) for item in row]
        for value in dict.fromkeys(one for one in values if one is not None):
            for item, own in zip(row, values, strict=True):
                if own is None or own == value:
                    place, held = self._entry(item)
                    yield valued(value) + place, held

    def _value(self, item: Item) -> bytes | None:
        if isinstance(item, Members):
            return item.name[1]
        return self._items.leaves[item.leaf].group_value(item.path)

    def _entry(self, item: Item) -> tuple[bytes, bytes]:
        if isinstance(item, Members):
            slot = _GROUP | self._items.group_number(item)
            tail, _ = tail_of(group_value(item))
            return slotted(slot) + tail, pack([item.digest, item.size, False, item.count], group_value(item))
        tail, is_whole = tail_of(item.path)
        held: list[Any] = [None, 0, False] if item.reference else [item.hash, item.size, item.is_folder]
        slot = self._items.slot(item) | (_REFERENCE if item.reference else 0)
        return slotted(slot) + tail, pack(held if is_whole else [*held, 1, item.path], item.path)

    def _edits(self, members: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes | None]]:
        """Yields what the index has to be told, given what rows brought and took."""
        for value, ofvalue in groupby(
            members, key=lambda one: one[0][: 2 + int.from_bytes(one[0][:2], "big")]
        ):
            more = (0, 0, 0)
            for place, signed in groupby(ofvalue, key=itemgetter(0)):
                edits, weight = self._member_edits(place, [one[1] for one in signed])
                yield from edits
                more = _add(more, weight)
            if more != (0, 0, 0):
                yield self._group_edit(value, more)

    def _member_edits(
        self, place: bytes, signed: Sequence[bytes]
    ) -> tuple[list[tuple[bytes, bytes | None]], _Weight]:
        """Returns the edits for one member, and by how much the group grows."""
        taken = [one[2:] for one in signed if one[:1] == b"-"]
        given = [one[2:] for one in signed if one[:1] == b"+"]
        edits: list[tuple[bytes, bytes | None]] = []
        if signed[0][1:2] == b"\1":
            counts = section(self.number, COUNTS) + place
            known = self._index.get(counts, NEW)
            before = 0 if known is None else int(unpack(known)[0])
            after = before + len(given) - len(taken)
            if after != before:
                edits.append((counts, pack([after], "") if after else None))
        else:
            before, after = len(taken), len(given)
        old = (taken or given)[0] if before else None
        new = (given or taken)[0] if after else None
        if new != old:
            edits.append((section(self.number, ROWS) + place, new))
        less, more = _weigh(old), _weigh(new)
        return edits, (more[0] - less[0], more[1] - less[1], more[2] - less[2])

    def _group_edit(self, value: bytes, more: _Weight) -> tuple[bytes, bytes | None]:
        key = section(self.number, GROUPS) + value
        known = self._index.get(key, NEW)
        weight = more if known is None else _add(more, unpack(known))
        return key, pack([*weight], "") if weight[0] else None

    def _members(self, value: str, data: bytes, state: State) -> Members:
        _, count, size = unpack(data)
        start = section(self.number, ROWS) + valued(value.encode())
        hasher = blake3(derive_key_context=_DIGEST)
        hasher.update(self._names)
        if self._has_references:  # what they hold does not count, and else nothing may tell the groups apart
            hasher.update(_field(value.encode()))
        hasher.update(self._index.digest(start, start + slotted(_REFERENCE), state))
        each: Callable[[], Iterator[DatumInput]] = lambda: self._each(start, state)  # noqa: E731
        return Members((self.mark, value.encode()), hasher.digest(), count, size, each)

    def _each(self, start: bytes, state: State) -> Iterator[DatumInput]:
        for key, data in self._index.below(start, state):
            at = len(start)
            slot, tail = int.from_bytes(key[at : at + 2], "big"), key[at + 2 :]
            hash, size, is_folder, *more = unpack(data)
            path = more[1] if len(more) > 1 else tail.decode()
            number = slot & 0x3FFF
            if slot & _REFERENCE:
                yield self._items.look(number, path, state)
            elif slot & _GROUP:
                members = self._items.group(number, path, state)
                assert members is not None, "the index names groups that are there"
                yield from members.each()
            else:
                yield self._items.leaves[number].item(path, hash, size, is_folder=is_folder)


def _weigh(data: bytes | None) -> _Weight:
    """Returns what an entry adds to its group; a reference is a member that weighs nothing."""
    if data is None:
        return 0, 0, 0
    hash, size, _, *more = unpack(data)
    return 1, 0 if hash is None else more[0] if more else 1, size


def _add(one: Sequence[int], other: Sequence[int]) -> _Weight:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2]


def _field(data: bytes) -> bytes:
    return len(data).to_bytes(8, "little") + data
