"""Looks at the bytes of segments: whole or not, and which block is not what its hash says."""

from collections.abc import Iterator
from typing import NamedTuple

from headwater.storage.block import Damaged, Kind, content_of, sections_of
from headwater.storage.care.store import Lying
from headwater.storage.care.values import FindingKind
from headwater.storage.segment import ListedBlock, listed_blocks

_SECTIONED = frozenset({Kind.CHUNK_LIST, Kind.FILE_NODE, Kind.MAP_NODE})


class Damage(NamedTuple):
    """What is wrong with a segment: with one block of it, or with all where there is none."""

    kind: FindingKind
    lying: Lying
    why: str
    block: ListedBlock | None = None

    @property
    def place(self) -> tuple[int, int]:
        """Segment and offset; offset 0, where no block is, stands for the whole segment."""
        return self.lying.id, 0 if self.block is None else self.block.offset


def examine(lying: Lying, data: bytes | None) -> list[Damage]:
    """Returns what is wrong with the bytes of a segment; none means that they are not there at all."""
    if data is None:
        if lying.object is None:
            return [Damage("bytes-missing", lying, "the catalog has lost its bytes")]
        return [Damage("object-missing", lying, "the object is not there")]
    if len(data) != lying.length:
        why = f"there are {len(data)} bytes of {lying.length}"
        return [Damage("object-cut-off" if lying.object else "segment-damaged", lying, why)]
    try:
        blocks = list(listed_blocks(lying.id, data))
    except Damaged as damage:
        return [Damage("segment-damaged", lying, str(damage))]
    return list(_bad_blocks(lying, data, blocks))


def check_block(block: ListedBlock, data: bytes | memoryview) -> None:
    """Makes sure that a block holds what its hash says.

    Raises:
        Damaged: It does not.
    """
    if not len(data) or data[0] != block.tag:
        raise Damaged("its tag is not that which the footer lists")
    try:
        kind = block.kind
    except ValueError:
        raise Damaged(f"its tag is {block.tag:#04x}, which does not exist") from None
    if kind in _SECTIONED:
        sections_of(data, kind, block.hash)
    else:
        content_of(data, kind, block.hash)


def _bad_blocks(lying: Lying, data: bytes, blocks: list[ListedBlock]) -> Iterator[Damage]:
    view = memoryview(data)
    for block in blocks:
        try:
            check_block(block, view[block.offset : block.offset + block.length])
        except Damaged as damage:
            yield Damage("block-damaged", lying, str(damage), block)
