"""The values of the map trees that belong to a pipeline: meta and memo.

Both say what a datum produced: the root of a small file tree with exactly its
output files. Meta is kept per output commit under the datum key and says what
the commit consists of; memo is kept per pipeline under the memo key and says
what need not be computed again. See docs/format.
"""

from typing import Any, Literal, NamedTuple

import msgspec

from headwater.storage import Pointer

FORMAT = 1
# A value of a tree has at most 4,096 bytes; the shares of what can be long.
LABEL_BYTES = 1_000
_STATS_BYTES = 2_000
DatumState = Literal["succeeded", "failed"]


class DatumRecord(msgspec.Struct, frozen=True, array_like=True):
    """What one datum produced: version byte first, so that later forms can be told apart.

    `output` is the identity hash of its output tree; where that tree lies is
    the pointer stored beside this value.
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


class Known(NamedTuple):
    """A record, and where the root of the datum's output tree lies; none for no output."""

    record: DatumRecord
    place: Pointer | None


def fitting_stats(data: bytes) -> dict[str, Any]:
    """Returns what of a call's statistics fits into a record: the first entries, as many as there is room for."""
    if not data:
        return {}
    try:
        told: dict[str, Any] = msgspec.msgpack.decode(data, type=dict[str, Any])
    except msgspec.MsgspecError:  # of no use to anybody, and no reason to lose the result
        return {}
    kept: dict[str, Any] = {}
    left = _STATS_BYTES
    for name, value in told.items():
        left -= len(msgspec.msgpack.encode({name: value}))
        if left < 0:
            break
        kept[name] = value
    return kept


def encode_record(record: DatumRecord) -> bytes:
    """Returns the bytes of a record."""
    return msgspec.msgpack.encode(record, order="sorted")


def decode_record(data: bytes) -> DatumRecord:
    """Returns the record that `encode_record` wrote."""
    return msgspec.msgpack.decode(data, type=DatumRecord)
