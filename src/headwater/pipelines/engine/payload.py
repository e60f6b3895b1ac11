"""Packs steps into the payload of a datum set: what their code sees, each piece once.

Datums of one set often share an input (a model beside each of a thousand
reviews); it is looked up and packed once. Files that lie in the object store
go as names and extents, small ones that lie in the catalog as bytes.
"""

from collections.abc import Iterator, Sequence

import msgspec

from headwater.pipelines.engine.plan import Step
from headwater.pipelines.kind import Datum, DatumInput, Members
from headwater.pipelines.sets import DatumCall, LiveSpot, Piece, SetPayload
from headwater.pipelines.spec import FilesInput
from headwater.repos import View
from headwater.storage import PortableFile, Reservation, Storage

_encode = msgspec.msgpack.Encoder().encode


class Pieces:
    """Looks up what datums see, in the job's commits."""

    def __init__(self, storage: Storage, leaves: Sequence[View], inputs: Sequence[FilesInput]) -> None:
        """Takes the commits by the places of the inputs in the spec, and what the spec says of each."""
        self._storage, self._leaves, self._inputs = storage, leaves, inputs

    def piece(self, item: DatumInput) -> Piece:
        """Returns what a datum sees of one input."""
        said = self._inputs[item.leaf] if item.leaf < len(self._inputs) else None
        is_empty = said is not None and said.empty_files
        files = tuple(self._files(item, is_empty=is_empty))
        is_lazy = said is not None and said.lazy
        return Piece(item.leaf, item.input, item.path, item.is_folder, files, is_lazy, is_empty)

    def _files(self, item: DatumInput, *, is_empty: bool) -> Iterator[tuple[str, PortableFile]]:
        if item.file is not None:
            yield item.path, item.file
            return
        tree = self._leaves[item.leaf].tree
        if item.is_folder:
            path = item.path.strip("/")
            entries = tree.entries(f"{path}/" if path else "")
        else:
            entry = tree.get(item.path)
            entries = iter([] if entry is None else [entry])
        for entry in entries:
            if is_empty:
                yield entry.path, PortableFile(entry.hash, entry.size, entry.executable, ())
            else:
                yield entry.path, self._storage.portable(entry)


class SetBuilder:
    """One datum set that is being put together."""

    def __init__(self, pieces: Pieces) -> None:
        """Begins an empty set."""
        self._pieces = pieces
        self._numbers: dict[tuple[int, str, bytes], int] = {}
        self._made: list[Piece] = []
        self._seen: list[tuple[int, ...]] = []
        self._keys: set[bytes] = set()
        self.steps: list[Step] = []
        self.size = self.inline = 0

    def has(self, key: bytes) -> bool:
        """Tells whether a datum is in the set."""
        return key in self._keys

    def add(self, step: Step) -> None:
        """Takes a step."""
        self._keys.add(step.key)
        self._seen.append(tuple(self._number(item) for item in each_input(step.datum)))
        self.steps.append(step)

    def payload(
        self,
        store: str,
        recipe: bytes,
        reservation: Reservation,
        last: Sequence[bool],
        live: LiveSpot | None = None,
    ) -> bytes:
        """Returns the bytes to hand out.

        Args:
            store: What the object store is opened by.
            recipe: How the datums are run.
            reservation: The segments that may be written.
            last: Whether this is a datum's last try, for each.
            live: Where the set shows what it prints while it runs; nowhere when none.
        """
        calls = tuple(
            DatumCall(step.key, step.datum.label, seen, step.datum.params, is_last_try=is_last)
            for step, seen, is_last in zip(self.steps, self._seen, last, strict=True)
        )
        return _encode(SetPayload(store, recipe, tuple(self._made), calls, reservation, live))

    def _number(self, item: DatumInput) -> int:
        name = (item.leaf, item.path, item.hash)
        number = self._numbers.get(name) if item.file is None else None
        if number is None:
            number = self._numbers[name] = len(self._made)
            piece = self._pieces.piece(item)
            self._made.append(piece)
            for _, file in piece.files:
                self.size += file.size
                self.inline += sum(len(part.data) for part in file.parts if part.data is not None)
        return number


def each_input(datum: Datum) -> Iterator[DatumInput]:
    """Yields all that a datum's code sees, the members of groups one by one."""
    for item in datum.inputs:
        if isinstance(item, Members):
            yield from item.each()
        else:
            yield item
