"""Trees of docs/format/trees.md: built whole, level by level, from all entries, without any cleverness."""

from dataclasses import dataclass, field
from typing import Any

from tests.storage.reference.hashes import column, derived, number, plain

CAP = 1_024


@dataclass(frozen=True)
class Place:
    segment: int = 0
    offset: int = 0
    length: int = 0


@dataclass(frozen=True)
class File:
    key: bytes
    hash: bytes
    size: int
    flags: int = 0
    place: Place = field(default_factory=Place)


@dataclass(frozen=True)
class Value:
    key: bytes
    value: bytes
    pointers: tuple[tuple[bytes, Place], ...] = ()

    @property
    def size(self) -> int:
        return len(self.value)


@dataclass(frozen=True)
class Child:
    key: bytes
    hash: bytes
    files: int
    size: int
    place: Place = field(default_factory=Place)


@dataclass(frozen=True)
class Built:
    root: bytes
    levels: list[list[Child]]  # for each level, an entry for each node of it


def is_boundary(level: int, key: bytes) -> bool:
    return plain(b"headwater/tree/1" + number(level, 1) + key)[0] & 0b111111 == 0


def identity(kind: str, level: int, entries: list[Any]) -> bytes:
    head = bytes([1, {"file": 1, "map": 2}[kind], level, 0]) + number(len(entries), 4)
    section = (
        head + column([len(entry.key) for entry in entries], 2) + b"".join(entry.key for entry in entries)
    )
    if level > 0:
        section += b"".join(entry.hash for entry in entries)
        section += column([entry.files for entry in entries], 8)
        return section + column([entry.size for entry in entries], 8)
    if kind == "file":
        section += b"".join(entry.hash for entry in entries)
        section += column([entry.size for entry in entries], 8)
        return section + column([entry.flags for entry in entries], 1)
    section += column([len(entry.value) for entry in entries], 2)
    return section + b"".join(entry.value for entry in entries)


def location(kind: str, level: int, entries: list[Any]) -> bytes:
    if level > 0 or kind == "file":
        return places([entry.place for entry in entries])
    pointers = [pointer for entry in entries for pointer in entry.pointers]
    section = column([len(entry.pointers) for entry in entries], 2)
    return section + b"".join(hash for hash, _ in pointers) + places([place for _, place in pointers])


def places(given: list[Place]) -> bytes:
    return (
        column([place.segment for place in given], 8)
        + column([place.offset for place in given], 4)
        + column([place.length for place in given], 4)
    )


def node_hash(kind: str, level: int, entries: list[Any]) -> bytes:
    return derived(f"{kind} node", identity(kind, level, entries))


def location_checksum(node: bytes, section: bytes) -> bytes:
    return derived("location", node + section)[:16]


def runs(level: int, entries: list[Any]) -> list[list[Any]]:
    found: list[list[Any]] = [[]]
    for entry in entries:
        found[-1].append(entry)
        if is_boundary(level, entry.key):
            found.append([])
    return [run for run in found if run]


def nodes(level: int, entries: list[Any]) -> list[list[Any]]:
    return [run[at : at + CAP] for run in runs(level, entries) for at in range(0, len(run), CAP)]


def build(kind: str, entries: list[Any]) -> Built:
    entries = sorted(entries, key=lambda entry: entry.key)
    if not entries:
        return Built(node_hash(kind, 0, []), [])
    levels: list[list[Child]] = []
    level = 0
    while True:
        above = []
        for node in nodes(level, entries):
            files = sum(entry.files for entry in node) if level else len(node)
            size = sum(entry.size for entry in node)
            above.append(Child(node[-1].key, node_hash(kind, level, node), files, size))
        levels.append(above)
        if len(above) == 1:
            return Built(above[0].hash, levels)
        entries, level = above, level + 1
