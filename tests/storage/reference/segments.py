"""Pointers, blocks and segments of docs/format/segments.md, every block unpacked."""

from tests.storage.reference.hashes import column, derived, number
from tests.storage.reference.trees import Place

CONTENT, CHUNK, CHUNK_LIST, FILE_NODE, MAP_NODE, COMMIT_RECORD, TOMBSTONE = range(1, 8)


def pointer(hash: bytes, place: Place) -> bytes:
    return hash + number(place.segment, 8) + number(place.offset, 4) + number(place.length, 4)


def block(kind: int, payload: bytes) -> bytes:
    return bytes([kind * 16]) + payload


def sections(hash: bytes, identity: bytes, location: bytes) -> bytes:
    check = derived("location", hash + location)[:16]
    return number(len(identity), 4) + check + identity + location


def segment(id: int, blocks: list[tuple[bytes, bytes]]) -> bytes:
    """Returns a segment of blocks, each given with its hash."""
    body = b"HWSEG/01" + number(id, 8)
    offsets = []
    for _, one in blocks:
        offsets.append(len(body))
        body += one
    footer = (
        number(len(blocks), 4)
        + bytes(one[0] for _, one in blocks)
        + b"".join(hash for hash, _ in blocks)
        + column(offsets, 4)
        + column([len(one) for _, one in blocks], 4)
    )
    check = derived("footer", number(id, 8) + footer)[:16]
    return body + footer + number(len(footer), 4) + check + b"HWSEGEND"
