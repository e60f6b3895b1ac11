"""Contents and chunks of docs/format/content.md, byte by byte."""

from functools import cache
from pathlib import Path

from tests.storage.reference.hashes import column, derived, number, plain
from tests.storage.reference.trees import Place, places

SMALL = 1_048_576
LEAST, AVERAGE, MOST = 1_048_576, 4_194_304, 16_777_216
S, L = 0x0000D93777537000, 0x0000D91767537000
GEAR_FILE = Path(__file__).parents[3] / "docs" / "format" / "gear.txt"


@cache
def gear() -> list[int]:
    return [int(word, 16) for word in GEAR_FILE.read_text("ascii").split()]


def cut(b: bytes | memoryview) -> int:
    r = len(b)
    if r <= LEAST:
        return r
    r = min(r, MOST)
    table, h = gear(), 0
    for p in range(LEAST, r - r % 2):
        h = (2 * h + table[b[p]]) % 2**64
        if h & (S if p < AVERAGE else L) == 0:
            return p
    return r


def cuts(data: bytes) -> list[int]:
    found, at = [], 0
    while at < len(data):
        found.append(cut(memoryview(data)[at:]))
        at += found[-1]
    return found


def chunk_list(hashes: list[bytes], lengths: list[int]) -> bytes:
    return bytes([1, 0, 0, 0]) + number(len(hashes), 4) + b"".join(hashes) + column(lengths, 4)


def chunk_location(given: list[Place]) -> bytes:
    return places(given)


def content_hash(data: bytes, lengths: list[int] | None = None) -> bytes:
    """Returns the hash of a file; `lengths` are those of its chunks, where they are known already."""
    if len(data) <= SMALL:
        return plain(data)
    lengths = lengths or cuts(data)
    ends = [sum(lengths[: n + 1]) for n in range(len(lengths))]
    hashes = [plain(data[end - length : end]) for end, length in zip(ends, lengths, strict=True)]
    return derived("large file", chunk_list(hashes, lengths))
