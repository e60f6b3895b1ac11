"""A row for each combination of rows that have the same value.

The index holds the rows of every value in one range, input by input. A
changed row touches its own value: what it is combined with is read from
there. Where a value has no rows of some input, nothing is combined, but for
inputs that are outer: those of them that have rows are combined with each
other.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import groupby, islice

from blake3 import blake3

from headwater.pipelines.inputs.differences import beyond
from headwater.pipelines.inputs.index import (
    ROWS,
    Index,
    encode,
    pack,
    section,
    slotted,
    tail_of,
    unpack,
    value_end,
    valued,
)
from headwater.pipelines.inputs.items import Items
from headwater.pipelines.inputs.leaf import Leaf
from headwater.pipelines.inputs.node import (
    NEW,
    OLD,
    Identity,
    Node,
    Row,
    RowChange,
    State,
    deal,
    identify,
    is_same,
    label_of,
    part_of,
)
from headwater.pipelines.inputs.product import combined_changes, combined_rows
from headwater.pipelines.inputs.spool import Spool
from headwater.pipelines.kind import DatumInput

_HELD = 256  # entries of one value that are taken at once: a few nodes
_PUT, _DELETE = b"\1", b"\0"
_Entry = tuple[bytes, bytes]


class Join(Node):
    """The joined rows of one node; `outer` says of each input whether its rows are kept without a match."""

    def __init__(
        self, number: int, children: Sequence[Node], outer: Sequence[bool], items: Items, index: Index
    ) -> None:
        self.number = number
        self.children, self._outer, self._items, self.index = children, outer, items, index
        self.marks = frozenset().union(*(child.marks for child in children))
        self.leaves = frozenset().union(*(child.leaves for child in children))
        self.repeats = len(children) > 1 or any(child.repeats for child in children)

    def ready(self, *, whole: bool) -> None:
        """Brings the index from the state of the base to that of the job, or makes the whole of it."""
        with closing(Spool()) as changes:
            for at, child in enumerate(self.children):
                pairs = (RowChange(None, row) for row in child.rows(NEW)) if whole else child.changes()
                for old, new in pairs:
                    before = None if old is None else self.key(at, old)
                    after = None if new is None else self.key(at, new)
                    if before is not None and before != after:
                        changes.add(before, _DELETE)
                    if new is not None and after is not None:
                        changes.add(after, _PUT + self._pack(at, new))
            self.index.change(
                (key, value[1:] if value[:1] == _PUT else None) for key, value in changes.sorted()
            )

    def rows(self, state: State) -> Iterator[Row]:
        """Yields the combinations, value by value."""
        entries = self.index.below(section(self.number, ROWS), state)
        for start, ofvalue in groupby(entries, key=lambda entry: entry[0][: value_end(entry[0])]):
            bucket = _Bucket(self, start, state, list(islice(ofvalue, _HELD + 1)))
            yield from combined_rows(
                [_Part(self, at, bucket, bucket) for at in self._taking_part(bucket)], state
            )

    def changes(self) -> Iterator[RowChange]:
        """Yields what came, went or changed among the values with a row that did."""
        start = section(self.number, ROWS)
        differences = self.index.differences(start)
        for key, _, _ in differences:
            of_value = key[: value_end(key)]
            differences.leap(beyond(of_value))
            old, new = _Bucket(self, of_value, OLD), _Bucket(self, of_value, NEW)
            before, after = self._taking_part(old), self._taking_part(new)
            if before == after:
                yield from combined_changes([_Part(self, at, old, new) for at in after])
            else:  # other inputs take part, so these are other rows
                for row in combined_rows([_Part(self, at, old, new) for at in before], OLD):
                    yield RowChange(row, None)
                for row in combined_rows([_Part(self, at, old, new) for at in after], NEW):
                    yield RowChange(None, row)

    def at(self, identity: Identity, state: State) -> Row | None:
        """Returns a combination, if it is still one."""
        dealt = deal(identity, self.children)
        if dealt is None:
            return None
        row: Row = ()
        values = set()
        for child, part in zip(self.children, dealt, strict=True):
            if part:
                found = child.at(part, state)
                if found is None:
                    return None
                values.add(child.join_value(found))
                row += found
        if len(values) != 1 or identify(row) != identity:
            return None
        bucket = _Bucket(self, section(self.number, ROWS) + valued(values.pop()), state, ())
        return row if self._taking_part(bucket) == [at for at, part in enumerate(dealt) if part] else None

    def join_value(self, row: Row) -> bytes:
        """Returns what the rows have in common."""
        child = next(child for child in self.children if child.owns(row[0]))
        return child.join_value(part_of(child, row))

    def unpack(self, at: int, entry: _Entry, state: State) -> Row:
        """Returns the row of an input that an entry stands for."""
        key, data = entry
        fields = unpack(data)
        child = self.children[at]
        if not isinstance(child, Leaf):
            return tuple(self._items.unpack(one, state) for one in fields[0])
        hash, size, is_folder, *more = fields
        path = more[0] if more else key[value_end(key) + 2 :].decode()
        if child.spec.reference:
            return (self._items.look(child.number, path, state),)
        return (child.item(path, hash, size, is_folder=is_folder),)

    def _taking_part(self, bucket: "_Bucket") -> list[int]:
        """Returns the inputs that are combined for a value: all, or where one has no rows, the outer ones that have."""
        present = [at for at in range(len(self.children)) if bucket.has(at)]
        if len(present) == len(self.children):
            return present
        return [at for at in present if self._outer[at]]

    def key(self, at: int, row: Row) -> bytes:
        """Returns where the index holds a row of an input."""
        child = self.children[at]
        if isinstance(child, Leaf):
            tail, _ = tail_of(_only(row).path)
        else:
            tail = blake3(encode(identify(row))).digest()
        return section(self.number, ROWS) + valued(child.join_value(row)) + slotted(at) + tail

    def _pack(self, at: int, row: Row) -> bytes:
        if not isinstance(self.children[at], Leaf):
            return pack([[self._items.pack(item) for item in row]], label_of(row))
        item = _only(row)
        _, is_whole = tail_of(item.path)
        held = [None, 0, False] if item.reference else [item.hash, item.size, item.is_folder]
        return pack(held if is_whole else [*held, item.path], item.path)


class _Bucket:
    """The entries of one value in one state: held where they are few, read where they are many."""

    def __init__(
        self, join: Join, start: bytes, state: State, entries: Sequence[_Entry] | None = None
    ) -> None:
        self.join, self.start, self.state = join, start, state
        if entries is None:
            entries = list(islice(join.index.below(start, state), _HELD + 1))
        self.is_held = 0 < len(entries) <= _HELD
        self._by_input: defaultdict[int, list[_Entry]] = defaultdict(list)
        if self.is_held:
            for entry in entries:
                self._by_input[int.from_bytes(entry[0][len(start) : len(start) + 2], "big")].append(entry)

    def entries(self, at: int) -> Iterator[_Entry]:
        """Yields the entries of one input."""
        if self.is_held:
            return iter(self._by_input.get(at, ()))
        return self.join.index.below(self.start + slotted(at), self.state)

    def has(self, at: int) -> bool:
        """Tells whether there are any of one input."""
        return next(self.entries(at), None) is not None


class _Part:
    """The rows of one input that have one value, as a part of a product."""

    def __init__(self, join: Join, at: int, old: _Bucket, new: _Bucket) -> None:
        self._join, self._at, self._buckets = join, at, (old, new)

    def rows(self, state: State) -> Iterator[Row]:
        unpack = self._join.unpack
        return (unpack(self._at, entry, state) for entry in self._buckets[state].entries(self._at))

    def changes(self) -> Iterator[RowChange]:
        for key, before, after in self._differences():
            old = None if before is None else self._join.unpack(self._at, (key, before), OLD)
            new = None if after is None else self._join.unpack(self._at, (key, after), NEW)
            if old is None or new is None or not is_same(old, new):
                yield RowChange(old, new)

    def find(self, row: Row, state: State) -> Row | None:
        key = self._join.key(self._at, row)
        data = self._join.index.get(key, state)
        return None if data is None else self._join.unpack(self._at, (key, data), state)

    def _differences(self) -> Iterator[tuple[bytes, bytes | None, bytes | None]]:
        old, new = self._buckets
        if old.is_held and new.is_held:
            before, after = dict(old.entries(self._at)), dict(new.entries(self._at))
            for key in before.keys() | after.keys():
                if before.get(key) != after.get(key):
                    yield key, before.get(key), after.get(key)
            return
        start = new.start + slotted(self._at)
        for key, was, now in self._join.index.differences(start):
            yield key, None if was is None else was[1], None if now is None else now[1]


def _only(row: Row) -> DatumInput:
    (item,) = row
    assert isinstance(item, DatumInput), "a leaf gives files and folders"
    return item
