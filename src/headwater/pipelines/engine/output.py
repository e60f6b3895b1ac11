"""Makes one output tree of what many datums wrote: (what was there − what went) + what is new, as sets.

Both lists come sorted by path, so two datums with one path are neighbours,
and a path that passes from one datum to another is in both.
"""

from collections.abc import Iterator
from itertools import islice

import msgspec

from headwater.pipelines.engine.records import decode_record, encode_owner, owner_of
from headwater.pipelines.engine.runs import Runs
from headwater.pipelines.errors import OutputCollision
from headwater.storage import Content, Delete, Edit, MapEntry, MapTree, PathCollision, Put, Tree, Writer

_AT_ONCE = 50_000


class Owned(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An output file of this job, and the datum that wrote it."""

    key: bytes
    content: Content


class Output:
    """The output of a job and its owners, on their way from one state to the next."""

    def __init__(
        self, writer: Writer, before: Tree, owner: MapTree, new: Runs[Owned], gone: Runs[None]
    ) -> None:
        """Takes what was there and what changes."""
        self._writer, self._before, self._owner = writer, before, owner
        self._new, self._gone = new, gone

    def edit(self, meta: MapTree) -> tuple[Tree, MapTree]:
        """Returns the output tree and the one that says who wrote what.

        Args:
            meta: The job's records, which say what datums are called.

        Raises:
            OutputCollision: Two datums wrote one path, or one a file where another has a folder.
        """
        output, owner = self._before, self._owner
        try:
            if len(self._new) + len(self._gone) <= _AT_ONCE:
                return self._edit(output, owner, list(self._joined(meta)))
            for puts in (False, True):  # first all that goes: a folder may stand where a file stood
                rows = (row for row in self._joined(meta) if (row[1] is not None) == puts)
                while some := list(islice(rows, _AT_ONCE)):
                    output, owner = self._edit(output, owner, some)
        except PathCollision as collision:
            raise self._collision(collision, meta) from None
        return output, owner

    def _edit(
        self, output: Tree, owner: MapTree, rows: list[tuple[bytes, Owned | None]]
    ) -> tuple[Tree, MapTree]:
        if not rows:
            return output, owner
        edits: list[Edit] = [
            Delete(path.decode()) if new is None else Put(path.decode(), new.content) for path, new in rows
        ]
        gone = [path for path, new in rows if new is None]
        puts = [MapEntry(path, encode_owner(new.key)) for path, new in rows if new is not None]
        return self._writer.edit(output, edits), self._writer.edit_map(owner, puts, gone)

    def _joined(self, meta: MapTree) -> Iterator[tuple[bytes, Owned | None]]:
        """Yields each path that changes with what is new there; checks that nobody else has or writes it."""
        gone = self._gone.sorted()
        going = next(gone, None)
        last: tuple[bytes, Owned] | None = None
        for path, new in self._new.sorted():
            if last is not None and last[0] == path:
                raise OutputCollision(path.decode(), *(_label(meta, owned.key) for owned in (last[1], new)))
            last = path, new
            while going is not None and going[0] < path:
                yield going[0], None
                going = _behind(gone, going[0])
            if going is not None and going[0] == path:
                going = _behind(gone, path)
            elif self._owner.root is not None:
                owner = self._owner.get(path)
                if owner is not None:
                    raise OutputCollision(path.decode(), _label(meta, owner_of(owner)), _label(meta, new.key))
            yield path, new
        while going is not None:
            yield going[0], None
            going = _behind(gone, going[0])

    def _collision(self, collision: PathCollision, meta: MapTree) -> OutputCollision:
        wanted = {collision.file.encode(): "", collision.below.encode(): ""}
        for path in wanted:
            owner = self._owner.get(path)
            if owner is not None:
                wanted[path] = _label(meta, owner_of(owner))
        for path, new in self._new.sorted():
            if path in wanted:
                wanted[path] = _label(meta, new.key)
        first, second = wanted[collision.file.encode()], wanted[collision.below.encode()]
        return OutputCollision(collision.file, first, second, below=collision.below)


def _behind(rows: Iterator[tuple[bytes, None]], key: bytes) -> tuple[bytes, None] | None:
    """Returns the first row behind a key: of one path only the first counts."""
    return next((row for row in rows if row[0] > key), None)


def _label(meta: MapTree, key: bytes) -> str:
    value = meta.get(key)
    return key.hex() if value is None else decode_record(value).label
