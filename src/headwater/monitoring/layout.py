"""Where a prediction lies in its repo, and how lines of a spool become files of a commit.

`/<day>/<writer>/<last id>-<first id>.jsonl`: a day of UTC, the server that
wrote, and the ids at both ends. Ids are ULIDs and ascend per writer, and a
file never spans two days. So the file of an id is, for each of the few writers
of its day, the first one whose name is not before the id: one seek in the tree.
The last id stands first in the name since seeks go forward.

Values in, values out: neither repos nor disks are known here.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

import msgspec

from headwater.ids import CommitId

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ULID_LENGTH = 26
_TIME_LENGTH = 10
_TIME_BITS = 48

# A file is read whole to find one line, so it stays small; the 60 s of a busy endpoint become several.
FILE_BYTES = 4 * 1024 * 1024


class Line(msgspec.Struct, frozen=True):
    """What of a logged record must be known to file it; the rest is only checked to be JSON."""

    id: str
    model: str
    commit: CommitId


class Batch(msgspec.Struct, frozen=True):
    """One file to be: its path, its lines, and the model versions that answered in it."""

    path: str
    data: bytes
    records: int
    versions: frozenset[tuple[str, CommitId]]


_decoder = msgspec.json.Decoder(Line)


def read_line(line: bytes) -> Line | None:
    """Returns what `line` says, or none where it is not a whole record."""
    try:
        found = _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found if is_prediction_id(found.id) else None


def is_prediction_id(text: str) -> bool:
    """Tells whether `text` has the form of a prediction's id."""
    return len(text) == _ULID_LENGTH and text[0] in "01234567" and all(letter in _ALPHABET for letter in text)


def day_of(prediction: str) -> str:
    """Returns the day of UTC at which an id was made, such as `2026-11-21`."""
    ms = 0
    for letter in prediction[:_TIME_LENGTH]:
        ms = ms * len(_ALPHABET) + _ALPHABET.index(letter)
    days = (ms & ((1 << _TIME_BITS) - 1)) // 86_400_000
    try:
        return datetime.fromtimestamp(days * 86_400, UTC).strftime("%Y-%m-%d")
    except (ValueError, OverflowError):  # an id that somebody invented, thousands of years away
        return f"day-{days}"


def folder_of(day: str, writer: str) -> str:
    """Returns the folder of what one writer logged on one day."""
    return f"/{day}/{writer}"


def ends_of(name: str) -> tuple[str, str]:
    """Returns the first and the last id of a file, from its name."""
    last, _, first = name.rpartition("/")[2].removesuffix(".jsonl").partition("-")
    return first, last


def batches(
    lines: Iterable[tuple[bytes, Line]],
    writer: str,
    last_committed: Callable[[str, str], str | None],
    *,
    file_bytes: int = FILE_BYTES,
) -> Iterator[Batch]:
    """Yields the files that lines of one writer become, leaving out what is committed already.

    Args:
        lines: Records in ascending order of their ids, with their text.
        writer: Who wrote them.
        last_committed: For a day and an id of it: the last id that this
            writer has in a commit of that day, at or after the given id.
        file_bytes: About how large a file may become.
    """
    day, done = "", None
    pending: list[tuple[bytes, Line]] = []
    size = 0
    for text, line in lines:
        today = day_of(line.id)
        if today != day or size >= file_bytes:
            if pending:
                yield _batch(day, writer, pending)
            pending, size = [], 0
        if today != day:
            day, done = today, last_committed(today, line.id)
        if done is None or line.id > done:
            pending.append((text, line))
            size += len(text) + 1
    if pending:
        yield _batch(day, writer, pending)


def _batch(day: str, writer: str, lines: list[tuple[bytes, Line]]) -> Batch:
    first, last = lines[0][1].id, lines[-1][1].id
    return Batch(
        path=f"{folder_of(day, writer)}/{last}-{first}.jsonl",
        data=b"".join(text + b"\n" for text, _ in lines),
        records=len(lines),
        versions=frozenset((line.model, line.commit) for _, line in lines),
    )
