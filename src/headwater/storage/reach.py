"""Which segments something relies on: all that a pointer leads to, directly or through trees and chunk lists."""

from collections.abc import Iterable, Iterator

from headwater.storage.block import Kind
from headwater.storage.content import SMALL_BYTES
from headwater.storage.nodes import Nodes
from headwater.storage.reading import read_chunks
from headwater.storage.values import Content, Pointer


def segments_under(nodes: Nodes, places: Iterable[Pointer]) -> set[int]:
    """Returns the segments of everything that can be reached from some blocks, their own included."""
    found: set[int] = set()
    seen: set[tuple[int, int]] = set()
    waiting = list(places)
    while waiting:
        place = waiting.pop()
        if (place.segment, place.offset) in seen:
            continue
        seen.add((place.segment, place.offset))
        found.add(place.segment)
        waiting += _next(nodes, place)
    return found


def segments_of_content(nodes: Nodes, content: Content) -> set[int]:
    """Returns the segments that a file's bytes lie in, with that of its chunk list."""
    found = {chunk.place.segment for chunk in read_chunks(nodes.source, content)}
    return found if content.place is None else found | {content.place.segment}


def _next(nodes: Nodes, place: Pointer) -> Iterator[Pointer]:
    kind = Kind(nodes.source.block(place.segment, place.offset, 1)[0] >> 4)
    if kind not in {Kind.FILE_NODE, Kind.MAP_NODE}:
        return
    node = nodes.root(kind, place)
    for row in node.rows():
        if node.level or kind is Kind.FILE_NODE:
            yield from _next_of_row(nodes, row, is_file=node.level == 0)
        else:
            yield from row[2]


def _next_of_row(
    nodes: Nodes, row: tuple[bytes, bytes, int, int, int, int, int], *, is_file: bool
) -> Iterator[Pointer]:
    _, hash, size, _, segment, offset, length = row
    if not segment:
        return
    place = Pointer(hash, segment, offset, length)
    yield place
    if is_file and size > SMALL_BYTES:
        for chunk in read_chunks(nodes.source, Content(hash, size, executable=False, place=place)):
            yield chunk.place
