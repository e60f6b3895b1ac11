"""Writes the items of rows down, for the index and for locators, and makes them again.

Of a reference only its place is written, never what it holds: that is looked
up when it is asked for, so a change in it leaves the index as it is.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from headwater.pipelines.inputs.index import decode, encode
from headwater.pipelines.inputs.leaf import Leaf
from headwater.pipelines.inputs.node import Identity, Item, Mark, Row, State, group_mark, group_value
from headwater.pipelines.kind import DatumInput, Members


class Groups(Protocol):
    """A group node, as far as items of it are made again."""

    number: int
    mark: bytes

    def members(self, value: str, state: State) -> Members | None:
        """Returns one of its groups."""
        ...


class Items:
    """All leaves and groups of an input, by their numbers."""

    def __init__(self, leaves: Sequence[Leaf]) -> None:
        self.leaves = leaves
        self._groups: dict[int, Groups] = {}
        self._numbers: dict[bytes, int] = {}
        first: dict[Mark, int] = {}
        self._slots = [first.setdefault(leaf.mark, leaf.number) for leaf in leaves]

    def add_group(self, group: Groups) -> None:
        """Makes a group node known; of two that are written alike, the first one stands for both."""
        self._groups[group.number] = group
        self._numbers.setdefault(group.mark, group.number)

    def slot(self, item: DatumInput) -> int:
        """Returns the number of the first leaf with the item's name, repo and branch."""
        return self._slots[item.leaf]

    def group_number(self, members: Members) -> int:
        """Returns the number of the node that a group is of."""
        return self._numbers[group_mark(members)]

    def pack(self, item: Item) -> list[Any]:
        """Returns what `unpack` makes the item of."""
        if isinstance(item, Members):
            return [-1 - self.group_number(item), group_value(item), item.digest]
        if item.reference:
            return [item.leaf, item.path]
        return [item.leaf, item.path, item.hash, item.size, item.is_folder]

    def unpack(self, fields: Sequence[Any], state: State) -> Item:
        """Returns an item as it is in a state, which has it."""
        number, text, *held = fields
        if number < 0:
            members = self._groups[-1 - number].members(text, state)
            assert members is not None, "the index names groups that are there"
            return members
        if held:
            leaf: Leaf = self.leaves[number]
            return leaf.item(text, held[0], held[1], is_folder=held[2])
        return self.look(number, text, state)

    def look(self, leaf: int, path: str, state: State) -> DatumInput:
        """Returns a file or folder that is there, and that some leaf like this one matches."""
        item = self.leaves[leaf].look(path, state)
        assert item is not None, "the index names files that are there"
        return item

    def group(self, number: int, value: str, state: State) -> Members | None:
        """Returns one group of the node with this number."""
        return self._groups[number].members(value, state)

    def locator(self, row: Row) -> bytes:
        """Returns where a row is found again."""
        place: list[int | str] = []
        for item in row:
            if isinstance(item, DatumInput):
                place += (item.leaf, item.path)
            else:
                place += (-1 - self.group_number(item), group_value(item))
        return encode(place)

    def identity(self, locator: bytes) -> Identity | None:
        """Returns what tells the row of a locator apart; none where this input has no such rows."""
        try:
            place = decode(locator, type=list[int | str])
        except msgspec.DecodeError:
            return None
        found: list[tuple[Mark, str]] = []
        for number, text in zip(place[::2], place[1::2], strict=False):
            mark = self._mark(number)
            if mark is None or not isinstance(text, str):
                return None
            found.append((mark, text))
        return tuple(found) or None

    def _mark(self, number: int | str) -> Mark | None:
        if not isinstance(number, int):
            return None
        if number < 0:
            group = self._groups.get(-1 - number)
            return None if group is None else group.mark
        return self.leaves[number].mark if number < len(self.leaves) else None
