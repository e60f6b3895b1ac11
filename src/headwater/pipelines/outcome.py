"""Builds the trees of a job's commit from what its datums produced, and the memo beside them.

Output = (what was there − all outputs of changed and dropped datums) + all new
outputs, as sets, so two datums may swap paths in one job. Each datum's own
outputs are a small tree too, to which meta and memo point: that is how they
are found when the datum changes, is dropped, or is recalled.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection

from headwater.db import Catalog
from headwater.pipelines import store
from headwater.pipelines.compute import Fresh
from headwater.pipelines.errors import OutputCollision, shortened
from headwater.pipelines.kind import DatumInput
from headwater.pipelines.plan import Step
from headwater.pipelines.records import (
    FORMAT,
    LABEL_BYTES,
    DatumRecord,
    Known,
    decode_record,
    encode_record,
    fitting_stats,
)
from headwater.repos import Commit, Trees
from headwater.storage import (
    Content,
    Delete,
    FileEntry,
    MapEntry,
    MapTree,
    PathCollision,
    Pointer,
    PortableFile,
    Put,
    SegmentsGone,
    Storage,
    Tree,
    Writer,
    open_store,
    read_portable,
)

PARTS = "parts"
_SMALL_BYTES = 1 << 18
Seal = Callable[[Mapping[str, bytes]], Mapping[str, bytes]]


@dataclass(frozen=True)
class Result:
    """A datum of this job and what it produced: freshly, or known from before."""

    step: Step
    fresh: Fresh | None
    known: Known | None
    is_closing: bool = False


@dataclass(frozen=True)
class Base:
    """The trees of the last finished commit, and its records by datum key."""

    output: Tree
    meta: MapTree
    owner: MapTree
    known: Mapping[bytes, Known]


def load_base(storage: Storage, previous: Commit | None) -> Base:
    """Returns the trees that a job builds on; empty ones for a pipeline's first.

    Reads the whole meta tree, and a kind gives all its datums: O(datums) reads
    and memory per job, though what is computed and written follows the change.
    Fine for the few datums of a training; a pipeline over millions of files
    needs a plan from the inputs' difference, and this to be looked up per key.
    """
    roots = None if previous is None else previous.roots
    meta = storage.map_tree(None if roots is None else roots.meta)
    return Base(
        output=storage.tree(None if roots is None else roots.output),
        meta=meta,
        owner=storage.map_tree(None if roots is None else roots.owner),
        known={entry.key: _known(entry) for entry in meta.entries()},
    )


class Memo:
    """The memo tree of a pipeline: what each memo key produced."""

    def __init__(self, tree: MapTree) -> None:
        """Reads nothing yet."""
        self.tree = tree

    def recall(self, key: bytes) -> Known | None:
        """Returns what was produced under a memo key."""
        entry = self.tree.entry(key)
        return None if entry is None else _known(entry)

    def check(self, conn: Connection, pipeline: store.PipelineRow) -> None:
        """Makes sure that it is still the pipeline's, for a purge forgets it with what it leads to.

        Raises:
            SegmentsGone: It was forgotten meanwhile.
        """
        root = self.tree.root
        if store.memo_root(conn, pipeline) != (None if root is None else root.encode()):
            raise SegmentsGone([] if root is None else [root.segment])


def open_memo(catalog: Catalog, storage: Storage, pipeline: store.PipelineRow) -> Memo:
    """Returns the pipeline's memo as it is now."""
    with catalog.read() as conn:
        root = store.memo_root(conn, pipeline)
    return Memo(storage.map_tree(None if root is None else Pointer.decode(root)))


class Outcome:
    """What a job has produced, on its way into one transaction."""

    def __init__(self, storage: Storage, pipeline: store.PipelineRow, results: Sequence[Result]) -> None:
        """Takes the results so far."""
        self._storage, self._pipeline, self._results = storage, pipeline, results
        self.writer: Writer = storage.writer()
        self._outputs: dict[bytes, tuple[DatumRecord, Pointer | None, dict[str, Content]]] = {}
        self._memo: MapTree | None = None
        self._memo_before: Memo | None = None

    def as_inputs(self) -> tuple[DatumInput, ...]:
        """Returns every output file as an input `parts` of the closing datum, in the order of paths.

        Raises:
            OutputCollision: Two datums wrote one path.
        """
        found: dict[str, tuple[str, DatumInput]] = {}
        for result in self._results:
            label = result.step.datum.label
            for path, file in self._files(result):
                if path in found:
                    raise OutputCollision(path, found[path][0], label)
                found[path] = (label, DatumInput(PARTS, "", "", path, file.hash, file))
        for path, (label, _) in found.items():
            for folder in _folders_above(path):
                if folder in found:
                    raise OutputCollision(folder, found[folder][0], label, below=path)
        return tuple(found[path][1] for path in sorted(found, key=str.encode))

    def build(self, base: Base, dropped: Sequence[bytes], *, seal: Seal) -> Trees:
        """Returns the trees of the finished commit.

        Args:
            base: What they are built on.
            dropped: Datum keys that are no more.
            seal: Given the closing datum's small files, returns more of them.

        Raises:
            OutputCollision: Two datums wrote one path.
        """
        for result in self._results:
            self._add(result, seal if result.is_closing else None)
        replaced = [known for key in dropped if (known := base.known.get(key)) is not None]
        replaced += [
            result.step.was
            for result in self._results
            if result.step.was is not None and result.step.was is not result.known
        ]
        changed = [
            result for result in self._results if result.known is None or result.known is not result.step.was
        ]
        gone = [entry.path for known in replaced for entry in self._tree(known).entries()]
        fresh = self._owned(changed, base, frozenset(gone))
        puts = [Put(path, content) for path, (content, _) in fresh.items()]
        deletes = [Delete(path) for path in gone if path not in fresh]
        try:
            output = self.writer.edit(base.output, [*deletes, *puts])
        except PathCollision as collision:
            raise self._collision(collision, fresh, base) from None
        return Trees(
            output=output,
            meta=self.writer.edit_map(
                base.meta, [self._entry(result.step.key, result.step.key) for result in changed], dropped
            ),
            owner=self.writer.edit_map(
                base.owner,
                [MapEntry(path.encode(), _owner(key)) for path, (_, key) in fresh.items()],
                [path.encode() for path in gone if path not in fresh],
            ),
        )

    def prepare_memo(self, memo: Memo | None) -> None:
        """Adds what ran in this job to the memo where there is one, and makes everything durable that is large.

        The closing datum is left out: it is made anew for each version.
        """
        if memo is None:
            self.writer.seal()
            return
        ran = [result for result in self._results if result.fresh is not None and not result.is_closing]
        for result in ran:
            if result.step.key not in self._outputs:
                self._add(result, None)
        if ran:
            self._memo_before = memo
            self._memo = self.writer.edit_map(
                memo.tree, [self._entry(result.step.memo, result.step.key) for result in ran], ()
            )
        self.writer.seal()

    def give_up(self) -> None:
        """Drops what was built; only for a result that no transaction has taken."""
        self.writer.abort()

    def publish_memo(self, conn: Connection) -> None:
        """Makes everything built visible, and the memo its pipeline's, in the caller's transaction.

        Raises:
            SegmentsGone: The memo that it was built on was forgotten meanwhile.
        """
        if self._memo_before is not None:
            self._memo_before.check(conn, self._pipeline)
        self.writer.publish(conn)
        if self._memo is not None:
            root = self._memo.root
            store.set_memo_root(conn, self._pipeline, None if root is None else root.encode())

    def _add(self, result: Result, seal: Seal | None) -> None:
        if result.fresh is None:
            assert result.known is not None, "a result is fresh or known"
            contents = {entry.path: entry.content for entry in self._entries(result)}
            self._outputs[result.step.key] = (result.known.record, result.known.place, contents)
            return
        contents = self.writer.adopt(result.fresh.output)
        if seal is not None:
            contents |= {
                path: self.writer.add(data) for path, data in seal(self._small(result.fresh)).items()
            }
        tree = self.writer.edit(
            self._storage.tree(None), [Put(path, content) for path, content in contents.items()]
        )
        record = DatumRecord(
            format=FORMAT,
            memo=result.step.memo,
            state="succeeded",
            code=result.step.datum.code,
            output=tree.root_hash,
            files=tree.files,
            size=tree.size,
            label=shortened(result.step.datum.label, LABEL_BYTES),
            stats=fitting_stats(result.fresh.stats),
        )
        self._outputs[result.step.key] = (record, tree.root, contents)

    def _owned(
        self, changed: Sequence[Result], base: Base, gone: frozenset[str]
    ) -> dict[str, tuple[Content, bytes]]:
        labels = {result.step.key: result.step.datum.label for result in self._results}
        fresh: dict[str, tuple[Content, bytes]] = {}
        for result in changed:
            key = result.step.key
            for path, content in self._outputs[key][2].items():
                if path in fresh:
                    raise OutputCollision(path, labels[fresh[path][1]], labels[key])
                owner = None if path in gone else base.owner.get(path.encode())
                if owner is not None:
                    other = msgspec.msgpack.decode(owner)[1]
                    raise OutputCollision(path, labels.get(other, other.hex()), labels[key])
                fresh[path] = (content, key)
        return fresh

    def _collision(
        self, collision: PathCollision, fresh: Mapping[str, tuple[Content, bytes]], base: Base
    ) -> OutputCollision:
        labels = {result.step.key: result.step.datum.label for result in self._results}

        def writer_of(path: str) -> str:
            owner = base.owner.get(path.encode())
            key = fresh[path][1] if path in fresh else msgspec.msgpack.decode(owner)[1] if owner else b""
            return labels.get(key, key.hex())

        file, below = collision.file, collision.below
        return OutputCollision(file, writer_of(file), writer_of(below), below=below)

    def _files(self, result: Result) -> Iterator[tuple[str, PortableFile]]:
        if result.fresh is not None:
            yield from ((one.path, one.file) for one in result.fresh.output.files)
        else:
            yield from ((one.path, self._storage.portable(one)) for one in self._entries(result))

    def _small(self, fresh: Fresh) -> dict[str, bytes]:
        """Reads small outputs; their segments are not in the catalog's view yet, so straight from the objects."""
        objects = open_store(self._storage.objects_url)
        files = ((one.path, one.file) for one in fresh.output.files)
        return {path: read_portable(file, objects) for path, file in files if file.size <= _SMALL_BYTES}

    def _entry(self, under: bytes, key: bytes) -> MapEntry:
        record, place, _ = self._outputs[key]
        return MapEntry(under, encode_record(record), () if place is None else (place,))

    def _entries(self, result: Result) -> Iterator[FileEntry]:
        assert result.known is not None, "only known results have a tree already"
        return self._tree(result.known).entries()

    def _tree(self, known: Known) -> Tree:
        return self._storage.tree(known.place)


def _folders_above(path: str) -> Iterator[str]:
    at = path.find("/")
    while at > 0:
        yield path[:at]
        at = path.find("/", at + 1)


def _known(entry: MapEntry) -> Known:
    return Known(decode_record(entry.value), entry.places[0] if entry.places else None)


def _owner(key: bytes) -> bytes:
    return msgspec.msgpack.encode([FORMAT, key])
