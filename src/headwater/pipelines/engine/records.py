"""The values of the map trees that belong to a pipeline: meta, memo, owner and unfinished.

Meta and memo say what a datum produced. Where that is a few small files, they
stand in the value itself with their pointers beside it, so that a datum costs
no tree of its own; else the value names the root of a small file tree with
exactly its output files. Meta is kept per output commit under the datum key,
memo per pipeline under the memo key. See docs/format/commits.md.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

import msgspec

from headwater.pipelines.errors import shortened
from headwater.storage import Content, FileEntry, MapEntry, Pointer, Storage

FORMAT = 2
SMALL_BYTES = 1 << 20  # what is larger has a chunk list, which is followed from file trees only
# A value of a tree has at most 4,096 bytes; the shares of what can be long.
LABEL_BYTES = 600
_STATS_BYTES = 900
_LOCATOR_BYTES = 900
_ERROR_BYTES = 450
_INLINE_FILES = 8
_INLINE_PATHS_BYTES = 1_000
_PER_FILE_BYTES = 48
DatumState = Literal["succeeded", "failed", "recovered"]


class InlineFile(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An output file that stands in the record; its pointer is beside it, unless it is empty."""

    path: str
    hash: bytes
    size: int
    executable: bool


class Told(msgspec.Struct, frozen=True, array_like=True):
    """What a failed datum's code said, shortened."""

    kind: str
    message: str
    hint: str


class DatumRecord(msgspec.Struct, frozen=True, array_like=True):
    """What one datum produced: version first, so that other forms can be told apart.

    `output` is the identity hash of its output tree, empty where its files
    stand in `inline`. `job` is the one that it ran in, `log` the hash of what
    its code printed, `log_size` bytes; `locator` is what a planner finds the datum by again,
    empty where that is long. Pointers beside the value: that of the tree, or of each
    inline file that is not empty, then that of the log.
    """

    format: int
    memo: bytes
    state: DatumState
    code: str
    output: bytes
    files: int
    size: int
    label: str
    stats: dict[str, Any]
    job: str = ""
    inline: tuple[InlineFile, ...] = ()
    log: bytes = b""
    error: Told | None = None
    locator: bytes = b""
    log_size: int = 0


class Known(NamedTuple):
    """A record, and the pointers that stand beside it."""

    record: DatumRecord
    places: tuple[Pointer, ...]

    def contents(self, storage: Storage) -> Iterator[tuple[str, Content]]:
        """Yields the datum's output files in the order of their paths."""
        record = self.record
        if record.inline:
            rest = iter(self.places)
            for one in record.inline:
                place = next(rest) if one.size else None
                yield one.path, Content(one.hash, one.size, one.executable, place)
        elif record.files:
            entries: Iterator[FileEntry] = storage.tree(self.places[0]).entries()
            yield from ((entry.path, entry.content) for entry in entries)

    def paths(self, storage: Storage) -> Iterator[str]:
        """Yields the paths of the datum's output files."""
        if self.record.inline:
            return iter([one.path for one in self.record.inline])
        return (path for path, _ in self.contents(storage))

    @property
    def log_place(self) -> Content | None:
        """What the datum's code printed, as a content to read; none where it was silent."""
        if not self.record.log:
            return None
        place = self.places[-1]
        return Content(self.record.log, self.record.log_size, executable=False, place=place)


def known_of(entry: MapEntry) -> Known:
    """Returns what an entry of a meta or memo tree says."""
    return Known(decode_record(entry.value), entry.places)


def fits_inline(contents: Mapping[str, Content]) -> bool:
    """Tells whether output files can stand in the record."""
    return (
        len(contents) <= _INLINE_FILES
        and all(one.size <= SMALL_BYTES for one in contents.values())
        and (sum(len(path.encode()) + _PER_FILE_BYTES for path in contents) <= _INLINE_PATHS_BYTES)
    )


def fitting_stats(data: bytes) -> dict[str, Any]:
    """Returns what of a call's statistics fits into a record: the first entries, as many as there is room for."""
    if not data:
        return {}
    try:
        told: dict[str, Any] = msgspec.msgpack.decode(data, type=dict[str, Any])
    except msgspec.MsgspecError:  # of no use to anybody, and no reason to lose the result
        return {}
    if len(data) <= _STATS_BYTES:
        return told
    kept: dict[str, Any] = {}
    left = _STATS_BYTES
    for name, value in told.items():
        left -= len(msgspec.msgpack.encode({name: value}))
        if left < 0:
            break
        kept[name] = value
    return kept


def fitting_error(kind: str, message: str, hint: str) -> Told:
    """Returns what of an error fits into a record."""
    return Told(kind[:100], _cut(message, _ERROR_BYTES), _cut(hint, _ERROR_BYTES))


def fitting_locator(locator: bytes) -> bytes:
    """Returns a locator as it stands in a record: not at all where it is too long."""
    return locator if len(locator) <= _LOCATOR_BYTES else b""


def as_of(known: Known, label: str, locator: bytes) -> Known:
    """Returns a result that another datum may have had first, as that of the one with this label and locator."""
    record = msgspec.structs.replace(
        known.record,
        format=FORMAT,
        label=shortened(label, LABEL_BYTES),
        locator=fitting_locator(locator),
    )
    return Known(record, known.places)


_ENCODER = msgspec.msgpack.Encoder(order="sorted")
_DECODER = msgspec.msgpack.Decoder(DatumRecord)


def encode_record(record: DatumRecord) -> bytes:
    """Returns the bytes of a record."""
    return _ENCODER.encode(record)


def decode_record(data: bytes) -> DatumRecord:
    """Returns the record that `encode_record` wrote, or that an earlier version did."""
    return _DECODER.decode(data)


class Owner(msgspec.Struct, frozen=True, array_like=True):
    """Which datum wrote a path."""

    format: int
    key: bytes


class Unfinished(msgspec.Struct, frozen=True, array_like=True):
    """A datum that a job still owes: what its planner finds it by again, and why it is owed."""

    format: int
    locator: bytes
    reason: str


def encode_owner(key: bytes) -> bytes:
    """Returns the value of an owner tree."""
    return _ENCODER.encode(Owner(1, key))


def owner_of(value: bytes) -> bytes:
    """Returns the datum key that the value of an owner tree names."""
    return msgspec.msgpack.decode(value, type=Owner).key


def encode_unfinished(locator: bytes, reason: str) -> bytes:
    """Returns the value of a tree of unfinished datums."""
    return _ENCODER.encode(Unfinished(FORMAT, locator, reason))


def locator_of(value: bytes) -> bytes:
    """Returns the locator that the value of a tree of unfinished datums holds."""
    return msgspec.msgpack.decode(value, type=Unfinished).locator


def _cut(text: str, most_bytes: int) -> str:
    encoded = text.encode()
    return text if len(encoded) <= most_bytes else encoded[: most_bytes - 3].decode(errors="ignore") + "…"
