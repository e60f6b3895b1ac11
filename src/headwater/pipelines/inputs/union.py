"""The rows of all inputs; one that several give is one row.

Inputs that read the same branch under one name may match the same file. Only
then does a row have to be looked up in the others, and only there.
"""

from collections.abc import Iterator, Sequence

from headwater.pipelines.inputs.node import NEW, OLD, Identity, Node, Row, RowChange, State, identify, is_same


class Union(Node):
    """The set of the inputs' rows: one that two give is the first one's."""

    def __init__(self, children: Sequence[Node]) -> None:
        self._children = children
        self.marks = frozenset().union(*(child.marks for child in children))
        self.leaves = frozenset().union(*(child.leaves for child in children))
        self._rivals = [
            [number for number, other in enumerate(children) if number != at and child.marks & other.marks]
            for at, child in enumerate(children)
        ]
        self.repeats = any(self._rivals) or any(child.repeats for child in children)

    def rows(self, state: State) -> Iterator[Row]:
        """Yields the rows of one input after the other, without those that came before."""
        for at, child in enumerate(self._children):
            earlier = [self._children[rival] for rival in self._rivals[at] if rival < at]
            if not earlier:
                yield from child.rows(state)
                continue
            for row in child.rows(state):
                identity = identify(row)
                if all(other.at(identity, state) is None for other in earlier):
                    yield row

    def changes(self) -> Iterator[RowChange]:
        """Yields what came, went or changed, seen over all inputs."""
        for at, child in enumerate(self._children):
            rivals = self._rivals[at]
            if not rivals:
                yield from child.changes()
                continue
            concerned = [self._children[number] for number in sorted((at, *rivals))]
            earlier = [self._children[rival] for rival in rivals if rival < at]
            for old, new in child.changes():
                identity = identify(new or old or ())
                if any(_changes(other, identity) for other in earlier):
                    continue  # that one gave it
                before, after = _first(concerned, identity, OLD), _first(concerned, identity, NEW)
                if before is None or after is None or not is_same(before, after):
                    yield RowChange(before, after)

    def at(self, identity: Identity, state: State) -> Row | None:
        """Returns the row of the first input that has it."""
        return _first(self._children, identity, state)

    def join_value(self, row: Row) -> bytes:
        """Returns that of the input which gave the row."""
        child = next(child for child in self._children if all(map(child.owns, row)))
        return child.join_value(row)


def _first(nodes: Sequence[Node], identity: Identity, state: State) -> Row | None:
    for node in nodes:
        row = node.at(identity, state)
        if row is not None:
            return row
    return None


def _changes(node: Node, identity: Identity) -> bool:
    old, new = node.at(identity, OLD), node.at(identity, NEW)
    if old is None or new is None:
        return old is not new
    return not is_same(old, new)
