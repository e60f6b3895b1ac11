"""What the nodes of an input have in common: rows, what tells them apart, and the two states they are seen in.

A row is what becomes a datum: the files, folders and groups that its code
sees, flat, in the order of the spec. Two rows with one identity are the same
datum, whatever they hold; two with the same contents give the same result.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Final, Literal, NamedTuple

from headwater.pipelines.kind import DatumInput, Members

State = Literal[0, 1]
OLD: Final = 0  # what the base read
NEW: Final = 1  # what the job reads

Item = DatumInput | Members
Row = tuple[Item, ...]
Mark = tuple[str, ...] | bytes  # which items may stand in one place: (input, repo, branch), or a group's
Identity = tuple[tuple[Mark, str], ...]


class RowChange(NamedTuple):
    """A row as it was and as it is; none where it was not or is no more."""

    old: Row | None
    new: Row | None


class Node(ABC):
    """One node of an input, over the state of the base and that of the job.

    Every node promises:
    - `rows` and `changes` stream, may be asked again, and give no identity twice.
    - `changes` costs in proportion to what changed; where only contents of
      references differ, or nothing, it gives nothing.
    - Nodes with an index are made ready, from the leaves up, before they are asked.
    """

    marks: frozenset[Mark]
    leaves: frozenset[int]
    repeats = False  # whether one item may stand in several rows

    @abstractmethod
    def rows(self, state: State) -> Iterator[Row]:
        """Yields all rows of a state."""

    @abstractmethod
    def changes(self) -> Iterator[RowChange]:
        """Yields what differs between the states."""

    @abstractmethod
    def at(self, identity: Identity, state: State) -> Row | None:
        """Returns a row by what tells it apart, in O(log n); none where there is none."""

    @abstractmethod
    def join_value(self, row: Row) -> bytes:
        """Returns what a row of this node is joined on."""

    def owns(self, item: Item) -> bool:
        """Tells whether an item came from this node."""
        return item.leaf in self.leaves if isinstance(item, DatumInput) else group_mark(item) in self.marks


def identify(row: Row) -> Identity:
    """Returns what tells a row apart from others."""
    return tuple(
        [
            ((item.input, item.repo, item.branch), item.path)
            if isinstance(item, DatumInput)
            else (group_mark(item), group_value(item))
            for item in row
        ]
    )


def is_same(old: Row, new: Row) -> bool:
    """Tells whether two rows of one identity hold the same, references apart."""
    return all(map(_is_same_item, old, new))


def group_mark(members: Members) -> bytes:
    """Returns what tells a group node of the input apart from others."""
    return members.name[0]


def group_value(members: Members) -> str:
    """Returns what the members of a group have in common."""
    return members.name[1].decode()


def label_of(row: Row) -> str:
    """Returns what people call a row."""
    return " × ".join([_label(item) for item in row])


def part_of(child: Node, row: Row) -> Row:
    """Returns the items of a combined row that came from one of the nodes it was combined of."""
    return tuple(item for item in row if child.owns(item))


def deal(identity: Identity, children: Sequence[Node]) -> list[Identity] | None:
    """Splits the identity of a combined row into those of the nodes; none where an item belongs to none of them."""
    dealt: list[list[tuple[Mark, str]]] = [[] for _ in children]
    for one in identity:
        for at, child in enumerate(children):
            if one[0] in child.marks:
                dealt[at].append(one)
                break
        else:
            return None
    return [tuple(part) for part in dealt]


def _is_same_item(old: Item, new: Item) -> bool:
    if isinstance(old, DatumInput) and isinstance(new, DatumInput):
        return old.hash == new.hash or (old.reference and new.reference)
    return isinstance(old, Members) and isinstance(new, Members) and old.digest == new.digest


def _label(item: Item) -> str:
    return f"{item.input}:/{item.path}" if isinstance(item, DatumInput) else f"group:{group_value(item)}"
