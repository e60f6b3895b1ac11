"""The planner of pipelines over files: from a spec's input and two states of its repos to datums."""

from collections.abc import Callable, Iterator, Sequence

import msgspec
from blake3 import blake3

from headwater.pipelines.inputs.cross import Cross
from headwater.pipelines.inputs.group import Group
from headwater.pipelines.inputs.index import Index
from headwater.pipelines.inputs.items import Items
from headwater.pipelines.inputs.join import Join
from headwater.pipelines.inputs.leaf import Leaf
from headwater.pipelines.inputs.node import NEW, Item, Node, Row, label_of
from headwater.pipelines.inputs.union import Union
from headwater.pipelines.keys import datum_key
from headwater.pipelines.kind import Datum, DatumChange, PlanBase
from headwater.pipelines.spec import (
    CronInput,
    CrossInput,
    FilesInput,
    GroupInput,
    Input,
    JoinInput,
    leaves_of,
)
from headwater.pipelines.spec.algebra import gives_join_value, is_outer
from headwater.repos import View
from headwater.storage import MapTree, Writer

Make = Callable[[str, tuple[Item, ...], bytes], Datum]


class InputPlanner:
    """Says which datums an input has, and which of them changed; see `Planner` for what it promises.

    Nothing is read before it is asked. Joins and groups bring their index to
    the state of the job first, which is written with the given writer.
    """

    def __init__(
        self, input: Input, new: Sequence[View], base: PlanBase | None, writer: Writer, *, make: Make
    ) -> None:
        """Takes the inputs' states by their places in the spec, and those of the base.

        Args:
            input: The input of the spec, one without `mistakes`.
            new: The commits that the job reads, by leaf.
            base: What the last attempted job read, with the index that it left.
            writer: Writes the index.
            make: Makes a datum of its label, what it sees, and its locator.
        """
        old = new if base is None else base.views
        specs = leaves_of(input)
        self._items = Items(
            [Leaf(number, spec, (old[number].tree, new[number].tree)) for number, spec in enumerate(specs)]
        )
        tree = new[0].tree
        self._empty = MapTree(tree.nodes, None, tree.shape)
        kept = self._empty if base is None else base.index
        self._index = Index(kept, kept, writer)
        self._base, self._make = base, make
        self._indexed: list[Join | Group] = []
        self._is_ready = False
        self._root = self._node(input, iter(self._items.leaves))

    def every(self) -> Iterator[Datum]:
        """Yields all datums of the job."""
        self._prepare(whole=True)
        return map(self._datum, self._root.rows(NEW))

    def changes(self) -> Iterator[DatumChange]:
        """Yields what differs from the base, each datum once."""
        self._prepare(whole=self._base is None)
        for old, new in self._root.changes():
            if new is not None:
                datum = self._datum(new)
                yield DatumChange(datum_key(datum), datum)
            elif old is not None:
                yield DatumChange(datum_key(self._datum(old)), None)

    def find(self, locator: bytes) -> Datum | None:
        """Returns a datum again, as it is in the job's commits; none where it is no more."""
        self._prepare(whole=self._base is None)
        identity = self._items.identity(locator)
        row = None if identity is None else self._root.at(identity, NEW)
        return None if row is None else self._datum(row)

    def index(self) -> MapTree | None:
        """Returns the index that the next job plans from; none for an input without join and group."""
        return self._index.trees[NEW] if self._indexed else None

    def _datum(self, row: Row) -> Datum:
        return self._make(label_of(row), row, self._items.locator(row))

    def _prepare(self, *, whole: bool) -> None:
        if self._is_ready:
            return
        self._is_ready = True
        if whole:
            self._index.trees[NEW] = self._empty
        for node in self._indexed:
            node.ready(whole=whole)

    def _node(self, input: Input, leaves: Iterator[Leaf]) -> Node:
        if isinstance(input, FilesInput | CronInput):
            return next(leaves)
        children = [self._node(child, leaves) for child in input.of]
        number = len(self._indexed)
        if isinstance(input, CrossInput):
            carriers = [at for at, child in enumerate(input.of) if gives_join_value(child)]
            return Cross(children, carriers[0] if carriers else None)
        if isinstance(input, JoinInput):
            outer = [is_outer(child) for child in input.of]
            join = Join(number, children, outer, self._items, self._index)
            self._indexed.append(join)
            return join
        if isinstance(input, GroupInput):
            mark = blake3(msgspec.json.encode(input, order="sorted")).digest()
            group = Group(number, mark, children, self._items, self._index)
            self._items.add_group(group)
            self._indexed.append(group)
            return group
        return Union(children)
