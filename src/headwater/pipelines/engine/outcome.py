"""Collects what a job's datums produced and builds its commit's trees of it, and the memo beside them.

Output = (what was there − all outputs of changed and dropped datums) + all new
outputs, as sets, so two datums may swap paths in one job. What arrives is kept
as sorted rows, on disk where it is much, and the trees are edited with
neighbours together: once per node, whatever the order of arrival.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import msgspec

from headwater.pipelines.engine.memo import Memo
from headwater.pipelines.engine.output import Output, Owned
from headwater.pipelines.engine.plan import Drop, Step
from headwater.pipelines.engine.records import (
    FORMAT,
    LABEL_BYTES,
    DatumRecord,
    InlineFile,
    Known,
    as_of,
    encode_record,
    encode_unfinished,
    fits_inline,
    fitting_error,
    fitting_locator,
    fitting_stats,
    owner_of,
)
from headwater.pipelines.engine.remaining import Remaining
from headwater.pipelines.engine.runs import Runs
from headwater.pipelines.errors import shortened
from headwater.pipelines.kind import DatumInput
from headwater.pipelines.sets import DatumResult
from headwater.repos import Trees
from headwater.storage import (
    Content,
    MapEntry,
    MapTree,
    Pointer,
    PortableFile,
    PortableOutput,
    Put,
    Storage,
    Tree,
    Writer,
    WrittenSegment,
    open_store,
    read_portable,
)

PARTS = "parts"
_SMALL_BYTES = 1 << 18
_AT_ONCE = 50_000
_LARGE = 5_000
_LONGEST_LOCATOR = 3_500
_SUMMED = ("fetch_s", "process_s", "store_s", "bytes_in", "bytes_out")
V = TypeVar("V")
Seal = Callable[[Mapping[str, bytes]], Mapping[str, bytes]]


@dataclass(frozen=True)
class Base:
    """The trees of the earlier job that this one starts from; empty ones for none."""

    output: Tree
    meta: MapTree
    owner: MapTree
    unfinished: MapTree


class _Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A record as it stands in a tree."""

    value: bytes
    places: tuple[Pointer, ...]
    is_plain: bool


def _entry(known: Known) -> _Entry:
    return _Entry(encode_record(known.record), known.places, not known.record.output)


class Outcome:
    """What a job has produced, on its way into trees."""

    def __init__(
        self, storage: Storage, writer: Writer, base: Base, job: str, remaining: Remaining | None = None
    ) -> None:
        """Takes what the trees are edited from and written with; `remaining` where what is there is doubted."""
        self._storage, self.writer, self._base, self._job = storage, writer, base, job
        self._remaining = remaining
        self._new: Runs[Owned] = Runs(Owned)
        self._gone: Runs[None] = Runs(None)
        self._meta: Runs[_Entry] = Runs(_Entry)
        self._memo: Runs[_Entry] = Runs(_Entry)
        self._dropped: Runs[None] = Runs(None)
        self._owed: Runs[bytes] = Runs(bytes)
        self._output = Output(writer, base.output, base.owner, self._new, self._gone)
        self._closing: bytes | None = None
        self._riding: dict[str, PortableFile] = {}
        self.counts: Counter[str] = Counter()
        self.stats: Counter[str] = Counter()
        self.can_be_found_again = True

    @property
    def is_large(self) -> bool:
        """Whether building its trees takes a while."""
        return len(self._meta) + len(self._dropped) > _LARGE

    def drop(self, drop: Drop) -> None:
        """Takes away a datum that is no more."""
        self.counts["dropped"] += 1
        self._dropped.add(drop.key, None)
        self._take_away(drop.was)

    def keep(self, step: Step) -> None:
        """Takes over a result that is known; nothing to do where it is there already."""
        known = step.known
        assert known is not None, "only known results are kept"
        if not step.changes:
            return
        self._take_away(step.was)
        entry = _entry(as_of(known, step.datum.label, step.datum.locator))
        self._meta.add(step.key, entry)
        self._memo.add(step.memo, entry)  # it was used: its time begins anew
        for path, content in known.contents(self._storage):
            self._new.add(path.encode(), Owned(step.key, content))

    def add(self, taken: Sequence[tuple[Step, DatumResult]], segments: Sequence[WrittenSegment]) -> None:
        """Takes results that ran in this job; failures too."""
        if segments:
            self.writer.adopt(PortableOutput((), tuple(segments)))
        stored = iter(self.writer.add_small(list(_riding(taken))))
        for step, result in taken:
            contents: dict[str, Content] = {}
            if result.state == "succeeded":
                for one in result.files:
                    file = one.file
                    contents[one.path] = (
                        next(stored)
                        if one.place is None
                        else Content(file.hash, file.size, file.executable, one.place)
                    )
            log = next(stored) if result.log else None
            self._add(step, result, contents, log)

    def close(
        self, step: Step, result: DatumResult, segments: Sequence[WrittenSegment], *, seal: Seal
    ) -> None:
        """Takes the result of the closing datum; `seal` is given its small files and returns more of them."""
        objects = open_store(self._storage.objects_url)
        small = {
            one.path: read_portable(one.file, objects)
            for one in result.files
            if one.file.size <= _SMALL_BYTES
        }
        self._closing = step.key
        sealed = seal(small)
        if segments:
            self.writer.adopt(PortableOutput((), tuple(segments)))
        contents = {one.path: self._content(one.file, one.place) for one in result.files}
        contents |= {path: self.writer.add(data) for path, data in sealed.items()}
        self._add(step, result, contents, None)

    def as_inputs(self, closing: bytes) -> tuple[DatumInput, ...]:
        """Returns every output file as an input `parts` of the closing datum, in the order of paths.

        Raises:
            OutputCollision: Two datums wrote one path.
        """
        self._closing = closing
        output, _ = self._output.edit(self._records())
        return tuple(
            DatumInput(PARTS, "", "", entry.path, entry.hash, self._storage.portable(entry))
            for entry in output.entries()
            if not self._is_closing(entry.path)
        )

    def trees(self, index: MapTree | None, *, whole: bool) -> Trees:
        """Returns the trees of the commit.

        Args:
            index: What the planner keeps for the next plan.
            whole: Whether all datums were gone through, so that nothing else can be owed.

        Raises:
            OutputCollision: Two datums wrote one path, or one a file where another has a folder.
        """
        meta = self._records()
        output, owner = self._output.edit(meta)
        return Trees(
            output=output,
            meta=meta,
            owner=owner,
            index=self._storage.map_tree(None) if index is None else index,
            unfinished=self._unfinished(whole=whole),
        )

    def remember(self, memo: Memo, now_ms: int) -> None:
        """Adds to the memo what has succeeded in this job, and what it has replaced."""
        chunks = _chunks(self._memo.sorted())
        memo.add(self.writer, ((_map_entries(some), _plain(some)) for some in chunks), self._storage, now_ms)

    def give_up(self) -> None:
        """Drops what was gathered and built; after the writer has published, nothing happens to that."""
        for runs in (self._new, self._gone, self._meta, self._memo, self._dropped, self._owed):
            runs.close()
        self.writer.abort()

    def _add(
        self, step: Step, result: DatumResult, contents: dict[str, Content], log: Content | None
    ) -> None:
        record, places = self._record(step, result, contents, log)
        entry = _entry(Known(record, places))
        self._count(record)
        self._take_away(step.was)
        self._meta.add(step.key, entry)
        if record.state != "succeeded":
            self._owe(step, record)
            return
        if step.key != self._closing:
            self._memo.add(step.memo, entry)
        for path, content in contents.items():
            self._new.add(path.encode(), Owned(step.key, content))

    def _record(
        self, step: Step, result: DatumResult, contents: dict[str, Content], log: Content | None
    ) -> tuple[DatumRecord, tuple[Pointer, ...]]:
        inline: tuple[InlineFile, ...] = ()
        output = b""
        places: list[Pointer | None] = []
        if fits_inline(contents):
            inline = tuple(
                InlineFile(path, one.hash, one.size, one.executable) for path, one in contents.items()
            )
            places += [one.place for one in contents.values()]
        else:
            puts = [Put(path, content) for path, content in contents.items()]
            tree = self.writer.edit(self._storage.tree(None), puts)
            output = tree.root_hash
            places.append(tree.root)
        error = result.error
        record = DatumRecord(
            format=FORMAT,
            memo=step.memo,
            state="succeeded" if result.state == "not-run" else result.state,
            code=step.datum.code,
            output=output,
            files=len(contents),
            size=sum(one.size for one in contents.values()),
            label=shortened(step.datum.label, LABEL_BYTES),
            stats=fitting_stats(result.stats),
            job=self._job,
            inline=inline,
            log=b"" if log is None else log.hash,
            error=None if error is None else fitting_error(error.kind, error.message, error.hint),
            locator=fitting_locator(step.datum.locator),
            log_size=0 if log is None else log.size,
        )
        if log is not None:
            places.append(log.place)
        return record, tuple(place for place in places if place is not None)

    def _count(self, record: DatumRecord) -> None:
        self.counts["run" if record.state == "succeeded" else record.state] += 1
        for name in _SUMMED:
            value = record.stats.get(name)
            if isinstance(value, int | float):
                self.stats[name] += value  # type: ignore[assignment]  # a counter adds up what numbers there are

    def _owe(self, step: Step, record: DatumRecord) -> None:
        locator = step.datum.locator
        if len(locator) > _LONGEST_LOCATOR:
            self.can_be_found_again = False  # the next plan goes through all datums
            return
        self._owed.add(step.key, encode_unfinished(locator, record.state))

    def _take_away(self, was: Known | None) -> None:
        """Takes away what a datum had produced; if the datum comes back as it was, the memo still knows it."""
        if was is None:
            return
        for path in was.paths(self._storage):
            self._gone.add(path.encode(), None)
        is_gone = self._remaining is not None and not self._remaining.has(was)
        if was.record.state == "succeeded" and was.record.format == FORMAT and not is_gone:
            self._memo.add(was.record.memo, _entry(was))

    def _content(self, file: PortableFile, place: Pointer | None) -> Content:
        if place is not None:
            return Content(file.hash, file.size, file.executable, place)
        return self.writer.add(b"".join(part.data or b"" for part in file.parts), executable=file.executable)

    def _is_closing(self, path: str) -> bool:
        value = self._base.owner.get(path.encode())
        return value is not None and owner_of(value) == self._closing

    def _records(self) -> MapTree:
        """Returns the meta tree."""
        if len(self._meta) + len(self._dropped) <= _AT_ONCE:  # as one edit
            rows = list(self._meta.sorted())
            gone = [key for key, _ in self._dropped.sorted()]
            return self.writer.edit_map(self._base.meta, _map_entries(rows), gone, plain=_plain(rows))
        tree = self._base.meta
        for dropped in _chunks(self._dropped.sorted()):
            tree = self.writer.edit_map(tree, (), [key for key, _ in dropped])
        for some in _chunks(self._meta.sorted()):
            tree = self.writer.edit_map(tree, _map_entries(some), plain=_plain(some))
        return tree

    def _unfinished(self, *, whole: bool) -> MapTree:
        tree = self._storage.map_tree(None) if whole else self._base.unfinished
        for runs in (self._dropped, self._meta):
            for settled in _chunks(runs.sorted()) if tree.root is not None else ():
                tree = self.writer.edit_map(tree, (), [row[0] for row in settled])
        for owed in _chunks(self._owed.sorted()):
            tree = self.writer.edit_map(tree, owed)
        return tree


def _chunks(rows: Iterator[V]) -> Iterator[list[V]]:
    while some := list(islice(rows, _AT_ONCE)):
        yield some


def _map_entries(rows: Sequence[tuple[bytes, _Entry]]) -> list[MapEntry]:
    return [MapEntry(key, entry.value, entry.places) for key, entry in rows]


def _plain(rows: Sequence[tuple[bytes, _Entry]]) -> set[bytes]:
    return {key for key, entry in rows if entry.is_plain}


def _riding(taken: Sequence[tuple[Step, DatumResult]]) -> Iterator[tuple[bytes, bool]]:
    for _, result in taken:
        if result.state == "succeeded":
            for one in result.files:
                if one.place is None:
                    yield b"".join(part.data or b"" for part in one.file.parts), one.file.executable
        if result.log:
            yield result.log, False
