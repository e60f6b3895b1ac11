"""A row for each combination of rows of every input."""

from collections.abc import Iterator, Sequence

from headwater.pipelines.inputs.node import Identity, Node, Row, RowChange, State, deal, identify, part_of
from headwater.pipelines.inputs.product import combined_changes, combined_rows


class Cross(Node):
    """All combinations; `carrier` is the input that gives the value to join on."""

    def __init__(self, children: Sequence[Node], carrier: int | None) -> None:
        self._children, self._carrier = children, carrier
        self._parts = [_Side(child) for child in children]
        self.marks = frozenset().union(*(child.marks for child in children))
        self.leaves = frozenset().union(*(child.leaves for child in children))
        self.repeats = len(children) > 1 or any(child.repeats for child in children)

    def rows(self, state: State) -> Iterator[Row]:
        """Yields all combinations, holding no input whole that is long."""
        return combined_rows(self._parts, state)

    def changes(self) -> Iterator[RowChange]:
        """Yields the combinations with a part that changed."""
        return combined_changes(self._parts)

    def at(self, identity: Identity, state: State) -> Row | None:
        """Returns a combination of which all parts are there."""
        dealt = deal(identity, self._children)
        if dealt is None:
            return None
        row: Row = ()
        for child, part in zip(self._children, dealt, strict=True):
            found = child.at(part, state) if part else None
            if found is None:
                return None
            row += found
        return row if identify(row) == identity else None

    def join_value(self, row: Row) -> bytes:
        """Returns that of the one input that has one."""
        if self._carrier is None:
            return b""
        child = self._children[self._carrier]
        return child.join_value(part_of(child, row))


class _Side:
    """An input of a cross as a part of a product."""

    def __init__(self, node: Node) -> None:
        self.rows, self.changes, self._node = node.rows, node.changes, node

    def find(self, row: Row, state: State) -> Row | None:
        return self._node.at(identify(row), state)
